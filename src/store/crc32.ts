/** The checksum of what is stored: CRC-32 (ISO-HDLC, as in zlib and PNG), in the one place that knows who computes it. */
import { crc32 as crc32OfZlib } from 'node:zlib';

/**
 * The CRC-32 of `bytes`, continued from that of the bytes before them (0 at the start). An unsigned 32-bit integer.
 *
 * @example
 * crc32(tail, crc32(head)) // that of head and tail together
 */
export const crc32 = (bytes: Uint8Array, before = 0): number => crc32OfZlib(bytes, before);

/** The CRC-32 of several chunks in order, continued from `before`. */
export function crc32OfAll(chunks: readonly Uint8Array[], before = 0): number {
  let crc = before;
  for (const chunk of chunks) crc = crc32OfZlib(chunk, crc);
  return crc;
}
