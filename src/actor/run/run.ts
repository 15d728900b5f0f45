/**
 * The state of one connection that an actor serves: what is queued, what is under way, and why it is not read.
 *
 * Everything in it is bounded. The peer's events have paid credit, and are at most one step of the decoder. Results
 * belong to effects of events that have paid, and are at most `RESULTS_MAX`. Inputs are bounded by the mailbox, timers
 * by `TIMERS_MAX`.
 */
import type { AsyncSubject, SchedulerLike, Subscription } from 'rxjs';
import type { Fifo } from '../../base/fifo.ts';
import type { LazySet } from '../../base/lazy-set.ts';
import type { Connection } from '../../transport/connection.ts';
import type { Codec } from '../../wire/codec.ts';
import type { Slice } from '../../wire/decode.ts';
import type { ActorEvent, AnyActor, PerformContext } from '../actor.ts';
import type { Counters } from '../bounds/counters.ts';
import type { CreditWindow } from '../bounds/credit.ts';
import type { Share } from '../bounds/rate-limit.ts';
import type { RoundMember } from '../bounds/rounds.ts';
import type { SlotHolder } from '../bounds/slots.ts';
import type { Inbound } from '../mailbox.ts';
import type { ActorReport } from '../report.ts';
import type { Pause, TraceEvent } from '../trace.ts';
import type { AckDelay } from './ack-delay.ts';
import type { ReplyWriter } from './reply-writer.ts';

// biome-ignore lint/suspicious/noExplicitAny: a run keeps what its actor's functions made, and gives it back to them.
export type AnyEvent = ActorEvent<any, any, any, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: likewise.
export type AnyCodec = Codec<any, any, any>;

/**
 * The credit of an event of the peer, an input or a timer. It returns when the event is reduced and all its effects
 * have ended, and so have the effects of their results.
 */
export interface Settlement {
  /** What has not ended: effects, results that are not reduced, and the event itself while it is reduced. */
  pending: number;
  readonly credit: number;
  /** Bytes of a body, which may be received into again afterwards; null when there are none. */
  lent: Uint8Array | null;
  /** Memory that a message shares with others, and that is charged while any of them is kept; null when there is none. */
  readonly memory: ArrayBufferLike | null;
}

/** What one step of the decoder has found, and is not reduced. */
export interface PeerEvents {
  /** An event that is being reduced, or was, is taken out. */
  readonly events: (AnyEvent | undefined)[];
  /** The place of the next event. */
  at: number;
  /** Those of the events; null when all are messages, whose credit follows from their cost. */
  readonly settlements: readonly (Settlement | null)[] | null;
}

export interface QueuedEvent {
  readonly event: AnyEvent;
  /** The credit of a result itself, while it waits; default none. */
  readonly resultCredit?: number;
  /** Null for an event that costs nothing. */
  readonly settlement: Settlement | null;
}

/** The last step of the decoder, to be taken back when the codec changes in the middle of it. */
export interface LastStep {
  readonly state: unknown;
  readonly slice: Slice;
  readonly from: number;
  /** How many things it has decoded. */
  readonly count: number;
  /** The bytes of bodies that were handed on before it. */
  readonly bodiesBefore: number;
}

/**
 * ```text
 *  phase    when                                                           then
 *  open     the peer's end is reduced                                      ended
 *  open,    `end`; a fatal fault or a timeout is reduced                   ending
 *  ended
 *  ended    nothing is under way                                           ending
 *  ending   our side ends when everything is sent; what comes is dropped
 *  any      `closed` is reduced: `signal` is aborted                       closed
 *  closed   no effect is under way, or they have taken too long            finished
 * ```
 */
export type Phase = 'open' | 'ended' | 'ending' | 'closed' | 'finished';

/** Who gets the reports of a run. */
export interface ReportObserver {
  next(report: ActorReport): void;
  complete(): void;
}

export interface Run {
  readonly connection: Connection;
  readonly actor: AnyActor;
  readonly scheduler: SchedulerLike;
  readonly observer: ReportObserver;
  readonly trace: ((event: TraceEvent) => void) | undefined;
  readonly counters: Counters;
  readonly lingerMs: number;
  /** Sends of so many bytes wait at most: beyond, nothing is reduced until the peer has read. */
  readonly sendingMax: number;
  /** The bytes of the state, or of sends that wait, beyond which no request begins. */
  readonly beginningMax: number;
  readonly stateBytesMax: number;
  readonly settleMs: number;

  phase: Phase;
  /** A reducer or a codec has thrown: neither is called again. */
  isBroken: boolean;
  /** The state of the reducer. */
  state: unknown;

  /** The codec, and the state of its decoder. An actor may change both. */
  readonly decoding: { codec: AnyCodec; state: unknown };
  /** Chunks that are not decoded yet: a paused connection emits one more at the most. */
  readonly chunks: Fifo<Uint8Array>;
  /** The chunk that is being decoded. */
  slice: Slice | null;
  lastStep: LastStep | null;
  /** The end of the input, and that of the connection, in their places behind the chunks. */
  readonly ends: Fifo<AnyEvent>;
  /** Decodes what is next; see `slices`. */
  pull: () => void;

  /** What performers do in this connection's turn (see `Flow`): each effect has a few at the most. */
  readonly steps: Fifo<() => void>;
  readonly results: Fifo<QueuedEvent>;
  /** The credit of the results that wait. */
  resultBytes: number;
  /** Called when no result waits any more: one for each async iterable that an effect gives. */
  drained: LazySet<() => void>;
  fromPeer: PeerEvents;
  readonly inbound: Inbound<unknown>;
  /** Whether an input goes before the next event of the peer: they take turns. */
  isInputsTurn: boolean;
  /** Takes the event that is next; see `mergeEvents`. */
  reducer: { next(event: AnyEvent): void };
  /** The settlement of the event that is being reduced; null while it has none, see `hold`. */
  settlement: Settlement | null;
  /** The credit of the message that is being reduced, 0 when it is none; and the memory that it shares with others. */
  messageCredit: number;
  messageMemory: ArrayBufferLike | null;
  /** How many messages that share this memory are kept by effects. */
  sharedMemory: Map<ArrayBufferLike, number> | null;
  /**
   * The credit that is to be charged, or when it is negative returned, for messages that were reduced and sent. It is
   * done for many at once, before anything depends on it.
   */
  creditChange: number;

  readonly window: CreditWindow;
  readonly member: RoundMember;
  readonly writer: ReplyWriter;
  readonly ackDelay: AckDelay;
  rates: { readonly bytes: Share; readonly messages: Share };
  readonly room: SlotHolder;
  pausedBy: LazySet<Pause>;
  /** Whether it is another connection's turn. */
  isWaiting: boolean;
  /** Gives back the room for a long message, or withdraws the wish for it; null when there is neither. */
  cancelRoom: (() => void) | null;
  hasRoom: boolean;
  /** The bytes that the decoder keeps of an incomplete message. */
  partialBytes: number;
  /** The credit for what has come of an incomplete message, and for what the state keeps. */
  partialCredit: number;
  stateCredit: number;
  /** The credit for the head of a message whose body is arriving. */
  frameCost: number;
  /** Whether the decoder was given the end of the input. */
  isEndDecoded: boolean;
  /** Whether the peer sends no more. */
  isInputOver: boolean;
  /** Whether nothing can be sent to the peer any more. */
  isUnreachable: boolean;

  /** The effects that are under way, and how they are ended. */
  underWay: LazySet<Subscription>;
  timers: Map<string, Subscription> | null;
  /** Messages that wait behind a body that is being sent: bounded by credit. */
  readonly behindBody: Fifo<() => void>;
  isSendingBody: boolean;
  /** The bytes of the messages that wait behind it. */
  behindBodyBytes: number;
  /** The wish to go on when the peer has read enough; null when there is none. */
  cancelWhenLow: (() => void) | null;
  /** Whether effects were told that the connection is closed; and how they are told, once one of them has asked. */
  isAborted: boolean;
  abort: AbortController | null;
  closed$: AsyncSubject<void> | null;
  context: PerformContext<unknown>;
  /** What the actor itself listens to, until the connection is closed. */
  listening: Subscription | null;
  /** Timers of the engine: for a peer that does not end its side, and for effects that do not end. */
  waits: Subscription | null;

  /** Bytes that the system has taken to be sent. */
  sent: number;
  /** Bytes that have come; those of them that were pieces of bodies; and whether a body is arriving. */
  received: number;
  bodies: number;
  inBody: boolean;
  /** Whether the reducer has the start of a body, and not its end. */
  isReducingBody: boolean;
}
