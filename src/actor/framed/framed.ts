/** The other end of a framed protocol: messages out of a connection, and into it, one at a time or as a stream. */
import { asyncScheduler, type Observable, type SchedulerLike } from 'rxjs';
import { StateError } from '../../base/sluice-error.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
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
import type { Codec } from '../../wire/codec.ts';
import { type ByteSource, createByteSource, listen, release, unreadBytes } from './byte-source.ts';
import { createMessageReader, finish, type MessageReader, messagesOf, nextOf } from './message-reader.ts';
import { mustBeLive, request, send } from './message-sender.ts';
import type { ReplyKey } from './replies.ts';

/** How `framed` finds the reply to a request, and how long it waits for one. All may be left out. */
export interface FramedOptions<In, Out> {
  /**
   * The key by which a reply is found: that of the request's message. A message without one (undefined) is no reply.
   * Default none: replies come in the order of the requests, and every message that comes while a request waits is one.
   */
  readonly keyOf?: (message: In | Out) => ReplyKey | undefined;
  /** How long a request waits for its reply, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  /** Measures the time that a request waits; default RxJS's `asyncScheduler`. A `TestScheduler` makes it virtual. */
  readonly scheduler?: SchedulerLike;
}

/**
 * One end of a connection that speaks a framed protocol: what `framed` returns.
 *
 * @typeParam In the messages of the peer.
 * @typeParam Out the messages to the peer.
 */
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
   * it come later, is dropped, and never taken for that of another request. So a key cannot be used again while a
   * request with it waits, nor before its late reply has come: the last 1,024 such keys are remembered.
   *
   * @throws (rejects with) a `StateError` `key-in-use` when the key cannot be used, a `ConnectionError` when the connection
   *   breaks or the peer has ended its side, and what the codec throws.
   */
  request(message: Out, options?: { readonly timeoutMs?: number }): Promise<In>;
  /**
   * Goes on with another codec, from the next message on: the bytes behind the last message are the new codec's. The
   * result takes the place of this object, which is over: its `messages$` completes, its `next` resolves with undefined,
   * and `send` and `request` reject. `end`, `destroy` and `closed$` are the connection's, and stay.
   *
   * @throws StateError when messages of the old codec wait that nobody has taken (`unread-messages`), part of one has come
   *   (`unread-bytes`), or a request waits for its reply (`request-pending`).
   */
  use<In2, Out2>(codec: Codec<In2, Out2>, options?: FramedOptions<In2, Out2>): Framed<In2, Out2>;
  /**
   * Stops reading the connection for good, so that its transport can be changed: the socket below it be wrapped in TLS,
   * say. A side that reads the command for it detaches before it answers: `send` still works. Nothing else does. Bytes
   * that the system has not handed over yet are the new transport's.
   *
   * @throws StateError `unread-bytes` when bytes have come behind the last message, and destroys the connection: they came without the
   *   protection of the new transport, and must never be taken for what comes over it. Also throws as `use` does.
   */
  detach(): void;
  /** Ends our side once everything is sent. */
  end(): void;
  /** Drops the connection now. */
  destroy(): void;
  /** As `Connection.closed$`. */
  readonly closed$: Observable<ConnectionFault | null>;
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
  return open('framed', createByteSource(connection), codec, 0, options);
}

const TIMEOUT_DEFAULT_MS = 30_000;
const RULES = {
  keyOf: optional(FUNCTION),
  timeoutMs: optional(MILLISECONDS),
  scheduler: optional(SCHEDULER),
};
const REQUEST_RULES = { timeoutMs: optional(MILLISECONDS) };

function open<In, Out>(
  of: string,
  source: ByteSource,
  codec: Codec<In, Out>,
  position: number,
  options: FramedOptions<In, Out>,
): Framed<In, Out> {
  check(`${of}: the codec`, codec, CODEC);
  checkOptions(of, options, RULES);
  const { keyOf, timeoutMs = TIMEOUT_DEFAULT_MS, scheduler = asyncScheduler } = options;
  const reader = createMessageReader(source, codec, position, keyOf, scheduler);
  const { connection } = source;
  return {
    messages$: messagesOf(reader),
    next: () => nextOf(reader),
    send: (message) => send(reader, message),
    request: async (message, own = {}) => {
      checkOptions('request', own, REQUEST_RULES);
      return request(reader, message, own.timeoutMs ?? timeoutMs);
    },
    use: (next, nextOptions) => use(reader, next, nextOptions),
    detach: () => detach(reader),
    end: () => connection.end(),
    destroy: () => connection.destroy(),
    closed$: connection.closed$,
  };
}

function use<In, Out, In2, Out2>(
  reader: MessageReader<In, Out>,
  codec: Codec<In2, Out2>,
  options: FramedOptions<In2, Out2> = {},
): Framed<In2, Out2> {
  mustBeIdle('use', reader);
  if (reader.codec.decoder.held(reader.decoder) > 0)
    throw new StateError(
      'unread-bytes',
      'use: part of the next message has come already, and was given to the codec before',
    );
  const position = reader.codec.decoder.position(reader.decoder);
  const next = open('use', reader.source, codec, position, options);
  conclude(reader, 'replaced');
  return next;
}

function detach<In, Out>(reader: MessageReader<In, Out>): void {
  const { source, codec, decoder } = reader;
  mustBeIdle('detach', reader);
  const bytes = unreadBytes(source) + codec.decoder.held(decoder);
  if (bytes > 0) {
    source.connection.destroy();
    throw new StateError(
      'unread-bytes',
      `detach: ${bytes} bytes have come behind the last message, over the transport before`,
    );
  }
  release(source);
  conclude(reader, 'detached');
}

/** @throws StateError when messages wait, or the reader is over. */
function mustBeIdle<In, Out>(of: string, reader: MessageReader<In, Out>): void {
  mustBeLive(reader);
  const { queue, replies } = reader;
  if (queue.length > 0)
    throw new StateError(
      'unread-messages',
      `${of}: ${queue.length} messages of the codec before wait: take them first`,
    );
  if (replies.pending() > 0) throw new StateError('request-pending', `${of}: a request waits for its reply`);
}

/** Ends what waits for messages of this codec, as the peer's end would. */
function conclude<In, Out>(reader: MessageReader<In, Out>, phase: 'replaced' | 'detached'): void {
  reader.phase = phase;
  finish(reader, { error: null });
  listen(reader.source);
}
