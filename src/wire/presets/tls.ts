/**
 * TLS records, also on a connection that began with another protocol.
 *
 * ```text
 *  type  version  length    fragment
 *  16    03 03    00 5d     (length bytes)
 * ```
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf, hexByte, type MessageHead, uint16 } from './message-head.ts';

export const TLS_HEAD_BYTES = 5;
/** The most bytes of a protected record: 2^14 of content, and 2,048 for its protection (256 in TLS 1.3). */
export const TLS_FRAGMENT_BYTES_MAX = 2 ** 14 + 2048;

const TYPES: readonly string[] = [
  'change cipher spec',
  'alert',
  'handshake',
  'application data',
  'heartbeat',
];
const FIRST_TYPE = 20;
const LAST_TYPE = FIRST_TYPE + TYPES.length - 1;

/** Whether a frame that begins with this byte is a TLS record. */
export const beginsTls = (byte: number): boolean => byte >= FIRST_TYPE && byte <= LAST_TYPE;

export const tlsLabel = (type: number): string | null => TYPES[type - FIRST_TYPE] ?? null;

/** How many bytes the fragment of a record has, or the fault of its head. */
export function tlsLength(bytes: Uint8Array, start: number): number | HeadFault {
  const type = bytes[start]!;
  if (!beginsTls(type)) {
    const message = `the record's type is ${type}, and TLS has types ${FIRST_TYPE} to ${LAST_TYPE}`;
    return headFault('header-invalid', message);
  }
  const major = bytes[start + 1]!;
  if (major !== 3) {
    const version = `${hexByte(major)} ${hexByte(bytes[start + 2]!)}`;
    return headFault('header-invalid', `the record's version is ${version}, and TLS has 0x03 and any`);
  }
  const length = uint16(bytes, start + 3);
  if (length <= TLS_FRAGMENT_BYTES_MAX) return length;
  const message = `the record has ${length} bytes, and the most is ${TLS_FRAGMENT_BYTES_MAX}`;
  return headFault('length-too-large', message, length, TLS_FRAGMENT_BYTES_MAX);
}

/**
 * TLS records (RFC 8446, section 5.1; RFC 5246, section 6.2.3), also on a connection that began with another protocol:
 * a type, a version, and a length of at most 2^14 + 2,048 bytes. Usual ports: 443, 8443, 993 and others.
 *
 * @example presets.tls.label(header); // 'handshake', 'application data', 'alert', …
 */
export const tls: Preset<MessageHead> = {
  name: 'tls',
  title: 'TLS records',
  source: 'RFC 8446, section 5.1; RFC 5246, section 6.2.3',
  ports: [443, 465, 636, 853, 989, 990, 993, 995, 5061, 5671, 8443, 8883],
  framing: (options) =>
    headFraming(
      { maxHead: TLS_HEAD_BYTES, maxLength: TLS_FRAGMENT_BYTES_MAX, size: TLS_HEAD_BYTES, length: tlsLength },
      options,
    ),
  label: (header) => tlsLabel(headOf(header)?.[0] ?? 0),
};
