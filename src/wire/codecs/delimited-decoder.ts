/**
 * Finds messages that end with a delimiter.
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

import type { Decoded, Decoder } from '../codec.ts';
import { append, type ChunkBuffer, gather } from '../deframe/chunk-buffer.ts';
import { faultAt, headFault, SAMPLE_BYTES_MAX } from '../fault.ts';
import { createDelimiterSearch, type DelimiterSearch } from './delimiter-search.ts';
import { decodedMessage } from './message-fault.ts';

export interface DelimitedState {
  /** The offset in the stream, in bytes, of the next byte to take. */
  readonly taken: number;
  /** The bytes of the incomplete message; null when there are none. */
  readonly held: ChunkBuffer | null;
  /** How many bytes of the delimiter the held bytes end with. */
  readonly matched: number;
  readonly over: boolean;
}

/** What belongs to the delimiter before it, although it need not be there: the CR of a line end. */
interface Trim {
  /** The most bytes of it in the longest message. */
  readonly most: number;
  readonly trimmed: (bytes: Uint8Array) => Uint8Array;
}

const NO_TRIM: Trim = { most: 0, trimmed: (bytes) => bytes };

interface Rules<In> {
  readonly search: DelimiterSearch;
  readonly delimiterLength: number;
  readonly maxLength: number;
  /** The bytes at which a message without a delimiter is too long: the longest message has its delimiter by then. */
  readonly heldMax: number;
  readonly trim: Trim;
  readonly toMessage: (bytes: Uint8Array) => In;
}

/**
 * @param toMessage makes a message of its bytes without the delimiter, which are lent. It throws a
 *   `MessageFault` when it cannot.
 * @internal
 */
export function delimitedDecoder<In>(
  delimiter: Uint8Array,
  maxLength: number,
  toMessage: (bytes: Uint8Array) => In,
  trim: Trim = NO_TRIM,
): Decoder<In, never, DelimitedState> {
  const rules: Rules<In> = {
    search: createDelimiterSearch(delimiter),
    delimiterLength: delimiter.length,
    maxLength,
    heldMax: maxLength + trim.most + delimiter.length,
    trim,
    toMessage,
  };
  return {
    initial: (position) => ({ taken: position, held: null, matched: 0, over: false }),
    step: (state, chunk, from, most) => step(rules, state, chunk, from, most),
    finish,
    held: ({ held }) => held?.room.bytes.length ?? 0,
    position: ({ taken }) => taken,
  };
}

function step<In>(
  rules: Rules<In>,
  state: DelimitedState,
  chunk: Uint8Array,
  from: number,
  most: number,
): { state: DelimitedState; decoded: Decoded<In>[]; at: number } {
  const decoded: Decoded<In>[] = [];
  const origin = state.taken - from;
  let { held, matched, over } = state;
  let at = from;
  while (at < chunk.length && decoded.length < most && !over) {
    const position = origin + at - (held?.length ?? 0);
    const found = rules.search(chunk, at, matched);
    const next = found < 0 ? null : messageOf(rules, held, chunk, at, found, position);
    if (next === null) {
      held = grown(rules, held, chunk, at);
      matched = ~found;
      at = chunk.length;
      if (held.length >= rules.heldMax) {
        decoded.push(tooLong(rules, position, heldBytes(held)));
        over = true;
      }
    } else {
      decoded.push(next);
      over = next.type === 'fault' && next.fault.fatal;
      [held, matched, at] = [null, 0, found];
    }
  }
  if (over) [held, matched, at] = [null, 0, chunk.length];
  return { state: { taken: origin + at, held, matched, over }, decoded, at };
}

/** Makes a message of the bytes that are held and of the chunk's from `at` on, whose delimiter ends at `found`. */
function messageOf<In>(
  rules: Rules<In>,
  held: ChunkBuffer | null,
  chunk: Uint8Array,
  at: number,
  found: number,
  position: number,
): Decoded<In> {
  const { maxLength, heldMax, trim, toMessage, delimiterLength } = rules;
  // Before `at` when the delimiter has begun in the bytes that are held.
  const end = found - delimiterLength;
  let whole: Uint8Array;
  if (held === null) whole = chunk.subarray(at, end);
  else if (end <= at) whole = heldBytes(held).subarray(0, held.length + end - at);
  else whole = heldBytes(append(held, chunk, at, Math.min(end, at + heldMax - held.length), heldMax));
  const bytes = trim.trimmed(whole);
  // Counted untrimmed too: bytes that come one at a time would be too many before the delimiter shows what they are.
  if (bytes.length > maxLength || whole.length > maxLength + trim.most)
    return tooLong(rules, position, whole);
  return decodedMessage(
    () => toMessage(bytes),
    () => bytes.length,
    bytes,
    position,
  );
}

/** The held bytes with those of the chunk. Bytes beyond the limit only show that there are too many. */
function grown<In>(
  { heldMax }: Rules<In>,
  held: ChunkBuffer | null,
  chunk: Uint8Array,
  at: number,
): ChunkBuffer {
  const to = Math.min(chunk.length, at + heldMax - (held?.length ?? 0));
  return held === null ? gather(chunk, at, to, heldMax) : append(held, chunk, at, to, heldMax);
}

const heldBytes = ({ room, length }: ChunkBuffer): Uint8Array => room.bytes.subarray(0, length);

function tooLong<In>({ maxLength }: Rules<In>, position: number, bytes: Uint8Array): Decoded<In> {
  const message = `no delimiter within ${maxLength} bytes, the most that a message may have`;
  const fault = headFault('length-too-large', message, null, maxLength);
  return { type: 'fault', fault: faultAt(fault, position, sampleOf(bytes), true) };
}

function finish({ held, over, taken }: DelimitedState): readonly Decoded<never>[] {
  if (over || held === null) return [];
  const message = `the stream ended in a message, after ${held.length} bytes and before its delimiter`;
  const fault = headFault('truncated', message);
  return [{ type: 'fault', fault: faultAt(fault, taken - held.length, sampleOf(heldBytes(held)), true) }];
}

const sampleOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.subarray(0, SAMPLE_BYTES_MAX));
