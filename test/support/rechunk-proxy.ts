/**
 * A TCP proxy that hands on the same bytes in other pieces, for tests from end to end: what works through it does
 * not depend on where the network cuts.
 */
import { bufferTime, concatMap, filter, finalize, map, Observable, type OperatorFunction, tap } from 'rxjs';
import type { Connection, ConnectionFault } from '../../src/transport/connection.ts';
import { connectTcp, listenTcp } from '../../src/transport/tcp.ts';

/**
 * - `bytes`: one byte at a time, each its own write and turn of the event loop (some 50 KB/s: for small tests).
 * - `random`: pieces of 1 byte up to all there is, small ones as likely as large ones.
 * - `coalesce`: what arrives within 5 ms in one piece, of at most 16 chunks.
 */
export type Rechunking = 'bytes' | 'random' | 'coalesce';

export interface RechunkOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** The same seed cuts the same bytes, arriving in the same chunks, the same way. */
  readonly seed: number;
  readonly strategy: Rechunking;
}

export interface RechunkProxy {
  readonly port: number;
  /** Stops listening, drops what is open, and resolves when all of it is closed. */
  close(): Promise<void>;
}

/**
 * Listens on a free port of 127.0.0.1 and connects each client to the target. Ends, half-closes and resets are passed
 * on in both directions, and so is flow control: a direction holds at most a few chunks.
 *
 * @example
 * const proxy = await rechunkProxy({ target: { host: '127.0.0.1', port }, seed: 7, strategy: 'random' });
 * // … connect to proxy.port …
 * await proxy.close();
 */
export function rechunkProxy({ target, seed, strategy }: RechunkOptions): Promise<RechunkProxy> {
  /** Every connection that is not over yet. Bounded by the clients of the test. */
  const open = new Map<Connection, Promise<void>>();
  const random = randomFrom(seed);

  function keep(connection: Connection): void {
    const closed = new Promise<void>((resolve) => {
      connection.closed$.subscribe(() => {
        open.delete(connection);
        resolve();
      });
    });
    open.set(connection, closed);
  }

  function join(client: Connection): void {
    keep(client);
    connectTcp(target).subscribe({
      next: (server) => {
        keep(server);
        pump(client, server, recut(strategy, random));
        pump(server, client, recut(strategy, random));
      },
      error: () => client.destroy(),
    });
  }

  return new Promise((resolve, reject) => {
    const listening = listenTcp({ port: 0 }).subscribe({
      next: (event) => {
        if (event.type === 'connection') join(event.connection);
        if (event.type !== 'listening') return;
        resolve({
          port: event.port,
          async close() {
            listening.unsubscribe();
            const closing = [...open.values()];
            for (const connection of open.keys()) connection.destroy();
            await Promise.all(closing);
          },
        });
      },
      error: reject,
    });
  });
}

/** One direction, until it ends or either side breaks. */
function pump(from: Connection, to: Connection, cut: OperatorFunction<Uint8Array, Uint8Array[]>): void {
  from.chunks$
    .pipe(
      cut,
      // Read on only once the pieces are written, so that what waits here is bounded.
      tap(() => from.pause()),
      concatMap((pieces) => writeApart(to, pieces).pipe(finalize(() => from.resume()))),
    )
    .subscribe({
      complete: () => to.end(),
      // Either side broke: the other one is told by a reset.
      error: () => {
        from.destroy();
        to.destroy();
      },
    });
}

/** Writes each piece by itself, with a turn of the event loop after it; errors with the fault of a write. */
function writeApart(to: Connection, pieces: readonly Uint8Array[]): Observable<never> {
  return new Observable((subscriber) => {
    let at = 0;
    const next = (fault?: ConnectionFault) => {
      if (fault !== undefined) return subscriber.error(fault);
      const piece = pieces[at++];
      if (piece === undefined) return subscriber.complete();
      to.write([piece], (failed) => setImmediate(next, failed));
    };
    next();
  });
}

function recut(strategy: Rechunking, random: () => number): OperatorFunction<Uint8Array, Uint8Array[]> {
  switch (strategy) {
    case 'bytes':
      return map((chunk) => cutBy(chunk, () => 1));
    case 'random':
      return map((chunk) => cutBy(chunk, (left) => Math.ceil(left ** random())));
    case 'coalesce':
      return (chunks$) =>
        chunks$.pipe(
          bufferTime(5, null, 16),
          filter((chunks) => chunks.length > 0),
          map((chunks) => [Buffer.concat(chunks)]),
        );
  }
}

function cutBy(chunk: Uint8Array, size: (left: number) => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; ) {
    const end = Math.min(chunk.length, at + Math.max(1, size(chunk.length - at)));
    pieces.push(chunk.subarray(at, end));
    at = end;
  }
  return pieces;
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
