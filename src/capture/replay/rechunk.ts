/**
 * The same bytes, cut differently: TCP keeps no boundaries, so whatever reads a stream must come to the same result
 * however it is cut.
 *
 * ```text
 *  recorded   [4 a b][c d 1 x 0]            as the segments had it
 *  bytes      [4][a][b][c][d][1][x][0]      one at a time
 *  whole      [4 a b c d 1 x 0]             all at once, up to 64 MiB
 *  random     [4 a][b c d 1 x][0]           cut and joined as a seed says
 * ```
 */

import { concatBytes } from '../../base/bytes.ts';
import { randomFrom } from '../../base/random.ts';
import { check, either, inWords, numberFrom, oneOf, RECORD, type Rule } from '../../wire/argument.ts';
import { bytesOf } from '../../wire/bytes.ts';

/** Cuts at random, the same for the same seed. */
export interface RandomChunking {
  /** A whole number; any. */
  readonly seed: number;
  /** The longest chunk, in bytes: 1 to 67,108,864, default 65,536. Short ones are as likely as long ones. */
  readonly max?: number;
}

/**
 * How a recorded stream is cut into chunks, for a test that the cuts mean nothing.
 *
 * - `recorded`: as the segments had it.
 * - `bytes`: one byte at a time.
 * - `whole`: all of a side at once, up to 64 MiB.
 * - `{ seed, max }`: at random, the same for the same `seed`, in chunks of at most `max` bytes (1 to 67,108,864,
 *   default 65,536).
 */
export type Chunking = 'recorded' | 'bytes' | 'whole' | RandomChunking;

/** Bytes of a chunk that is `whole`: a side that sent more comes in several of these. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * One direction of one connection, cut anew. Holds what it was pushed last, and a copy of what is being put together,
 * which is never longer than the chunk it will be.
 */
export interface Rechunker {
  /** The next recorded bytes. To be called only when `pull` has answered null. */
  push(bytes: Uint8Array): void;
  /** The next chunk, or null when more bytes are needed for it. A view of what was pushed when it lay in one push. */
  pull(): Uint8Array | null;
  /** The chunk that is being put together, as far as it is; null when it is empty. Call it when no more bytes come. */
  flush(): Uint8Array | null;
}

/**
 * Cuts a stream anew, a step at a time.
 *
 * @param salt makes the cuts of one seed differ from stream to stream: the index of a conversation, say.
 * @throws RangeError when an option is out of its bounds.
 * @example
 * const rechunker = createRechunker('bytes');
 * rechunker.push(Uint8Array.of(1, 2));
 * rechunker.pull(); // [1]
 * rechunker.pull(); // [2]
 * rechunker.pull(); // null
 */
export function createRechunker(chunking: Chunking, salt = 0): Rechunker {
  const size = chunkSizes(chunking, salt);
  let rest = NO_BYTES;
  /** Copies, so that no chunk that came before is kept for the sake of the one that is put together. */
  let held: Uint8Array[] = [];
  let length = 0;
  /** Bytes of the chunk that is next; 0 before the first byte of it is there. */
  let targetLength = 0;

  function takeChunk(last: Uint8Array): Uint8Array {
    const chunk = length === 0 ? last : concatBytes([...held, last], length + last.length);
    held = [];
    length = 0;
    targetLength = 0;
    return chunk;
  }

  return {
    push(bytes) {
      if (rest.length > 0) throw new Error('there is something left to pull');
      rest = bytesOf(bytes, 'a chunk');
    },
    pull() {
      if (rest.length === 0) return null;
      if (targetLength === 0) targetLength = size(rest.length);
      const missing = targetLength - length;
      if (rest.length < missing) {
        held.push(new Uint8Array(rest));
        length += rest.length;
        rest = NO_BYTES;
        return null;
      }
      const last = rest.subarray(0, missing);
      rest = rest.subarray(missing);
      return takeChunk(last);
    },
    flush: () => (length === 0 ? null : takeChunk(NO_BYTES)),
  };
}

/**
 * Cuts all of a stream anew.
 *
 * @param salt makes the cuts of one seed differ from stream to stream; default 0.
 * @throws RangeError when an option is out of its bounds.
 * @example [...rechunk([Uint8Array.of(1, 2), Uint8Array.of(3)], 'whole')] // [[1, 2, 3]]
 */
export function* rechunk(chunks: Iterable<Uint8Array>, chunking: Chunking, salt = 0): Iterable<Uint8Array> {
  check('rechunk: the chunks', chunks, ITERABLE);
  const rechunker = createRechunker(chunking, salt);
  for (const chunk of chunks) {
    rechunker.push(chunk);
    for (let next = rechunker.pull(); next !== null; next = rechunker.pull()) yield next;
  }
  const last = rechunker.flush();
  if (last !== null) yield last;
}

/** In a few words, for messages: `random, seed 3`. */
export function chunkingInWords(chunking: Chunking): string {
  check('the chunking', chunking, CHUNKING);
  return typeof chunking === 'string' ? chunking : `random, seed ${chunking.seed}`;
}

const CHUNKING = either(oneOf('recorded', 'bytes', 'whole'), {
  words: 'an object with a seed',
  isKind: (value) => RECORD.isKind(value) && typeof (value as { readonly seed?: unknown }).seed === 'number',
});

const ITERABLE: Rule = {
  words: 'an iterable of chunks',
  isKind: (value) => typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function',
};
const SALT = numberFrom(Number.NEGATIVE_INFINITY, 'a number');

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** How long the next chunk is to be, when so many bytes are there. */
function chunkSizes(chunking: Chunking, salt: number): (there: number) => number {
  check('the chunking', chunking, CHUNKING);
  check('the salt of a chunking', salt, SALT);
  if (chunking === 'recorded') return (there) => there;
  if (chunking === 'bytes') return () => 1;
  if (chunking === 'whole') return () => WHOLE_BYTES_MAX;
  const { seed, max = 65_536 } = chunking;
  if (!Number.isSafeInteger(seed)) throw new RangeError(`a seed is a whole number, not ${inWords(seed)}`);
  if (!Number.isInteger(max) || max < 1 || max > WHOLE_BYTES_MAX) {
    throw new RangeError(`the longest chunk is 1 to ${WHOLE_BYTES_MAX} bytes, not ${inWords(max)}`);
  }
  const random = randomFrom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b));
  // Each order of magnitude is as likely as the next: cuts within a length field are as common as those far apart.
  return () => Math.min(Math.floor((max + 1) ** random()), max);
}
