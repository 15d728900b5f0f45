/** CRC-32 (ISO-HDLC, as in zlib and PNG) in plain JavaScript: four bytes a step, some 500 MB/s. For any platform. */

const tables = makeTables();

function makeTables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    first[byte] = crc;
  }
  const then = (before: Uint32Array) => before.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!);
  const second = then(first);
  const third = then(second);
  return [first, second, third, then(third)];
}

/**
 * Computes the CRC-32 of `bytes`, continued from that of the bytes before them (0 at the start), as an unsigned
 * integer.
 *
 * @example crc32(tail, crc32(head)) // that of head and tail together
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3] = tables;
  const fours = bytes.length & ~3;
  let crc = ~before;
  let at = 0;
  while (at < fours) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 0xff]! ^ t2[(crc >>> 8) & 0xff]! ^ t1[(crc >>> 16) & 0xff]! ^ t0[crc >>> 24]!;
    at += 4;
  }
  while (at < bytes.length) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at++]!) & 0xff]!;
  return ~crc >>> 0;
}
