/** The Internet checksum (RFC 1071) over the parts of a packet. */

/**
 * The sum of the 16-bit words of `bytes[from..to)`, not folded: at most 2^16 - 1 a word, so that sums of many packets'
 * worth fit in a number. An odd last byte counts as the high half of a word.
 */
export function sumOf(bytes: Uint8Array, from: number, to: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = 0;
  let at = from;
  // Two words at a time: 2^16 and 1 are the same here.
  for (; at + 4 <= to; at += 4) sum += view.getUint32(at);
  if (at + 2 <= to) {
    sum += view.getUint16(at);
    at += 2;
  }
  return at < to ? sum + bytes[at]! * 256 : sum;
}

/** Folds a sum into 16 bits: 0xffff when everything summed up, its checksum included, is right. */
export function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest % 0x10000) + Math.floor(rest / 0x10000);
  return rest;
}
