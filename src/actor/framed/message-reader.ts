/**
 * The messages of one codec, each of which goes to one of those who want it.
 *
 * ```text
 *  bytes ──▶ decoder ──▶ a request that waits for it ──▶ its promise
 *                   ├──▶ `next`                      ──▶ its promise
 *                   └──▶ `messages$`                 ──▶ its subscriber
 * ```
 *
 * A message is decoded only when somebody wants one: so the place in the stream is kept, also for another codec.
 */
import { Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import { StateError } from '../../base/sluice-error.ts';
import { ConnectionError } from '../../transport/connection-error.ts';
import type { Codec, Decoded } from '../../wire/codec.ts';
import { FrameError } from '../../wire/frame-error.ts';
import { advanceTo, type ByteSource, type Ending, failSource, listen } from './byte-source.ts';
import { createReplies, type Replies, type ReplyKey } from './replies.ts';

/** The memory of messages that nobody has asked for yet, in bytes, at which the connection is paused. */
const QUEUE_BYTES_MAX: number = 1024 * 1024;

interface Waiter<In> {
  readonly resolve: (message: In | undefined) => void;
  readonly reject: (error: Error) => void;
}

export interface MessageReader<In, Out> {
  readonly source: ByteSource;
  readonly codec: Codec<In, Out>;
  /** The state of the codec's decoder. */
  decoder: unknown;
  readonly keyOf: ((message: In | Out) => ReplyKey | undefined) | undefined;
  readonly replies: Replies<In>;
  /** Messages that came while a request waited, and are no replies. Bounded by `QUEUE_BYTES_MAX`, and one message. */
  readonly queue: Fifo<{ readonly message: In; readonly cost: number }>;
  queued: number;
  /** Calls of `next` that wait: bounded by the caller. */
  readonly waiters: Fifo<Waiter<In>>;
  subscriber: Subscriber<In> | null;
  ending: Ending | null;
  /** `replaced`: another codec has taken its place. `detached`: the connection is no longer read. */
  phase: 'live' | 'replaced' | 'detached';
  isPumping: boolean;
}

/** Creates a reader, which takes the bytes from now on. They are at `position` in the stream. */
export function createMessageReader<In, Out>(
  source: ByteSource,
  codec: Codec<In, Out>,
  position: number,
  keyOf: ((message: In | Out) => ReplyKey | undefined) | undefined,
  scheduler: SchedulerLike,
): MessageReader<In, Out> {
  const reader: MessageReader<In, Out> = {
    source,
    codec,
    decoder: codec.decoder.initial(position),
    keyOf,
    replies: createReplies(scheduler),
    queue: createFifo(),
    queued: 0,
    waiters: createFifo(),
    subscriber: null,
    ending: null,
    phase: 'live',
    isPumping: false,
  };
  source.reader = { isWanted: () => isWanted(reader), pump: () => pump(reader) };
  return reader;
}

export function messagesOf<In, Out>(reader: MessageReader<In, Out>): Observable<In> {
  return new Observable((subscriber) => {
    if (subscriberOf(reader) !== null)
      return subscriber.error(
        new StateError('has-subscriber', 'messages$ has a subscriber already, and has one at a time'),
      );
    reader.subscriber = subscriber;
    pump(reader);
    return () => {
      if (reader.subscriber === subscriber) reader.subscriber = null;
      listen(reader.source);
    };
  });
}

export function nextOf<In, Out>(reader: MessageReader<In, Out>): Promise<In | undefined> {
  return new Promise((resolve, reject) => {
    reader.waiters.push({ resolve, reject });
    pump(reader);
  });
}

/** The subscriber, unless it has left: it may do so while it is given a message. */
const subscriberOf = <In, Out>({ subscriber }: MessageReader<In, Out>): Subscriber<In> | null =>
  subscriber === null || subscriber.closed ? null : subscriber;

/** Whether anybody wants a message that is still to be decoded. */
const isWanted = <In, Out>(reader: MessageReader<In, Out>): boolean =>
  reader.ending === null &&
  (subscriberOf(reader) !== null ||
    reader.waiters.length > 0 ||
    (reader.replies.pending() > 0 && reader.queued < QUEUE_BYTES_MAX));

/** Hands on what has come, one message at a time, as long as somebody wants it. */
export function pump<In, Out>(reader: MessageReader<In, Out>): void {
  // Whoever gets a message may want the next one at once.
  if (reader.isPumping) return;
  reader.isPumping = true;
  try {
    while (deliverQueued(reader) || (isWanted(reader) && decodeNext(reader)));
  } catch (thrown) {
    // The codec or `keyOf` has thrown: what comes next cannot be told.
    fail(reader, thrown instanceof Error ? thrown : new Error(String(thrown)));
  } finally {
    reader.isPumping = false;
  }
  if (reader.ending !== null) finish(reader, reader.ending);
  listen(reader.source);
}

/** Delivers a message that came before anybody had asked for it. */
function deliverQueued<In, Out>(reader: MessageReader<In, Out>): boolean {
  const { queue, waiters } = reader;
  if (queue.length === 0 || (waiters.length === 0 && subscriberOf(reader) === null)) return false;
  const { message, cost } = queue.shift()!;
  reader.queued -= cost;
  hand(reader, message);
  return true;
}

function hand<In, Out>(reader: MessageReader<In, Out>, message: In): void {
  const waiter = reader.waiters.shift();
  if (waiter !== undefined) waiter.resolve(message);
  else subscriberOf(reader)?.next(message);
}

/** Decodes the next message, and delivers it. Returns whether there was one. */
function decodeNext<In, Out>(reader: MessageReader<In, Out>): boolean {
  const { source, codec } = reader;
  for (let chunk = source.chunks.first(); chunk !== undefined; chunk = source.chunks.first()) {
    const step = codec.decoder.step(reader.decoder, chunk, source.at, 1);
    reader.decoder = step.state;
    advanceTo(source, step.at);
    const [decoded] = step.decoded;
    if (decoded !== undefined) return deliver(reader, decoded as Decoded<In>);
  }
  if (source.end === null) return false;
  const [last] = source.end.error === null ? codec.decoder.finish(reader.decoder) : [];
  reader.ending = source.end;
  // The last line of a text may have no line end, and is a message.
  return last !== undefined && deliver(reader, last as Decoded<In>);
}

function deliver<In, Out>(reader: MessageReader<In, Out>, decoded: Decoded<In>): boolean {
  if (decoded.type === 'fault') {
    fail(reader, new FrameError(decoded.fault));
    return false;
  }
  const { message, cost } = decoded;
  if (reader.replies.take(reader.keyOf?.(message), message, reader.keyOf !== undefined)) return true;
  if (reader.waiters.length > 0 || subscriberOf(reader) !== null) hand(reader, message);
  else {
    reader.queue.push({ message, cost });
    reader.queued += cost;
  }
  return true;
}

function fail<In, Out>(reader: MessageReader<In, Out>, error: Error): void {
  reader.ending = { error };
  failSource(reader.source, error);
}

/** Ends everything that waits: nothing more comes. What is queued is delivered first. */
export function finish<In, Out>(reader: MessageReader<In, Out>, ending: Ending): void {
  reader.ending = ending;
  reader.replies.failAll(endError(ending));
  if (reader.queue.length > 0) return;
  for (let waiter = reader.waiters.shift(); waiter !== undefined; waiter = reader.waiters.shift()) {
    if (ending.error === null) waiter.resolve(undefined);
    else waiter.reject(ending.error);
  }
  const { subscriber } = reader;
  if (ending.error === null) subscriber?.complete();
  else subscriber?.error(ending.error);
}

/** What a request is rejected with, once no reply can come. */
export const endError = ({ error }: Ending): Error =>
  error ?? new ConnectionError({ code: 'reset', message: 'the peer has ended its side' });
