/** Sequence numbers (RFC 9293, section 3.4): arithmetic modulo 2^32. */

const HALF = 0x8000_0000;

/** How far `to` is ahead of `from`: -(2^31 - 1) to 2^31; negative when it is behind. */
export function distance(from: number, to: number): number {
  const ahead = (to - from) | 0;
  return ahead === -HALF ? HALF : ahead;
}

/** The sequence number `count` bytes after (or, when negative, before) another. */
export const seqPlus = (seq: number, count: number): number => (seq + count) >>> 0;
