/** Connections to a server whose answers are cut off after so many bytes; a real server, or one that a test plays. */
import { concat, defer, from, map, NEVER, Observable, of } from 'rxjs';
import { requestFraming } from '../../../src/files/session/dispatch.ts';
import { serve } from '../../../src/server/serve.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { deframe } from '../../../src/wire/deframe/deframe.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';

export interface AnsweringOptions {
  readonly store?: FileStore;
  /** After how many bytes of the server's each connection breaks, in the order they are made; then none does. */
  readonly cuts?: readonly number[];
  /** Awaited before the connection of that number, from 0, is made. */
  readonly before?: (connection: number) => Promise<unknown> | null;
  /** Plays the server: all that is sent for a request, of which there were `count` before. */
  readonly answer?: (header: JsonHeader, count: number) => Uint8Array;
}

export type AnsweringLink = ReturnType<typeof answeringLink>;

export function answeringLink(options: AnsweringOptions = {}) {
  const { store = memoryStore(), cuts = [], before = () => null, answer } = options;
  let made = 0;
  let received = 0;
  let asked = 0;

  function attend(there: Connection): void {
    if (answer === undefined) {
      const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
      serve({ connections$, store, limits: { linger: 50 } }).subscribe();
      return;
    }
    there.chunks$.pipe(deframe(requestFraming())).subscribe({
      next: (event) => {
        if (event.type === 'start') there.write([answer(event.header, asked++)], () => {});
      },
      complete: () => there.end(),
      error: () => {},
    });
  }

  const cutAfter = (here: Connection, there: Connection, most: number): Observable<Uint8Array> =>
    new Observable((subscriber) => {
      let left = most;
      if (left === 0) there.destroy();
      return here.chunks$.subscribe({
        next: (chunk) => {
          const part = chunk.subarray(0, left);
          left -= part.length;
          received += part.length;
          if (part.length > 0) subscriber.next(part);
          if (left === 0) there.destroy();
        },
        complete: () => subscriber.complete(),
        error: (fault) => subscriber.error(fault),
      });
    });

  const connect = (): Observable<Connection> =>
    defer(() => {
      const number = made++;
      const [here, there] = memoryPair();
      attend(there);
      const most = cuts[number] ?? Number.POSITIVE_INFINITY;
      const connection: Connection = { ...here, chunks$: cutAfter(here, there, most) };
      const wait = before(number);
      return wait === null ? of(connection) : from(wait).pipe(map(() => connection));
    });

  return {
    connect,
    /** Connections that were made. */
    connections: () => made,
    /** Bytes that came of all answers. */
    received: () => received,
  };
}
