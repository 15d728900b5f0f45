/**
 * MySQL and MariaDB packets.
 *
 * ```text
 *  length (little)  sequence  payload
 *  21 00 00         00        (length bytes)
 * ```
 *
 * A payload of 2^24 - 1 bytes goes on in the next packet. The two sides may agree on compression (whose heads have 7
 * bytes) or TLS in the first two packets. The bytes show neither, so this preset reads such a connection
 * wrongly.
 */
import type { Preset } from '../preset.ts';
import { headFraming, headOf, type MessageHead } from './message-head.ts';

/**
 * MySQL and MariaDB packets (MySQL Internals, "MySQL Packets"): a length of 24 bits, little-endian, and a sequence
 * number. A connection whose two sides agreed on compression or TLS is read wrongly, as its bytes do not show that.
 * Usual port: 3306.
 *
 * @example presets.mysql.label(header); // 'sequence 0'
 */
export const mysql: Preset<MessageHead> = {
  name: 'mysql',
  title: 'MySQL and MariaDB',
  source: 'MySQL Internals, "MySQL Packets" (page_protocol_basic_packets)',
  ports: [3306],
  framing: (options) =>
    headFraming(
      {
        maxHead: 4,
        maxLength: 2 ** 24 - 1,
        size: 4,
        length: (bytes, start) => bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16),
      },
      options,
    ),
  label(header) {
    const sequence = headOf(header)?.[3];
    return sequence === undefined ? null : `sequence ${sequence}`;
  },
};
