/** Connections to a real server, each of which breaks after so many bytes. */
import { concat, concatMap, defer, NEVER, Observable, of, Subject } from 'rxjs';
import { type ServeOptions, serve } from '../../../src/server/serve.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';

export interface CutOptions {
  /** After how many bytes of the client's each connection breaks, in the order they are made; then none does. */
  readonly cuts?: readonly number[];
  /** Connections of these numbers, from 0, are refused. */
  readonly refused?: (connection: number) => boolean;
  /** Answers of the server that are lost: those of these connections break as soon as it sends anything but an ack of these. */
  readonly deaf?: (connection: number) => boolean;
  readonly store?: FileStore;
  readonly server?: Partial<ServeOptions>;
}

/** Connections that broke, by the store behind them, until the server has dealt with what had arrived by then. */
const brokenTo = new WeakMap<FileStore, Promise<unknown>[]>();

export const refusedHere: ConnectionFault = { code: 'refused', message: 'nobody listens' };

export function cuttingLink({
  cuts = [],
  refused,
  deaf,
  store = memoryStore(),
  server = {},
}: CutOptions = {}) {
  let count = 0;
  let sent = 0;
  const made$ = new Subject<Connection>();
  const broken = brokenTo.get(store) ?? [];
  brokenTo.set(store, broken);

  /** Not before that: how much the server has of an upload that broke off must not depend on who is faster. */
  const connect = (): Observable<Connection> =>
    broken.length === 0 ? made() : defer(() => Promise.all(broken.splice(0))).pipe(concatMap(made));

  const made = (): Observable<Connection> =>
    new Observable((subscriber) => {
      const number = count++;
      if (refused?.(number)) return subscriber.error(refusedHere);
      const [here, there] = memoryPair();
      const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
      const events$ = serve({ connections$, store, ...server, limits: { linger: 50, ...server.limits } });
      const closed = new Promise<void>((resolve) => {
        events$.subscribe((event) => {
          if (event.type === 'closed') resolve();
        });
      });
      const breakOff = () => {
        broken.push(closed);
        there.destroy();
      };
      let left = cuts[number] ?? Number.POSITIVE_INFINITY;
      const connection: Connection = {
        ...here,
        write: (chunks, settled) => {
          const all = Buffer.concat(chunks);
          const part = all.subarray(0, left);
          left -= part.length;
          sent += part.length;
          here.write([part], (fault) => {
            settled(fault);
            if (part.length < all.length) breakOff();
          });
        },
        ...(deaf?.(number) ? { chunks$: deafened(here, there) } : {}),
      };
      made$.next(connection);
      subscriber.next(connection);
      subscriber.complete();
    });

  /** Breaks with the first put that is acknowledged. */
  const deafened = (here: Connection, there: Connection): Observable<Uint8Array> =>
    new Observable((subscriber) =>
      here.chunks$.subscribe({
        next: (chunk) => {
          if (Buffer.from(chunk).includes('"ack":"put"')) there.destroy();
          else subscriber.next(chunk);
        },
        complete: () => subscriber.complete(),
        error: (fault) => subscriber.error(fault),
      }),
    );

  return {
    connect,
    store,
    /** Connections that were tried. */
    connections: () => count,
    /** Bytes that the client has sent on all of them. */
    sent: () => sent,
    made$,
  };
}
