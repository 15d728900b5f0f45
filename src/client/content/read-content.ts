/** Reads content before it is sent, to compute a checksum of it. */
import type { Content } from './content.ts';

/** Computes a digest piece by piece, as `createHash('sha256')` of Node does. */
export interface Hasher {
  readonly update: (bytes: Uint8Array) => void;
  /** In hexadecimal digits. */
  readonly digest: () => string;
}

/** Bytes read at a time, and so in memory. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Reads the bytes from one offset to another, until `wanted` answers false. Rejects with the content's own error, and
 * when the content is shorter than its `size`.
 */
export async function readPieces(
  content: Content,
  from: number,
  to: number,
  wanted: () => boolean,
  each: (bytes: Uint8Array, end: number) => void,
): Promise<void> {
  const room = new Uint8Array(Math.min(PIECE_BYTES, to - from));
  for (let at = from; at < to && wanted(); ) {
    const into = room.subarray(0, to - at);
    const got = await content.read(at, into);
    if (!Number.isInteger(got) || got < 1 || got > into.length) {
      throw new Error(`the content ended after ${at} of ${content.size} bytes: it has become shorter`);
    }
    at += got;
    each(into.subarray(0, got), at);
  }
}

export async function hashOf(content: Content, hasher: Hasher, wanted = () => true): Promise<string> {
  await readPieces(content, 0, content.size, wanted, (bytes) => hasher.update(bytes));
  return hasher.digest();
}
