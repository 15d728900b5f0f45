/** Messages of a type of your own, in the frames of another codec. */
import { memoryOf } from '../../base/memory-of.ts';
import { CODEC, check, FUNCTION, inWords, RECORD } from '../argument.ts';
import type { Codec, Decoded, Decoder } from '../codec.ts';
import { decodedMessage, MessageFault } from './message-fault.ts';

/** How `messages` makes your messages of bytes, and bytes of your messages. */
export interface MessageFormat<In, Out = In> {
  /** Makes a message of its bytes. It throws a `MessageFault` when it cannot, and must not keep a view of the bytes. */
  readonly decode: (bytes: Uint8Array) => In;
  /** Makes the bytes of a message. What it throws, `encode` of the codec throws. */
  readonly encode: (message: Out) => Uint8Array;
  /** Estimates the bytes of memory that a message occupies; default the bytes that it was made of. */
  readonly costOf?: (message: In) => number;
}

/**
 * Puts messages of a type of your own into the frames of another codec.
 *
 * @param frames a codec of bytes: `lengthField`, `delimited`.
 * @throws TypeError when an argument is of the wrong kind.
 * @example
 * const numbers = messages(lengthField({ width: 2, maxLength: 8 }), {
 *   decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getFloat64(0),
 *   encode(value: number) {
 *     const bytes = new Uint8Array(8);
 *     new DataView(bytes.buffer).setFloat64(0, value);
 *     return bytes;
 *   },
 * });
 */
export function messages<In, Out = In>(
  frames: Codec<Uint8Array>,
  format: MessageFormat<In, Out>,
): Codec<In, Out> {
  check('messages: the codec', frames, CODEC);
  check('messages: the format', format, RECORD);
  check('messages: decode', format.decode, FUNCTION);
  check('messages: encode', format.encode, FUNCTION);
  return {
    decoder: decoderOf(frames.decoder, format),
    heldMax: frames.heldMax,
    encode: (message, bodyLength) => frames.encode(format.encode(message), bodyLength),
  };
}

function decoderOf<In, Out, S>(
  frames: Decoder<Uint8Array, never, S>,
  { decode, costOf }: MessageFormat<In, Out>,
): Decoder<In, never, S> {
  const messageOf = (decoded: Decoded<Uint8Array>): Decoded<In> => {
    if (decoded.type !== 'message') return decoded;
    const { message: bytes, cost, position, memory } = decoded;
    if (!(bytes instanceof Uint8Array)) throw new TypeError(noBytes(bytes));
    const made = decodedMessage(() => decode(bytes), costOf ?? (() => cost), bytes, position);
    // What is made of the bytes may hold them.
    return memory === undefined || made.type === 'fault' ? made : { ...made, memory };
  };
  return {
    ...frames,
    step(state, chunk, at, most) {
      const stepped = frames.step(state, chunk, at, most);
      return { ...stepped, decoded: stepped.decoded.map(messageOf) };
    },
    finish: (state) => frames.finish(state).map(messageOf),
  };
}

const noBytes = (message: unknown): string =>
  `the codec of messages must hand on bytes, as lengthField and delimited do, and hands on ${inWords(message)}`;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Messages in JSON, in the frames of another codec. Bytes that are not the JSON of one value in UTF-8 are the fault
 * `message-invalid`, which is not fatal. The values are what the peer sent: any JSON. A pattern (ts-pattern) tells
 * those that your protocol knows.
 *
 * @param frames a codec of bytes: `lengthField`; for JSON lines `delimited(Uint8Array.of(10), { maxLength })`, and not
 *   `lines`, whose messages are text.
 * @example
 * const codec = jsonMessages(lengthField({ width: 4, maxLength: 65_536 }));
 * codec.encode({ say: 'hello' }); // [00 00 00 0f, {"say":"hello"}]
 */
export const jsonMessages = (frames: Codec<Uint8Array>): Codec<unknown> =>
  messages<unknown>(frames, { decode: decodeJson, encode: encodeJson, costOf: memoryOf });

function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new MessageFault(`the message is not valid JSON in UTF-8: ${(error as Error).message}`);
  }
}

function encodeJson(message: unknown): Uint8Array {
  const text = JSON.stringify(message) as string | undefined;
  if (text === undefined)
    throw new TypeError('the message has no JSON: it is undefined, a function or a symbol');
  return encoder.encode(text);
}
