/**
 * An actor is what a service does on one connection, for any framed protocol, as data and functions.
 *
 * ```text
 *  bytes ──▶ codec ──▶ events ──▶ reduce: (state, event) → (state, effects) ──▶ perform ──▶ the world
 *                        ▲                                            │             │
 *                        ├──────────────── results ───────────────────┼─────────────┘
 *                        └── inputs of other connections              └──▶ messages to the peer
 * ```
 *
 * The reducer is pure: it knows no socket, no clock and no RxJS, so a test of it is a list of events and the effects
 * that they must have. `serveActor` runs it, and keeps the laws: one event at a time; results before what the peer
 * sends; memory bounded by credit; what fails in the world is an event.
 */
import type { Observable, ObservableInput } from 'rxjs';
import type { Address, Certificate, ConnectionFault } from '../transport/connection.ts';
import {
  CODEC,
  checkOptions,
  FLAG,
  FUNCTION,
  numberFrom,
  optional,
  type RulesFor,
} from '../wire/argument.ts';
import type { Codec, Decoded } from '../wire/codec.ts';
import type { TimeoutKind } from './bounds/timeouts.ts';
import type { Flow } from './flow.ts';
import type { Mailbox } from './mailbox.ts';

/** Who is at the other end. Every event of one connection has the same. */
export interface Peer {
  /** Unique in this process; for logs. */
  readonly id: string;
  /** Our end of the connection. */
  readonly local: Address;
  /** The peer's end: `192.0.2.7:50312`, say. */
  readonly remote: Address;
  /** The certificate that the peer has shown over TLS, if any. */
  readonly certificate?: Certificate;
}

/**
 * An event of an actor's connection: the engine gives its reducer one at a time. `message`, `start`, `data`, `end` and
 * `fault` are those of the codec.
 *
 * - `opened`: the first event. A server may speak first.
 * - `message`, `start`, `data`, `end`, `fault`: from the peer. After a fatal fault the engine ends the connection, once
 *   what the reducer sends is sent. A `message` or `start` with `exceedsBudget` costs more than 16 KiB while the memory
 *   of all connections is used up: a protocol that can refuse it should.
 * - `ended`: the peer sends no more, and still reads. The engine ends our side once all effects have settled and no
 *   timer is set.
 * - `result`, `failed`: of an effect: one `result` for each value that `perform` gives, or its error.
 * - `input`: from another connection, or from anywhere in the program (see `Mailbox`), or what `listen` has emitted.
 * - `timer`: one that `setTimer` has set.
 * - `timeout`: the peer was too slow. The engine ends the connection, once what the reducer sends is sent; after
 *   `unread` at once.
 * - `shutdown`: the server shuts down: finish, and `end`. What is not over after the grace time is destroyed.
 * - `unreachable`: nothing that is sent can reach the peer any more. What it has sent before still comes, and `closed`
 *   behind that.
 * - `closed`: the connection is over, with a fault when it broke. What is sent is dropped from now on; results of
 *   effects that are under way still come.
 */
export type ActorEvent<In, Head, E, R, I> =
  | (Decoded<In, Head> & { readonly exceedsBudget?: true })
  | { readonly type: 'opened' | 'ended' | 'shutdown' | 'unreachable' }
  | { readonly type: 'result'; readonly effect: E; readonly value: R }
  | { readonly type: 'failed'; readonly effect: E; readonly error: unknown }
  | { readonly type: 'input'; readonly input: I }
  | { readonly type: 'timer'; readonly key: string }
  | { readonly type: 'timeout'; readonly kind: TimeoutKind }
  | { readonly type: 'closed'; readonly fault: ConnectionFault | null };

/**
 * The effects that every actor has.
 *
 * - `send`: sends a message. With `mayWait` it may wait until the peer is quiet, for acks that the peer may never read.
 * - `sendBody`: sends a message whose body of `length` bytes comes from elsewhere, a piece at a time. What is sent
 *   after it waits behind it. A body that is shorter or longer, or fails, destroys the connection: the peer could not
 *   find the next message.
 * - `setTimer`: has the event `timer` come after so many milliseconds; a second call with the same key sets it anew,
 *   and null stops it.
 * - `useCodec`: the bytes behind this message are decoded by another codec, and messages to the peer are encoded by
 *   it. It must be an effect of a `message` or an `end`, or come before the peer has sent anything else. It does not
 *   change the transport, as STARTTLS does: see `Framed.detach`.
 * - `end`: ends our side when everything is sent. No more of the peer is read; a peer that does not end its side in
 *   time is dropped.
 * - `destroy`: drops the connection now.
 */
export type Control<Out> =
  | { readonly type: 'send'; readonly message: Out; readonly mayWait?: boolean }
  | {
      readonly type: 'sendBody';
      readonly message: Out;
      readonly length: number;
      readonly body: () => AsyncIterable<Uint8Array>;
    }
  | { readonly type: 'setTimer'; readonly key: string; readonly afterMs: number | null }
  // biome-ignore lint/suspicious/noExplicitAny: the new codec's messages are of the actor's types.
  | { readonly type: 'useCodec'; readonly codec: Codec<any, any, any> }
  | { readonly type: 'end' | 'destroy' };

/** A reducer returns the state after the event, and the effects that the engine is to carry out. */
export interface Reduction<S, E, Out> {
  /** The state that the next event finds. It may be the one that was given. */
  readonly state: S;
  /** In order; default none. */
  readonly effects?: readonly (E | Control<Out>)[];
}

/** What a performer may use besides the effect. */
export interface PerformContext<I> {
  /** The peer of the connection whose effect it is. */
  readonly peer: Peer;
  /** Aborted once the connection is closed. An effect that has not ended half a minute later is given up. */
  readonly signal: AbortSignal;
  /** The same for pipelines: emits and completes once the connection is closed, also when that is so already. */
  readonly closed$: Observable<void>;
  /** The mailbox of this connection's actor, to give to others. */
  readonly self: Mailbox<I>;
  /** For effects that send many bytes, or answer much more than they were asked. */
  readonly flow: Flow;
}

/**
 * A service on one connection, as data and functions. `defineActor` makes one, and `serveActors` runs it for every
 * connection, with a state each.
 *
 * @typeParam S the state of a connection: a value.
 * @typeParam In the messages of the peer; `Out` those to it; `Head` as in `Codec`.
 * @typeParam E the effects of your own; each has a `type` that is no `Control`'s.
 * @typeParam R what comes of them. @typeParam I what other connections send.
 */
export interface Actor<S, In, Out, Head, E extends { readonly type: string }, R, I> {
  /** How messages are found in the bytes of the peer, and made into bytes for it. */
  readonly codec: Codec<In, Out, Head>;
  /**
   * The most that any codec keeps of an incomplete message, in bytes, where `useCodec` may set one that keeps more than
   * `codec` does, and more than 64 KiB; default its `heldMax`.
   */
  readonly heldMax?: number;
  /** Makes the state of a connection that was accepted, before any event. */
  readonly initial: (peer: Peer) => S;
  /** Pure. An exception costs the connection, and is reported as `internal-error`. */
  readonly reduce: (state: S, event: ActorEvent<In, Head, E, R, I>) => Reduction<S, E, Out>;
  /**
   * Whether the actor takes more from the peer, or from others, now; default always. While it does not, what the peer
   * sends stays with the operating system, and what others send stays in the mailbox.
   */
  readonly accepts?: (state: S, from: 'peer' | 'input') => boolean;
  /**
   * The bytes of memory that the state keeps, when those can be many: they count as the connection's. More than the
   * connection's window is an error that costs the connection. Default 0.
   */
  readonly heldBytes?: (state: S) => number;
  /**
   * Whether the reducer itself ends the connection after a fatal fault or a timeout, by `end`, when it has finished what
   * it had begun; default false: the engine ends it. A reducer that says so must.
   */
  readonly endsItself?: boolean;
  /**
   * What the actor listens to as long as the connection is open: each value is an event `input`, and is reduced before
   * what the peer has sent. It never keeps the connection open. An error is reported as `internal-error`, and costs the
   * connection.
   */
  readonly listen?: (context: PerformContext<I>) => ObservableInput<I>;
  /**
   * Carries out an effect. What it returns (a promise, an Observable, an async iterable, an array) gives values, each
   * of which is an event `result`; an error is the event `failed`. Nothing returned means that it is done.
   * Without this function, an effect of an unknown type costs the connection, as an exception of the reducer does.
   *
   * The credit of an event returns when all its effects have ended, so a peer cannot have more under way than its
   * window. State that connections share (rooms, a cache) lives in the closure around this function.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a performer without a result need not return anything.
  readonly perform?: (effect: E, context: PerformContext<I>) => ObservableInput<R> | undefined | void;
}

/** An actor of any types. */
// biome-ignore-start lint/suspicious/noExplicitAny: what it keeps and gives is of its own types.
export interface AnyActor {
  readonly codec: Codec<any, any, any>;
  readonly heldMax?: number;
  readonly initial: (peer: Peer) => any;
  readonly reduce: (state: any, event: any) => Reduction<any, any, any>;
  readonly accepts?: (state: any, from: 'peer' | 'input') => boolean;
  readonly heldBytes?: (state: any) => number;
  readonly endsItself?: boolean;
  readonly listen?: (context: PerformContext<any>) => ObservableInput<any>;
  readonly perform?: (effect: never, context: PerformContext<any>) => any;
}
// biome-ignore-end lint/suspicious/noExplicitAny: what it keeps and gives is of its own types.

/**
 * The types of an actor that no function shows: `defineActor` takes them between its angle brackets. Each may be left
 * out.
 *
 * @example
 * const counter = defineActor<{ state: number }>()({
 *   codec: lines({ maxLength: 1000 }),
 *   initial: () => 0,
 *   reduce: (count, event) => {
 *     if (event.type !== 'message') return { state: count };
 *     return { state: count + 1, effects: [{ type: 'send', message: `${count + 1}: ${event.message}` }] };
 *   },
 * });
 */
export interface ActorTypes {
  /** The state of a connection; default none (`null`). */
  readonly state?: unknown;
  /** The effects that `perform` carries out, told apart by `type`; default none. */
  readonly effect?: { readonly type: string };
  /** The values that `perform` gives: an event `result` has one; default none. */
  readonly result?: unknown;
  /** The inputs that others send to the connection's mailbox: an event `input` has one; default none. */
  readonly input?: unknown;
}

type StateOf<T> = T extends { readonly state: infer S } ? S : null;
type EffectOf<T> = T extends { readonly effect: infer E extends { readonly type: string } } ? E : never;
type ResultOf<T> = T extends { readonly result: infer R } ? R : never;
type InputOf<T> = T extends { readonly input: infer I } ? I : never;

/** What `defineActor` takes: without a state of its own, `initial` may be left out. */
type Definition<T, In, Out, Head> = Omit<
  Actor<StateOf<T>, In, Out, Head, EffectOf<T>, ResultOf<T>, InputOf<T>>,
  'initial'
> &
  (T extends { readonly state: unknown }
    ? { readonly initial: (peer: Peer) => StateOf<T> }
    : { readonly initial?: undefined });

const ACTOR_RULES: RulesFor<Actor<never, never, never, never, never, never, never>> = {
  codec: CODEC,
  initial: optional(FUNCTION),
  reduce: FUNCTION,
  accepts: optional(FUNCTION),
  heldMax: optional(numberFrom(0)),
  heldBytes: optional(FUNCTION),
  endsItself: optional(FLAG),
  listen: optional(FUNCTION),
  perform: optional(FUNCTION),
};

/**
 * Defines an actor. It is called twice, because the types of its messages follow from the codec, while the types of
 * its state, effects, results and inputs must be said.
 *
 * @throws TypeError when a field is missing or of the wrong kind.
 * @example
 * const echo = defineActor()({
 *   codec: lines({ maxLength: 1000 }),
 *   reduce: (state, event) => ({
 *     state,
 *     effects: event.type === 'message' ? [{ type: 'send', message: event.message }] : [],
 *   }),
 * });
 * serveActors({ connections$: listenTcp({ port: 7000 }), actor: echo }).subscribe({
 *   error: (error) => console.error(error.message), // the port is taken, say
 * });
 */
export function defineActor<T extends ActorTypes = Record<never, never>>() {
  return <In, Out, Head = never>(
    definition: Definition<T, In, Out, Head> & { readonly codec: Codec<In, Out, Head> },
  ): Actor<StateOf<T>, In, Out, Head, EffectOf<T>, ResultOf<T>, InputOf<T>> => {
    checkOptions<object>('defineActor', definition, ACTOR_RULES);
    return { ...definition, initial: definition.initial ?? (() => null as StateOf<T>) } as Actor<
      StateOf<T>,
      In,
      Out,
      Head,
      EffectOf<T>,
      ResultOf<T>,
      InputOf<T>
    >;
  };
}
