/** The heads of TLS records, told from other bytes. */
import { uint16 } from '../../../wire/presets/message-head.ts';
import { beginsTls, TLS_FRAGMENT_BYTES_MAX, TLS_HEAD_BYTES } from '../../../wire/presets/tls.ts';
import type { PlausibleHead, PlausibleHeads } from './plausible-heads.ts';

const MAJOR = 3;
const MINOR_MAX = 4;
const [CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA] = [20, 21, 22, 23];

/** Nearly all records say 3.3, and a first one may say 3.1. */
const VERSION_BITS: Readonly<Record<number, number>> = { 3: 15, 1: 13 };
const OTHER_VERSION_BITS = 11;
/** Half of all records have data, and each other type an eighth. */
const DATA_BITS = 7;
const TYPE_BITS = 5;

/** A protected alert: two bytes, and what protects them. */
const ALERT_BYTES_MAX = 256;

/** What the length, and of short records the body, is worth beyond the type and version; null when it cannot be. */
function lengthBits(bytes: Uint8Array, at: number, end: number, length: number): number | null {
  const first = at + TLS_HEAD_BYTES < end ? bytes[at + TLS_HEAD_BYTES]! : null;
  switch (bytes[at]) {
    case CHANGE_CIPHER_SPEC:
      return length === 1 && (first === null || first === 1) ? 15 : null;
    case ALERT:
      if (length === 2) return first === null || first === 1 || first === 2 ? 13 : null;
      return length > 16 && length <= ALERT_BYTES_MAX ? 7 : null;
    case HANDSHAKE:
      return length >= 4 ? 1 : null;
    default:
      return length >= 1 ? 1 : null;
  }
}

/** @see plausibleTls */
export function tlsHeadAt(bytes: Uint8Array, at: number, end: number): PlausibleHead | null {
  if (end - at < TLS_HEAD_BYTES) return null;
  const type = bytes[at]!;
  const minor = bytes[at + 2]!;
  if (!beginsTls(type) || bytes[at + 1] !== MAJOR || minor > MINOR_MAX) return null;
  const length = uint16(bytes, at + 3);
  if (length > TLS_FRAGMENT_BYTES_MAX) return null;
  const more = lengthBits(bytes, at, end, length);
  if (more === null) return null;
  const typeBits = type === APPLICATION_DATA ? DATA_BITS : TYPE_BITS;
  return {
    size: TLS_HEAD_BYTES + length,
    bits: typeBits + (VERSION_BITS[minor] ?? OTHER_VERSION_BITS) + more,
  };
}

/** A type, version 3.0 to 3.4, and a length that the type may have: 23 bits for data, 35 for a change of ciphers. */
export const plausibleTls: PlausibleHeads = {
  look: TLS_HEAD_BYTES + 1,
  next(bytes, from, to) {
    const major = bytes.indexOf(MAJOR, from + 1);
    return major === -1 || major > to ? to : major - 1;
  },
  headAt: tlsHeadAt,
};
