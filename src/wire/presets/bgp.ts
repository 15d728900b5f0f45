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
import { after, headFraming, headOf, hexByte, uint16 } from './message-head.ts';

const MARKER = 16;
const HEAD = 19;
const types: readonly (string | null)[] = [
  null,
  'OPEN',
  'UPDATE',
  'NOTIFICATION',
  'KEEPALIVE',
  'ROUTE-REFRESH',
];
const KEEPALIVE = 4;

function length(bytes: Uint8Array, start: number): number | HeadFault {
  for (let i = 0; i < MARKER; i++) {
    if (bytes[start + i] === 0xff) continue;
    const message = `byte ${i} of the marker is ${hexByte(bytes[start + i]!)}, and all ${MARKER} are 0xff`;
    return headFault('header-invalid', message);
  }
  const type = bytes[start + 18]!;
  if (!types[type]) {
    const message = `the message's type is ${type}, and BGP has types 1 to ${types.length - 1}`;
    return headFault('header-invalid', message);
  }
  const declared = uint16(bytes, start + MARKER);
  if (type !== KEEPALIVE || declared <= HEAD) return after(declared, HEAD, 'the length');
  const message = `the length says ${declared}, and a KEEPALIVE has ${HEAD} bytes`;
  return headFault('length-too-large', message, declared, HEAD);
}

export const bgp: Preset = {
  name: 'bgp',
  title: 'BGP-4',
  source: 'RFC 4271, section 4.1; RFC 8654 for messages over 4,096 bytes',
  ports: [179],
  framing: (options) => headFraming({ maxHead: HEAD, maxLength: 65_535 - HEAD, size: HEAD, length }, options),
  label: (header) => types[headOf(header)?.[18] ?? 0] ?? null,
};
