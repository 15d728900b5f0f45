/**
 * The other end of a framed protocol: messages out of a connection, and into it, one at a time or as a stream.
 *
 * ```text
 *  chunks$ ──▶ decoder ──▶ a request that waits for it ──▶ its promise
 *                     ├──▶ `next`                      ──▶ its promise
 *                     └──▶ `messages$`                 ──▶ its subscriber
 * ```
 *
 * A message is decoded only when somebody wants one, and goes to one of them: the place in the stream is kept. The
 * connection is paused while nobody wants a message.
 */
import { asyncScheduler, Observable, type SchedulerLike, type Subscriber, Subscription } from 'rxjs';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { ConnectionError } from '../../transport/connection-error.ts';
import {
  CODEC,
  CONNECTION,
  check,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  optional,
  SCHEDULER,
} from '../../wire/argument.ts';
import type { Codec, Decoded } from '../../wire/codec.ts';
import { FrameError } from '../../wire/frame-error.ts';
import { createReplies, type Key, type Replies } from './replies.ts';

export interface FramedOptions<In, Out> {
  /**
   * The key by which a reply is found: that of the request's message. A message without one (undefined) is no reply.
   * Default none: replies come in the order of the requests, and every message that comes while a request waits is one.
   */
  readonly keyOf?: (message: In | Out) => Key | undefined;
  /** How long a request waits for its reply, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  readonly scheduler?: SchedulerLike;
}

export interface Framed<In, Out = In> {
  /**
   * The messages of the peer from here on. It has one subscriber at a time. It completes when the peer ends its side;
   * it errors with a `FrameError` when bytes cannot be understood, and with a `ConnectionError` when the connection
   * breaks. Unsubscribing keeps the place: no message is lost between two subscribers, or before `next`.
   */
  readonly messages$: Observable<In>;
  /** The next message; undefined when the peer has ended its side. Rejects as `messages$` errors. */
  next(): Promise<In | undefined>;
  /**
   * Sends a message. Resolves when the operating system has it; who sends much awaits that, since what it does not
   * have is in memory. Rejects with a `ConnectionError` when it never will.
   *
   * @throws (rejects with) what the codec throws for a message that cannot be sent.
   */
  send(message: Out): Promise<void>;
  /**
   * Sends a message and waits for its reply. Rejects with a `RequestTimeout` when none comes in time: the reply, should
   * it come later, is dropped, and never taken for that of another request.
   */
  request(message: Out, options?: { readonly timeoutMs?: number }): Promise<In>;
  /**
   * Goes on with another codec, from the next message on: the bytes behind the last message are the new codec's. The
   * result takes the place of this object.
   *
   * @throws an Error when messages of the old codec wait that nobody has taken, or part of one has come.
   */
  use<In2, Out2>(codec: Codec<In2, Out2>, options?: FramedOptions<In2, Out2>): Framed<In2, Out2>;
  /** Ends our side once everything is sent. */
  end(): void;
  /** Drops the connection now. */
  destroy(): void;
  /** As `Connection.closed$`. */
  readonly closed$: Observable<ConnectionFault | null>;
}

/** The memory of messages that nobody has asked for yet, in bytes, at which the connection is paused. */
const QUEUE_BYTES_MAX: number = 1024 * 1024;
const TIMEOUT_DEFAULT_MS = 30_000;
const FRAMED_RULES = {
  keyOf: optional(FUNCTION),
  timeoutMs: optional(MILLISECONDS),
  scheduler: optional(SCHEDULER),
};

/** How the messages have ended: with the peer's end, or an error. */
type Ending = { readonly error: Error | null };

interface Waiter<In> {
  readonly resolve: (message: In | undefined) => void;
  readonly reject: (error: Error) => void;
}

interface State<In, Out> {
  readonly connection: Connection;
  readonly codec: Codec<In, Out>;
  decoder: unknown;
  /** Chunks that are not decoded, the first of them from `at` on. A paused connection emits one more at the most. */
  readonly chunks: Fifo<Uint8Array>;
  at: number;
  /** Messages that came while a request waited, and are no replies. Bounded by `QUEUE_BYTES_MAX`, and one message. */
  readonly queue: Fifo<{ readonly message: In; readonly cost: number }>;
  queued: number;
  /** Calls of `next` that wait: bounded by the caller. */
  readonly waiters: Fifo<Waiter<In>>;
  subscriber: Subscriber<In> | null;
  readonly replies: Replies<In>;
  readonly keyOf: ((message: In | Out) => Key | undefined) | undefined;
  reading: Subscription | null;
  /** The end of the input, behind the chunks. */
  inputEnd: Ending | null;
  ending: Ending | null;
  isPumping: boolean;
}

/**
 * Speaks a framed protocol over a connection.
 *
 * To reconnect, begin again with a new connection: RxJS's `retry` around what emits connections does that.
 *
 * @throws TypeError when an argument is of the wrong kind.
 * @example
 * const connection = await firstValueFrom(connectTcp({ host: 'localhost', port: 7000 }));
 * const chat = framed(connection, lines({ maxLength: 1000 }));
 * await chat.send('hello');
 * console.log(await chat.next());
 * chat.messages$.subscribe({ next: console.log, error: (error) => console.log(error.message) });
 */
export function framed<In, Out>(
  connection: Connection,
  codec: Codec<In, Out>,
  options: FramedOptions<In, Out> = {},
): Framed<In, Out> {
  check('framed: the connection', connection, CONNECTION);
  check('framed: the codec', codec, CODEC);
  checkOptions('framed', options, FRAMED_RULES);
  const { keyOf, timeoutMs = TIMEOUT_DEFAULT_MS, scheduler = asyncScheduler } = options;
  return faceOf(
    {
      connection,
      codec,
      decoder: codec.decoder.initial(0),
      chunks: createFifo(),
      at: 0,
      queue: createFifo(),
      queued: 0,
      waiters: createFifo(),
      subscriber: null,
      replies: createReplies(scheduler),
      keyOf,
      reading: null,
      inputEnd: null,
      ending: null,
      isPumping: false,
    },
    timeoutMs,
  );
}

function faceOf<In, Out>(state: State<In, Out>, timeoutMs: number): Framed<In, Out> {
  const { connection } = state;
  return {
    messages$: messagesOf(state),
    next: () =>
      new Promise((resolve, reject) => {
        state.waiters.push({ resolve, reject });
        pump(state);
      }),
    send: (message) => send(state, message),
    request: (message, { timeoutMs: ownTimeoutMs = timeoutMs } = {}) => request(state, message, ownTimeoutMs),
    use: (codec, options) => use(state, codec, options),
    end: () => connection.end(),
    destroy: () => connection.destroy(),
    closed$: connection.closed$,
  };
}

function use<In, Out, In2, Out2>(
  state: State<In, Out>,
  codec: Codec<In2, Out2>,
  options: FramedOptions<In2, Out2> = {},
): Framed<In2, Out2> {
  check('use: the codec', codec, CODEC);
  checkOptions('use', options, FRAMED_RULES);
  if (state.queue.length > 0)
    throw new Error(`use: ${state.queue.length} messages of the codec before wait: take them first`);
  if (state.codec.decoder.held(state.decoder) > 0)
    throw new Error('use: part of the next message has come already, and was given to the codec before');
  const { keyOf, timeoutMs = TIMEOUT_DEFAULT_MS, scheduler = asyncScheduler } = options;
  const position = state.codec.decoder.position(state.decoder);
  // The same bytes and the same connection: only what they mean is new.
  const next = Object.assign(state as unknown as State<In2, Out2>, {
    codec,
    decoder: codec.decoder.initial(position),
    replies: createReplies<In2>(scheduler),
    keyOf,
  });
  return faceOf(next, timeoutMs);
}

function messagesOf<In, Out>(state: State<In, Out>): Observable<In> {
  return new Observable((subscriber) => {
    if (subscriberOf(state) !== null)
      return subscriber.error(new Error('messages$ has a subscriber already, and has one at a time'));
    state.subscriber = subscriber;
    pump(state);
    return () => {
      if (state.subscriber === subscriber) state.subscriber = null;
      listen(state);
    };
  });
}

async function send<In, Out>({ connection, codec }: State<In, Out>, message: Out): Promise<void> {
  const chunks = codec.encode(message);
  return new Promise((resolve, reject) => {
    connection.write(chunks, (fault) =>
      fault === undefined ? resolve() : reject(new ConnectionError(fault)),
    );
  });
}

async function request<In, Out>(state: State<In, Out>, message: Out, timeoutMs: number): Promise<In> {
  check('request: timeoutMs', timeoutMs, MILLISECONDS);
  if (state.ending !== null) throw endError(state.ending);
  const key = state.keyOf?.(message);
  if (state.keyOf !== undefined && key === undefined) throw new TypeError('request: the message has no key');
  const chunks = state.codec.encode(message);
  const reply = state.replies.expect(key, timeoutMs);
  state.connection.write(chunks, (fault) => {
    if (fault !== undefined) reply.fail(new ConnectionError(fault));
  });
  pump(state);
  return reply.promise;
}

/** The subscriber, unless it has left: it may do so while it is given a message. */
const subscriberOf = <In, Out>({ subscriber }: State<In, Out>): Subscriber<In> | null =>
  subscriber === null || subscriber.closed ? null : subscriber;

/** Whether anybody wants a message. */
const isWanted = <In, Out>(state: State<In, Out>): boolean =>
  subscriberOf(state) !== null ||
  state.waiters.length > 0 ||
  (state.replies.pending() > 0 && state.queued < QUEUE_BYTES_MAX);

/** Hands on what has come, one message at a time, as long as somebody wants it. */
function pump<In, Out>(state: State<In, Out>): void {
  // Who gets a message may want the next one at once.
  if (state.isPumping) return;
  state.isPumping = true;
  try {
    while (deliverQueued(state) || (isWanted(state) && decodeNext(state)));
  } catch (thrown) {
    // The codec or `keyOf` has thrown: what comes next cannot be told.
    state.ending = { error: thrown instanceof Error ? thrown : new Error(String(thrown)) };
    state.connection.destroy();
  } finally {
    state.isPumping = false;
  }
  if (state.ending !== null) finish(state, state.ending);
  listen(state);
}

/** Delivers a message that came before anybody had asked for it. */
function deliverQueued<In, Out>(state: State<In, Out>): boolean {
  const { queue, waiters } = state;
  if (queue.length === 0 || (waiters.length === 0 && subscriberOf(state) === null)) return false;
  const { message, cost } = queue.shift()!;
  state.queued -= cost;
  hand(state, message);
  return true;
}

function hand<In, Out>(state: State<In, Out>, message: In): void {
  const waiter = state.waiters.shift();
  if (waiter !== undefined) waiter.resolve(message);
  else subscriberOf(state)?.next(message);
}

/** Decodes the next message, and delivers it. Returns whether there was one. */
function decodeNext<In, Out>(state: State<In, Out>): boolean {
  const { chunks, codec, connection } = state;
  if (state.ending !== null) return false;
  for (let chunk = chunks.first(); chunk !== undefined; chunk = chunks.first()) {
    const step = codec.decoder.step(state.decoder, chunk, state.at, 1);
    state.decoder = step.state;
    state.at = step.at;
    if (step.at === chunk.length) {
      chunks.shift();
      state.at = 0;
      connection.recycle?.(chunk, chunk.length);
    }
    const [decoded] = step.decoded;
    if (decoded !== undefined) return deliver(state, decoded as Decoded<In>);
  }
  if (state.inputEnd === null) return false;
  const [fault] = state.inputEnd.error === null ? codec.decoder.finish(state.decoder) : [];
  state.ending = state.inputEnd;
  // The last line of a text may have no line end, and is a message.
  return fault !== undefined && deliver(state, fault as Decoded<In>);
}

function deliver<In, Out>(state: State<In, Out>, decoded: Decoded<In>): boolean {
  if (decoded.type === 'fault') {
    state.ending = { error: new FrameError(decoded.fault) };
    state.connection.destroy();
    return false;
  }
  const { message, cost } = decoded;
  if (state.replies.take(state.keyOf?.(message), message, state.keyOf !== undefined)) return true;
  if (state.waiters.length > 0 || subscriberOf(state) !== null) hand(state, message);
  else {
    state.queue.push({ message, cost });
    state.queued += cost;
  }
  return true;
}

/** Tells everybody who waits that nothing more comes; what is queued is delivered first. */
function finish<In, Out>(state: State<In, Out>, ending: Ending): void {
  state.replies.failAll(endError(ending));
  if (state.queue.length > 0) return;
  for (let waiter = state.waiters.shift(); waiter !== undefined; waiter = state.waiters.shift()) {
    if (ending.error === null) waiter.resolve(undefined);
    else waiter.reject(ending.error);
  }
  const { subscriber } = state;
  if (ending.error === null) subscriber?.complete();
  else subscriber?.error(ending.error);
}

const endError = ({ error }: Ending): Error =>
  error ?? new ConnectionError({ code: 'reset', message: 'the peer has ended its side' });

/** Reads the connection while a message is wanted, and pauses it else. */
function listen<In, Out>(state: State<In, Out>): void {
  const { connection } = state;
  if (!isWanted(state) || state.ending !== null) return connection.pause();
  connection.resume();
  if (state.reading !== null) return;
  const reading = new Subscription();
  state.reading = reading;
  reading.add(
    connection.chunks$.subscribe({
      next: (chunk) => {
        state.chunks.push(chunk);
        pump(state);
      },
      complete: () => {
        state.inputEnd = { error: null };
        pump(state);
      },
      error: (fault: ConnectionFault) => {
        state.inputEnd = { error: new ConnectionError(fault) };
        pump(state);
      },
    }),
  );
}
