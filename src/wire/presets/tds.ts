/**
 * TDS packets, of Microsoft SQL Server and Sybase: eight bytes of head, with the length of the whole packet.
 *
 * ```text
 *  type  status  length  SPID   packet  window  data
 *  12    01      00 2f   00 00  01      00      (length - 8 bytes)
 * ```
 *
 * A message may be several packets. When both sides agreed on encryption, TLS records come instead of packets (those
 * of the TLS handshake itself are within packets of type pre-login).
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf, hexByte, lengthAfter, type MessageHead, uint16 } from './message-head.ts';
import { beginsTls, TLS_HEAD_BYTES, tlsLabel, tlsLength } from './tls.ts';

const HEAD_BYTES = 8;
/** The largest packet that the two sides can negotiate. */
const PACKET_BYTES_MAX = 32_767;

const TYPES: ReadonlyMap<number, string> = new Map([
  [0x01, 'SQL batch'],
  [0x02, 'login (before TDS 7)'],
  [0x03, 'RPC'],
  [0x04, 'tabular result'],
  [0x06, 'attention'],
  [0x07, 'bulk load'],
  [0x08, 'federated authentication token'],
  [0x0e, 'transaction manager request'],
  [0x0f, 'TDS 5 normal'],
  [0x10, 'login'],
  [0x11, 'SSPI'],
  [0x12, 'pre-login'],
]);

function length(bytes: Uint8Array, start: number): number | HeadFault {
  const type = bytes[start]!;
  if (beginsTls(type)) return tlsLength(bytes, start);
  if (!TYPES.has(type)) {
    const message = `the packet's type is ${hexByte(type)}, and is none of TDS's or TLS's`;
    return headFault('header-invalid', message);
  }
  const declared = uint16(bytes, start + 2);
  if (declared <= PACKET_BYTES_MAX) return lengthAfter(declared, HEAD_BYTES, 'the length');
  const message = `the length says ${declared}, and the most is ${PACKET_BYTES_MAX}`;
  return headFault('length-too-large', message, declared, PACKET_BYTES_MAX);
}

const size = (bytes: Uint8Array, start: number, end: number): number =>
  start === end || beginsTls(bytes[start]!) ? TLS_HEAD_BYTES : HEAD_BYTES;

/**
 * TDS packets of Microsoft SQL Server ([MS-TDS], section 2.2.3.1): a head of eight bytes, with the length of the whole
 * packet. TLS records between them are found as well. A message may be several packets. Usual port: 1433.
 *
 * @example presets.tds.label(header); // 'SQL batch', 'tabular result', 'TLS handshake', …
 */
export const tds: Preset<MessageHead> = {
  name: 'tds',
  title: 'TDS (SQL Server)',
  source: '[MS-TDS], section 2.2.3.1',
  ports: [1433],
  framing: (options) =>
    headFraming({ maxHead: HEAD_BYTES, maxLength: PACKET_BYTES_MAX - HEAD_BYTES, size, length }, options),
  label(header) {
    const type = headOf(header)?.[0] ?? 0;
    return beginsTls(type) ? `TLS ${tlsLabel(type)}` : (TYPES.get(type) ?? null);
  },
};
