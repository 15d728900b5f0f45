/** An actor that is served in memory, and clients of it. */
import { Subject, type Subscription } from 'rxjs';
import type { Actor } from '../../../src/actor/actor.ts';
import { type Framed, framed } from '../../../src/actor/framed/framed.ts';
import {
  type ActorsEvent,
  type ActorsStats,
  type ServeActorsOptions,
  serveActors,
} from '../../../src/actor/serve-actors.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { type MemoryPairOptions, memoryPair } from '../../../src/transport/memory/memory-pair.ts';

export interface ServedActor<In, Out> {
  /** A client that speaks the actor's protocol. */
  readonly connect: () => Framed<Out, In>;
  /** The peer's end of a new connection. */
  readonly open: (options?: MemoryPairOptions) => Connection;
  /** What the server has emitted. */
  readonly events: readonly ActorsEvent[];
  readonly types: () => string[];
  readonly stats: () => ActorsStats;
  readonly shutDown: () => void;
  readonly stop: () => void;
}

export function served<S, In, Out, Head, E extends { readonly type: string }, R, I>(
  actor: Actor<S, In, Out, Head, E, R, I>,
  options: Partial<ServeActorsOptions<S, In, Out, Head, E, R, I>> = {},
): ServedActor<In, Out> {
  const connections$ = new Subject<ListenEvent>();
  const shutdown$ = new Subject<void>();
  const events: ActorsEvent[] = [];
  let stats!: () => ActorsStats;
  const server: Subscription = serveActors({
    ...options,
    connections$,
    actor,
    shutdown$,
    stats: (read) => {
      stats = read;
    },
  }).subscribe((event) => events.push(event));
  const open = (pair?: MemoryPairOptions): Connection => {
    const [here, there] = memoryPair(pair);
    connections$.next({ type: 'connection', connection: there });
    return here;
  };
  return {
    open,
    // The client reads what the server writes, and the other way round.
    connect: () => framed(open(), actor.codec as never) as unknown as Framed<Out, In>,
    events,
    types: () => events.map(({ type }) => type),
    stats: () => stats(),
    shutDown: () => shutdown$.next(),
    stop: () => server.unsubscribe(),
  };
}
