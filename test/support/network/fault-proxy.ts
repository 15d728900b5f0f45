/**
 * A bad network: a proxy between clients and a server that cuts, stalls, resets, splits, coalesces and slows down what
 * it carries, as a plan for each connection says. It is one Observable over the project's own connections.
 */
import {
  bufferTime,
  catchError,
  concat,
  concatMap,
  defer,
  delay,
  EMPTY,
  filter,
  finalize,
  ignoreElements,
  map,
  merge,
  mergeMap,
  Observable,
  type OperatorFunction,
  of,
  ReplaySubject,
  startWith,
  take,
  takeUntil,
  tap,
  throwError,
} from 'rxjs';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { connectTcp, listenTcp } from '../../../src/transport/socket/tcp.ts';
import { randomFrom } from '../random/seeded.ts';
import type { Direction, Fault, Pieces, Plan, TimedFault } from './fault-plan.ts';

export type { Direction, Pieces, Plan, TimedFault } from './fault-plan.ts';

type Way = 'up' | 'down';

/** `connection` counts the clients from 0. */
export type ProxyEvent =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'joined' | 'refused' | 'closed'; readonly connection: number }
  /** So many bytes more are with the system of the receiving side. */
  | { readonly type: 'carried'; readonly connection: number; readonly way: Way; readonly bytes: number }
  | { readonly type: Fault['type']; readonly connection: number; readonly way: Way; readonly after: number };

export interface FaultProxyOptions {
  /** Where clients come from. */
  readonly connections$: Observable<ListenEvent>;
  /** How the server is reached, for each client anew. A client whose server cannot be reached is reset. */
  readonly connect: () => Observable<Connection>;
  /** What becomes of each client. */
  readonly plan: (connection: number) => Plan;
  /** For pieces of random length: the same seed cuts the same chunks the same way. Default 1. */
  readonly seed?: number;
}

const nothing = new Uint8Array(0);

/**
 * Carries while it is subscribed, and emits what happens; unsubscribing drops everything. Ends, half-closes and resets
 * are passed on, and so is flow control: a direction holds at most a few chunks, however long it stalls.
 *
 * @example
 * const plan = () => ({ up: { faults: [{ after: 1000, type: 'reset' }] } });
 * faultProxy({ connections$: listenTcp({ port: 0 }), connect: () => connectTcp(server), plan }).subscribe();
 */
export function faultProxy({
  connections$,
  connect,
  plan,
  seed = 1,
}: FaultProxyOptions): Observable<ProxyEvent> {
  return defer(() => {
    let count = 0;
    const random = randomFrom(seed);
    return connections$.pipe(
      mergeMap((event): Observable<ProxyEvent> => {
        if (event.type === 'listening') return of({ type: 'listening', port: event.port });
        if (event.type !== 'connection') return EMPTY;
        const connection = count++;
        const planned = plan(connection);
        if (planned.refuse === true) {
          event.connection.destroy();
          return of({ type: 'refused', connection });
        }
        return concat(
          connect().pipe(
            mergeMap((server) => carried(event.connection, server, planned, connection, random)),
            catchError(() => EMPTY),
            finalize(() => event.connection.destroy()),
          ),
          of({ type: 'closed', connection } as const),
        );
      }),
    );
  });
}

/** Both directions of one client, until both sides are closed. */
function carried(
  client: Connection,
  server: Connection,
  plan: Plan,
  connection: number,
  random: () => number,
): Observable<ProxyEvent> {
  /** Replays, since a fault before the first byte comes while all this is being subscribed to. */
  const cut$ = new ReplaySubject<'end' | 'reset'>(1);
  const way = (name: Way, source: Connection, target: Connection): Observable<ProxyEvent> =>
    direction(source, target, plan[name] ?? {}, random, (how) => cut$.next(how)).pipe(
      map((event) => ({ ...event, connection, way: name })),
    );
  const drop = () => {
    client.destroy();
    server.destroy();
  };
  const afterCut$ = cut$.pipe(
    take(1),
    mergeMap((how) => {
      if (how === 'reset') {
        drop();
        return EMPTY;
      }
      client.end();
      server.end();
      return merge(thrownAway(client), thrownAway(server));
    }),
  );
  return concat(
    of({ type: 'joined', connection } as const),
    merge(
      merge(way('up', client, server), way('down', server, client)).pipe(
        // Either side broke: the other one is told by a reset.
        catchError(() => {
          drop();
          return EMPTY;
        }),
        takeUntil(cut$),
      ),
      // Behind the others, so that nobody reads any more when it begins to.
      afterCut$,
    ).pipe(takeUntil(bothClosed(client, server)), finalize(drop)),
  );
}

const thrownAway = (source: Connection): Observable<never> => {
  source.resume();
  return source.chunks$.pipe(
    ignoreElements(),
    catchError(() => EMPTY),
  );
};

const bothClosed = (client: Connection, server: Connection): Observable<unknown> =>
  client.closed$.pipe(concatMap(() => server.closed$));

type DirectionEvent =
  | { readonly type: 'carried'; readonly bytes: number }
  | { readonly type: Fault['type']; readonly after: number };

/** One direction; after it ended by itself, quiet. Errors when either side breaks. */
function direction(
  source: Connection,
  target: Connection,
  { pieces = 'as-is', rate, faults = [] }: Direction,
  random: () => number,
  cut: (how: 'end' | 'reset') => void,
): Observable<DirectionEvent> {
  const due = [...faults];
  let carriedBytes = 0;

  const write = (piece: Uint8Array): Observable<DirectionEvent> =>
    written(target, piece).pipe(
      rate === undefined ? (it) => it : delay((piece.length / rate) * 1000),
      tap(() => {
        carriedBytes += piece.length;
      }),
      map(() => ({ type: 'carried', bytes: piece.length })),
    );

  const happens = (fault: TimedFault): Observable<DirectionEvent> => {
    const event = { type: fault.type, after: carriedBytes };
    if (fault.type === 'stall') return concat(of(event), fault.until.pipe(take(1), ignoreElements()));
    const { type } = fault;
    // A cut is the end of both directions, so nothing comes after it here.
    return concat(of(event), new Observable<never>(() => cut(type)));
  };

  /** What is to be done with the pieces: they are written, and between them happens what is due. */
  function* steps(some: readonly Uint8Array[]): Generator<Observable<DirectionEvent>> {
    for (const piece of some) {
      let rest = piece;
      for (;;) {
        const [fault] = due;
        if (fault === undefined || fault.after > carriedBytes + rest.length) break;
        const before = rest.subarray(0, fault.after - carriedBytes);
        rest = rest.subarray(before.length);
        if (before.length > 0) yield write(before);
        due.shift();
        yield happens(fault);
      }
      if (rest.length > 0) yield write(rest);
    }
  }

  // In slow pieces, so that a rate is not a long wait after a large write.
  const most = rate === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(rate / 50));
  return concat(
    source.chunks$.pipe(
      startWith(nothing),
      recut(pieces, most, random),
      // Read on only once the pieces are written, so that what waits here is bounded.
      tap(() => source.pause()),
      concatMap((some) => inTurn(steps(some)).pipe(finalize(() => source.resume()))),
    ),
    new Observable<never>(() => target.end()),
  );
}

/** Each once the one before it has completed; the next is asked for only then. */
const inTurn = <T>(steps: Iterator<Observable<T>>): Observable<T> =>
  new Observable((subscriber) => {
    const next = () => {
      const { done, value } = steps.next();
      if (done) return subscriber.complete();
      subscriber.add(
        value.subscribe({
          next: (it: T) => subscriber.next(it),
          error: (fault: unknown) => subscriber.error(fault),
          complete: next,
        }),
      );
    };
    next();
  });

/** Writes when subscribed; emits once the system has it, a turn of the event loop later. */
const written = (target: Connection, piece: Uint8Array): Observable<void> =>
  defer(() => {
    const settled = new ReplaySubject<ConnectionFault | undefined>(1);
    target.write([piece], (fault) => setImmediate(() => settled.next(fault)));
    return settled.pipe(
      take(1),
      mergeMap((fault) => (fault === undefined ? of(undefined) : throwError(() => fault))),
    );
  });

function recut(
  pieces: Pieces,
  most: number,
  random: () => number,
): OperatorFunction<Uint8Array, Uint8Array[]> {
  const cut = (size: (left: number) => number) =>
    map((chunk: Uint8Array) => cutBy(chunk, (left) => Math.min(most, size(left))));
  switch (pieces) {
    case 'as-is':
      return cut((left) => left);
    case 'bytes':
      return cut(() => 1);
    case 'random':
      return cut((left) => Math.ceil(left ** random()));
    case 'coalesce':
      return (chunks$) =>
        chunks$.pipe(
          bufferTime(5, null, 16),
          filter((chunks) => chunks.length > 0),
          map((chunks) => Buffer.concat(chunks)),
          cut((left) => left),
        );
  }
}

/** At least one piece, so that a fault before the first byte has its turn. */
function cutBy(chunk: Uint8Array, size: (left: number) => number): Uint8Array[] {
  if (chunk.length === 0) return [chunk];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; ) {
    const end = Math.min(chunk.length, at + Math.max(1, size(chunk.length - at)));
    pieces.push(chunk.subarray(at, end));
    at = end;
  }
  return pieces;
}

export interface RunningProxy {
  readonly port: number;
  /** What happens; the last 256 events are told again to whoever subscribes. */
  readonly events$: Observable<ProxyEvent>;
  /** Stops listening, and drops what is open. */
  close(): void;
}

/**
 * A proxy on a free port of 127.0.0.1 that runs until it is closed.
 *
 * @param settings.target the port of the server on 127.0.0.1, asked anew for each client.
 * @example
 * const proxy = await startFaultProxy({ target: () => port, plan: () => ({ up: { pieces: 'bytes' } }) });
 * // … connect to proxy.port …
 * proxy.close();
 */
export async function startFaultProxy(settings: {
  readonly target: () => number;
  readonly plan: (connection: number) => Plan;
  readonly seed?: number;
}): Promise<RunningProxy> {
  const events$ = new ReplaySubject<ProxyEvent>(256);
  const { target, ...rest } = settings;
  const connect = () => connectTcp({ host: '127.0.0.1', port: target() });
  return new Promise((resolve, reject) => {
    const running = faultProxy({ ...rest, connections$: listenTcp({ port: 0 }), connect }).subscribe({
      next: (event) => {
        if (event.type === 'listening') {
          resolve({ port: event.port, events$, close: () => running.unsubscribe() });
        }
        events$.next(event);
      },
      error: reject,
    });
  });
}
