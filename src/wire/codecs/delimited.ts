/**
 * Messages that end with a delimiter.
 *
 * ```text
 *  in          when                                         emits                   then in
 *  idle        the delimiter is in this chunk               message                 idle
 *  idle        it is not                                    -                       held
 *  held        the delimiter is in this chunk, or crosses   message (gathered)      idle
 *              the border to it
 *  held        it is not                                    -                       held
 *  idle, held  more bytes than `maxLength` before it        fault length-too-large  over
 *  held        the end of input                             fault truncated         over
 *  over        anything                                     -                       over
 * ```
 */
import { check, RECORD } from '../argument.ts';
import { type BytesLike, bytesOf, owned } from '../bytes.ts';
import { append, type ChunkBuffer, gather } from '../chunk-buffer.ts';
import type { Codec, Decoded, Decoder } from '../codec.ts';
import { faultAt, headFault, SAMPLE_BYTES_MAX } from '../fault.ts';
import { mustBeWithin } from '../length-options.ts';
import { decodedMessage } from './message-fault.ts';

export interface DelimitedOptions {
  /** The largest message without its delimiter, in bytes, 0 to 2^30. Beyond it: the fatal fault `length-too-large`. */
  readonly maxLength: number;
}

/** The largest `maxLength`: a message is gathered in one piece. */
const LENGTH_MAX = 2 ** 30;
/** The longest delimiter, in bytes. */
const DELIMITER_MAX = 1024;

export interface DelimitedState {
  /** The offset in the stream, in bytes, of the next byte to take. */
  readonly taken: number;
  /** The bytes of the incomplete message; null when there are none. */
  readonly held: ChunkBuffer | null;
  readonly over: boolean;
}

/**
 * @param delimiter 1 to 1,024 bytes, in any form.
 * @throws TypeError or RangeError when an argument is of the wrong kind or out of its bounds.
 * @example
 * const records = delimited(Uint8Array.of(0), { maxLength: 65_536 });
 * chunks$.pipe(frames(records)).subscribe({
 *   next: (record) => console.log(`${record.length} bytes`),
 *   error: (error) => console.log(error.message),
 * });
 */
export function delimited(delimiter: BytesLike, options: DelimitedOptions): Codec<Uint8Array> {
  const end = new Uint8Array(bytesOf(delimiter, 'delimited: the delimiter'));
  mustBeWithin('delimited: the length of the delimiter', end.length, 1, DELIMITER_MAX);
  const { maxLength } = checkedOptions('delimited', options);
  const decoder = delimitedDecoder<Uint8Array>(end, maxLength, owned);
  return {
    decoder,
    heldMax: maxLength + end.length,
    encode(message, bodyLength = 0) {
      const bytes = bytesOf(message, 'a message');
      if (bytes.length > maxLength)
        throw new RangeError(`a message has ${bytes.length} bytes, and the most is ${maxLength}`);
      mustHaveNoBody(bodyLength);
      if (indexOf(bytes, end, 0) !== -1) throw new RangeError('a message must not contain its delimiter');
      if (beginsDelimiter(bytes, end))
        throw new RangeError('a message must not end so that its delimiter is found too early');
      return [bytes, end];
    },
  };
}

/** @internal */
export function checkedOptions(of: string, options: DelimitedOptions): DelimitedOptions {
  check(`${of}: its options`, options, RECORD);
  mustBeWithin(`${of}: maxLength`, options.maxLength, 0, LENGTH_MAX);
  return options;
}

/** What belongs to the delimiter before it, although it need not be there: the CR of a line end. */
interface Trim {
  /** The most bytes of it. */
  readonly most: number;
  readonly trimmed: (bytes: Uint8Array) => Uint8Array;
}

const NO_TRIM: Trim = { most: 0, trimmed: (bytes) => bytes };

/**
 * @param toMessage makes a message of its bytes without the delimiter, which are lent. It throws a
 *   `MessageFault` when it cannot.
 * @internal
 */
export function delimitedDecoder<In>(
  end: Uint8Array,
  maxLength: number,
  toMessage: (bytes: Uint8Array) => In,
  trim: Trim = NO_TRIM,
): Decoder<In, never, DelimitedState> {
  const heldMax = maxLength + trim.most + end.length;

  const messageOf = (bytes: Uint8Array, position: number): Decoded<In> =>
    decodedMessage(
      () => toMessage(bytes),
      () => bytes.length,
      bytes,
      position,
    );

  const tooLong = (position: number, sample: Uint8Array): Decoded<In> => {
    const message = `no delimiter within ${maxLength} bytes, the most that a message may have`;
    return {
      type: 'fault',
      fault: faultAt(headFault('length-too-large', message, null, maxLength), position, sample, true),
    };
  };

  /** Takes bytes up to the first delimiter from `at` on. `held` are those that came before. */
  function take(
    held: ChunkBuffer | null,
    chunk: Uint8Array,
    at: number,
  ): { readonly message: Uint8Array | null; readonly held: ChunkBuffer | null; readonly at: number } {
    if (held === null) {
      const found = indexOf(chunk, end, at);
      if (found !== -1) return { message: chunk.subarray(at, found), held: null, at: found + end.length };
      // Bytes beyond the limit are not gathered: they only show that there are too many.
      const to = Math.min(chunk.length, at + heldMax);
      return { message: null, held: gather(chunk, at, to, heldMax), at: chunk.length };
    }
    // A delimiter may have begun in the bytes that are held.
    const overlap = Math.min(end.length - 1, held.length);
    const border = new Uint8Array(overlap + Math.min(end.length - 1, chunk.length - at));
    border.set(held.room.bytes.subarray(held.length - overlap, held.length));
    border.set(chunk.subarray(at, at + border.length - overlap), overlap);
    const crossing = indexOf(border, end, 0);
    if (crossing !== -1) {
      const length = held.length - overlap + crossing;
      const message = held.room.bytes.subarray(0, length);
      return { message, held: null, at: at + crossing + end.length - overlap };
    }
    const found = indexOf(chunk, end, at);
    const room = heldMax - held.length;
    const to = Math.min(found === -1 ? chunk.length : found, at + room);
    const grown = append(held, chunk, at, to, heldMax);
    if (found === -1 || to < found) return { message: null, held: grown, at: chunk.length };
    return { message: grown.room.bytes.subarray(0, grown.length), held: null, at: found + end.length };
  }

  return {
    initial: (position) => ({ taken: position, held: null, over: false }),
    step(state, chunk, from, most) {
      const decoded: Decoded<In>[] = [];
      let { held, over } = state;
      let at = from;
      const origin = state.taken - from;
      while (at < chunk.length && decoded.length < most && !over) {
        const position = origin + at - (held?.length ?? 0);
        const taken = take(held, chunk, at);
        const message = taken.message === null ? null : trim.trimmed(taken.message);
        // What is held may already end with all but the last byte of the delimiter.
        const isTooLong = message === null ? taken.held!.length >= heldMax : message.length > maxLength;
        if (isTooLong) {
          const bytes = taken.message ?? taken.held!.room.bytes.subarray(0, taken.held!.length);
          decoded.push(tooLong(position, new Uint8Array(bytes.subarray(0, SAMPLE_BYTES_MAX))));
          over = true;
          held = null;
          break;
        }
        if (message !== null) decoded.push(messageOf(message, position));
        held = taken.held;
        at = taken.at;
      }
      if (over) at = chunk.length;
      return { state: { taken: origin + at, held, over }, decoded, at };
    },
    finish({ held, over, taken }) {
      if (over || held === null) return [];
      const message = `the stream ended in a message, after ${held.length} bytes and before its delimiter`;
      const sample = new Uint8Array(held.room.bytes.subarray(0, Math.min(held.length, SAMPLE_BYTES_MAX)));
      return [
        { type: 'fault', fault: faultAt(headFault('truncated', message), taken - held.length, sample, true) },
      ];
    },
    held: ({ held }) => held?.room.bytes.length ?? 0,
    position: ({ taken }) => taken,
  };
}

/** @internal */
export function mustHaveNoBody(bodyLength: number): void {
  if (bodyLength !== 0)
    throw new RangeError(
      'a body cannot follow a message that ends with a delimiter: use a codec with a length',
    );
}

/** Whether the end of a message and the delimiter behind it have the delimiter earlier: LF before LF LF, say. */
function beginsDelimiter(bytes: Uint8Array, end: Uint8Array): boolean {
  const tail = bytes.subarray(Math.max(bytes.length - end.length + 1, 0));
  const border = new Uint8Array(tail.length + end.length);
  border.set(tail);
  border.set(end, tail.length);
  return indexOf(border, end, 0) < tail.length;
}

/** The first place from `from` on where `bytes` has all of `what`; -1 when there is none. */
function indexOf(bytes: Uint8Array, what: Uint8Array, from: number): number {
  const [first] = what;
  for (let at = bytes.indexOf(first!, from); at !== -1; at = bytes.indexOf(first!, at + 1)) {
    if (at + what.length > bytes.length) return -1;
    let same = 1;
    while (same < what.length && bytes[at + same] === what[same]) same++;
    if (same === what.length) return at;
  }
  return -1;
}
