/** A real server over a store in memory, and connections to it that break at chosen places. */
import { defer, Observable, of, Subject, throwError } from 'rxjs';
import type { Access } from '../../src/files/effects/access.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import type { ServerLimits } from '../../src/server/limits.ts';
import { serve } from '../../src/server/serve.ts';
import type { FileStore } from '../../src/store/contract.ts';
import { type MemoryStore, memoryStore } from '../../src/store/memory/memory-store.ts';
import type { Connection, ConnectionFault } from '../../src/transport/connection.ts';

import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';

/** Where a connection breaks: after so many bytes from or to the client. */
export interface Cut {
  readonly refuse?: boolean;
  readonly up?: number;
  readonly down?: number;
}

export interface FlakyOptions {
  /** The ways in which each connection breaks, counted from 0; default in none. */
  readonly plan?: (connection: number) => Cut | undefined;
  /** The store as the server sees it. */
  readonly around?: (store: MemoryStore) => FileStore;
  readonly access?: Access;
  readonly limits?: Partial<ServerLimits>;
}

export interface Made {
  /** Bytes that the client has sent. */
  sent: number;
  readonly here: Connection;
  /** Breaks it, as a network does. */
  readonly cut: () => void;
}

export interface Flaky {
  readonly connect: () => Observable<Connection>;
  readonly store: MemoryStore;
  /** Every connection that was made. */
  readonly made: readonly Made[];
  /** How many are open, and how many were at most. */
  readonly open: () => number;
  readonly mostOpen: () => number;
  readonly events: readonly ServerEvent[];
  /** Bytes that the client has sent in all. */
  readonly sent: () => number;
}

export function flaky({ plan = () => undefined, around, access, limits }: FlakyOptions = {}): Flaky {
  const store = memoryStore();
  const connections$ = new Subject<ListenEvent>();
  const events: ServerEvent[] = [];
  const made: Made[] = [];
  let tried = 0;
  let open = 0;
  let mostOpen = 0;
  serve({
    connections$,
    store: around?.(store) ?? store,
    ...(access === undefined ? {} : { access }),
    limits: { linger: 50, ...limits },
  }).subscribe((event) => events.push(event));

  const connect = () =>
    defer(() => {
      const cut = plan(tried++) ?? {};
      if (cut.refuse === true) return throwError(() => connectionFault('refused'));
      const [here, there] = memoryPair();
      open++;
      mostOpen = Math.max(mostOpen, open);
      here.closed$.subscribe(() => open--);
      const one: Made = { sent: 0, here, cut: () => there.destroy() };
      made.push(one);
      connections$.next({ type: 'connection', connection: there });
      return of(breaking(one, cut));
    });
  return {
    connect,
    store,
    made,
    open: () => open,
    mostOpen: () => mostOpen,
    events,
    sent: () => made.reduce((sum, { sent }) => sum + sent, 0),
  };
}

function breaking(
  one: Made,
  { up = Number.POSITIVE_INFINITY, down = Number.POSITIVE_INFINITY }: Cut,
): Connection {
  const { here, cut } = one;
  let received = 0;
  return {
    ...here,
    chunks$: new Observable((subscriber) =>
      here.chunks$.subscribe({
        next: (chunk) => {
          const left = down - received;
          received += chunk.length;
          if (left > 0) subscriber.next(chunk.length > left ? chunk.subarray(0, left) : chunk);
          if (received >= down) cut();
        },
        error: (fault) => subscriber.error(fault),
        complete: () => subscriber.complete(),
      }),
    ),
    write: (chunks, settled) => {
      const left = up - one.sent;
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      one.sent += Math.min(left, length);
      if (length < left) return here.write(chunks, settled);
      const before = Buffer.concat(chunks).subarray(0, left);
      here.write([before], (fault) => {
        cut();
        settled(fault ?? connectionFault('reset'));
      });
    },
  };
}

/** @example connectionFault('reset') */
export const connectionFault = (code: ConnectionFault['code']): ConnectionFault => ({ code, message: code });
