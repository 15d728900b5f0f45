/**
 * Text as it comes: each chunk is a message.
 *
 * ```text
 *  chunk    'a'   [c3]   [a9]   [e2]   end
 *  held      -     c3     -      e2     -
 *  message  'a'    -     'é'     -     '\ufffd'
 * ```
 */
import { check, TEXT } from '../argument.ts';
import type { Codec, Decoded } from '../codec.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
/** The most bytes of a character that is not whole. */
const HELD_MAX = 3;

interface TextState {
  /** The offset in the stream, in bytes, of the next byte to take. */
  readonly taken: number;
  /** The first bytes of a character whose others have not come. */
  readonly held: Uint8Array;
}

/**
 * UTF-8 text without frames: messages have the sizes of the pieces in which the network delivers them, but no
 * character is in two of them. When two chunks share a character, its first bytes, at most three, wait for the others.
 * Bytes that are not UTF-8 become U+FFFD, and so does half a character at the end.
 *
 * @example
 * const shout = defineActor()({
 *   codec: textChunks,
 *   reduce: (state, event) => ({
 *     state,
 *     effects: event.type === 'message' ? [{ type: 'send', message: event.message.toUpperCase() }] : [],
 *   }),
 * });
 */
export const textChunks: Codec<string> = {
  heldMax: HELD_MAX,
  decoder: {
    initial: (position: number): TextState => ({ taken: position, held: NOTHING }),
    step({ taken, held }: TextState, chunk, at) {
      const bytes = joined(held, chunk.subarray(at));
      const end = bytes.length - unfinished(bytes);
      return {
        state: { taken: taken + chunk.length - at, held: new Uint8Array(bytes.subarray(end)) },
        decoded: textOf(bytes.subarray(0, end), taken - held.length),
        at: chunk.length,
      };
    },
    finish: ({ taken, held }: TextState) => textOf(held, taken - held.length),
    held: ({ held }: TextState) => held.length,
    position: ({ taken }: TextState) => taken,
  },
  encode(text) {
    check('a text', text, TEXT);
    return [encoder.encode(text)];
  },
};

function textOf(bytes: Uint8Array, position: number): Decoded<string>[] {
  if (bytes.length === 0) return [];
  return [{ type: 'message', message: decoder.decode(bytes), cost: bytes.length, position }];
}

function joined(held: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (held.length === 0) return chunk;
  const bytes = new Uint8Array(held.length + chunk.length);
  bytes.set(held);
  bytes.set(chunk, held.length);
  return bytes;
}

/** How many of the last bytes are the beginning of a character, and not all of it. */
function unfinished(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(HELD_MAX, bytes.length); count++) {
    const lead = bytes[bytes.length - count]!;
    const isContinuation = lead >= 0x80 && lead < 0xc0;
    if (isContinuation) continue;
    const isWhole = count >= sizeOf(lead);
    return isWhole || (count > 1 && !mayFollow(lead, bytes[bytes.length - count + 1]!)) ? 0 : count;
  }
  return 0;
}

/** The bytes of a character that begins with this one; 1 when no longer character does. */
function sizeOf(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

/** Whether a continuation byte may be the second byte of a character: not where it would be too long, or no character. */
function mayFollow(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xf0) return second >= 0x90;
  return lead !== 0xf4 || second < 0x90;
}
