/**
 * A codec is a protocol in both directions: it finds messages in the bytes of a stream, and makes the bytes of a
 * message.
 *
 * ```text
 *              decoder: (state, chunk) → (state, what was decoded)
 *  bytes   ───────────────────────────────────────────────────────▶   message, start, data, end, fault
 *          ◀───────────────────────────────────────────────────────
 *              encode: message → bytes
 * ```
 *
 * A codec has no state of its own, so one serves any number of connections: what a connection has received of an
 * incomplete message is in the decoder's state, which is a value. Therefore a decoder can be stepped again from an
 * earlier state, and a connection can change its codec behind any message.
 */
import type { FrameFault } from './fault.ts';

/** A message in one piece. A decoder makes one for each message that its codec hands on whole. */
export interface DecodedMessage<In> {
  readonly type: 'message';
  /** The value that the codec has made of the bytes: a string for `lines`, a `Uint8Array` for `rawBytes`. */
  readonly message: In;
  /** Estimated bytes of memory that the message occupies. */
  readonly cost: number;
  /** The offset in the stream, in bytes, of its frame's first byte. */
  readonly position: number;
  /**
   * The memory that it has in common with others that came with it; none when its memory is its own. Whoever keeps the
   * message keeps all of it.
   */
  readonly memory?: ArrayBufferLike;
}

/** The head of a message whose body is handed on in pieces, as it arrives. `data` follows, and one `end`. */
export interface DecodedStart<Head> {
  readonly type: 'start';
  /** The header that the codec has read in front of the body. */
  readonly head: Head;
  /** Bytes of body. All of them follow as `data`. */
  readonly length: number;
}

/** The next bytes of the body: never empty. */
export interface DecodedData {
  readonly type: 'data';
  /** A view that the decoder lends until its next step: copy what you keep. */
  readonly bytes: Uint8Array;
}

/** The body is over. */
export interface DecodedEnd {
  readonly type: 'end';
}

/** Something is wrong with the bytes. When `fault.fatal`, nothing comes after it. */
export interface DecodedFault {
  readonly type: 'fault';
  /** What is wrong, and where in the stream. */
  readonly fault: FrameFault;
}

/**
 * A decoder finds these things in a stream: a `message`, or a `fault` in the place of one; and where `Head` is not
 * `never`, a body in pieces: `start`, any number of `data`, and `end`.
 */
export type Decoded<In, Head = never> =
  | DecodedMessage<In>
  | DecodedFault
  | ([Head] extends [never] ? never : DecodedStart<Head> | DecodedData | DecodedEnd);

/** The result of a step. A `Decoder` returns it, and the caller keeps `state` for the next step. */
export interface DecoderStep<In, Head, S> {
  /** The state behind the bytes that were taken: what the next step is given. */
  readonly state: S;
  /** In order. The list is the caller's from then on. */
  readonly decoded: Decoded<In, Head>[];
  /** The offset in the chunk of the next byte to take: the chunk's length when all of it was taken. */
  readonly at: number;
}

/**
 * Finds messages in chunks of any size, as a pure step. A step neither changes the state that it is given nor keeps a
 * view of the chunk in the new one.
 */
export interface Decoder<In, Head = never, S = unknown> {
  /** The state at an offset in the stream, in bytes, where a message begins. */
  initial(position: number): S;
  /**
   * Takes `chunk[at..)`, but stops as soon as `most` things were decoded.
   *
   * A message never holds a view of the chunk, so who has it may keep it. Short messages of one step may have a copy
   * in common. `data` are views, and lent.
   */
  step(state: S, chunk: Uint8Array, at: number, most: number): DecoderStep<In, Head, S>;
  /** Takes the end of the stream: a fault `truncated` when it comes in the middle of a message. */
  finish(state: S): readonly Decoded<In, Head>[];
  /** The bytes of memory that the state keeps of an incomplete message. */
  held(state: S): number;
  /** The offset in the stream of the next byte to take. */
  position(state: S): number;
}

/**
 * A protocol in both directions. `lines`, `delimited`, `lengthField`, `messages` and `jsonMessages` make codecs;
 * `defineActor`, `framed` and `frames` use them. A codec of your own is an object with these fields; it has no state,
 * so that one codec serves any number of connections.
 *
 * @typeParam In the messages of the peer.
 * @typeParam Out the messages to the peer.
 * @typeParam Head the head of a message whose body comes in pieces; `never` when messages come whole.
 */
export interface Codec<In, Out = In, Head = never> {
  /** Finds the messages of the peer. */
  // The state's type is the decoder's own business.
  // biome-ignore lint/suspicious/noExplicitAny: a state is only handed back to the decoder that made it.
  readonly decoder: Decoder<In, Head, any>;
  /** The most bytes that the decoder keeps of an incomplete message. */
  readonly heldMax: number;
  /**
   * The bytes of a message, in one or more pieces. They must not be changed afterwards.
   *
   * @param bodyLength how many bytes of the body are not in the message but follow it; default 0.
   * @throws an Error when the message cannot be sent in this protocol: too long, say.
   */
  encode(message: Out, bodyLength?: number): readonly Uint8Array[];
  /**
   * Writes messages where they are sent from, for codecs of small messages: half the cost of `encode`. Both must make
   * the same bytes.
   */
  readonly direct?: DirectEncoder<Out>;
}

/**
 * The second way of a codec to encode: into memory that is there already. A server uses it for the small messages that
 * it sends together.
 */
export interface DirectEncoder<Out> {
  /** The bytes of the message. @throws as `encode` does. */
  sizeOf(message: Out): number;
  /**
   * Writes the message, which has `size` bytes, to `target[at..)`, where there is room for it, and returns the offset
   * behind it. It must write every byte: what is there before belongs to others.
   */
  write(message: Out, size: number, target: Uint8Array, at: number): number;
}

/** What decodes: the messages of a codec that goes in one direction. */
export type DecodingOf<C> = C extends Codec<infer In, infer _Out, infer Head> ? Decoded<In, Head> : never;
