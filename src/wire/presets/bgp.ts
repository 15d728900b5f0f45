/**
 * BGP messages: a marker of 16 bytes 0xff, the length of the whole message, and its type.
 *
 * ```text
 *  marker                   length  type  body
 *  ff ff … ff (16 of them)  00 13   04    (length - 19 bytes)
 * ```
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf, hexByte, lengthAfter, type MessageHead, uint16 } from './message-head.ts';

const MARKER_BYTES = 16;
const HEAD_BYTES = 19;
const TYPES: readonly (string | null)[] = [
  null,
  'OPEN',
  'UPDATE',
  'NOTIFICATION',
  'KEEPALIVE',
  'ROUTE-REFRESH',
];
const KEEPALIVE = 4;

function length(bytes: Uint8Array, start: number): number | HeadFault {
  for (let i = 0; i < MARKER_BYTES; i++) {
    if (bytes[start + i] === 0xff) continue;
    const message = `byte ${i} of the marker is ${hexByte(bytes[start + i]!)}, and all ${MARKER_BYTES} are 0xff`;
    return headFault('header-invalid', message);
  }
  const type = bytes[start + 18]!;
  if (!TYPES[type]) {
    const message = `the message's type is ${type}, and BGP has types 1 to ${TYPES.length - 1}`;
    return headFault('header-invalid', message);
  }
  const declared = uint16(bytes, start + MARKER_BYTES);
  if (type !== KEEPALIVE || declared <= HEAD_BYTES) return lengthAfter(declared, HEAD_BYTES, 'the length');
  const message = `the length says ${declared}, and a KEEPALIVE has ${HEAD_BYTES} bytes`;
  return headFault('length-too-large', message, declared, HEAD_BYTES);
}

/**
 * BGP-4 (RFC 4271, section 4.1): a marker of 16 bytes, the length of the whole message, its type. Messages have up to
 * 65,535 bytes (RFC 8654). Usual port: 179.
 *
 * @example presets.bgp.label(header); // 'OPEN', 'UPDATE', 'NOTIFICATION', 'KEEPALIVE' or 'ROUTE-REFRESH'
 */
export const bgp: Preset<MessageHead> = {
  name: 'bgp',
  title: 'BGP-4',
  source: 'RFC 4271, section 4.1; RFC 8654 for messages over 4,096 bytes',
  ports: [179],
  framing: (options) =>
    headFraming({ maxHead: HEAD_BYTES, maxLength: 65_535 - HEAD_BYTES, size: HEAD_BYTES, length }, options),
  label: (header) => TYPES[headOf(header)?.[18] ?? 0] ?? null,
};
