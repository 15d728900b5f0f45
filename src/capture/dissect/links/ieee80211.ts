/**
 * IEEE 802.11: data frames, which have LLC in them.
 *
 * ```text
 *  control, 16 | duration | three addresses | sequence | fourth address | QoS, 16 | HT, 32 | LLC
 *                                                        to and from DS   subtype   order
 * ```
 *
 * What is encrypted, or a fragment, or several packets in one frame, is told and not read.
 */
import type { NoSegment } from '../../segment.ts';
import { uint16 } from '../integers.ts';
import { endAt, type PacketCursor, skip, tooShort } from '../packet-cursor.ts';

const LAYER = 'IEEE 802.11';
const HEADER_BYTES = 24;
/** Bits of the first byte: version, type, and the subtypes of data. */
const VERSION = 0x03;
const TYPE = 0x0c;
const IS_DATA = 0x08;
const IS_QOS = 0x80;
const IS_EMPTY = 0x40;
/** Of the second byte. */
const TO_AND_FROM_DS = 0x03;
const HAS_MORE_FRAGMENTS = 0x04;
const IS_PROTECTED = 0x40;
const HAS_ORDER = 0x80;
const FRAGMENT_NUMBER = 0x0f;
/** Of the first byte of QoS: several packets in one frame. */
const IS_AGGREGATE = 0x80;
/** In front of each of them: addresses and length. */
const SUBFRAME_BYTES = 14;

const TYPES = ['a management', 'a control', 'a data', 'an extension'];

/**
 * Reads the header at `at`. Null when LLC is behind it.
 *
 * @param isPadded whether the header was padded to a multiple of four bytes, as some cards do.
 */
export function readIeee80211(cursor: PacketCursor, isPadded: boolean): NoSegment | null {
  const { at, bytes, end } = cursor;
  if (end - at < 2) return tooShort(cursor, LAYER, 2);
  const [first, second] = [bytes[at]!, bytes[at + 1]!];
  if (first & VERSION) return skip(cursor, 'other', `${LAYER}, version ${first & VERSION}`);
  if ((first & TYPE) !== IS_DATA)
    return skip(cursor, 'other', `${LAYER}, ${TYPES[(first & TYPE) >> 2]} frame`);
  if (first & IS_EMPTY) return skip(cursor, 'other', `${LAYER}, without data`);
  if (second & IS_PROTECTED) return skip(cursor, 'other', `${LAYER}, encrypted`);
  const qosAt = HEADER_BYTES + ((second & TO_AND_FROM_DS) === TO_AND_FROM_DS ? 6 : 0);
  let header = qosAt;
  if (first & IS_QOS) header += 2 + (second & HAS_ORDER ? 4 : 0);
  if (isPadded) header = (header + 3) & ~3;
  if (end - at < header) return tooShort(cursor, LAYER, header);
  if (second & HAS_MORE_FRAGMENTS || bytes[at + 22]! & FRAGMENT_NUMBER) {
    return skip(cursor, 'other', `${LAYER}, a fragment`);
  }
  cursor.at = at + header;
  return first & IS_QOS && bytes[at + qosAt]! & IS_AGGREGATE ? readAggregate(cursor) : null;
}

/** Reads an aggregate (A-MSDU) of one packet. Of several, the others could not be told. */
function readAggregate(cursor: PacketCursor): NoSegment | null {
  const { at, bytes, end, wire } = cursor;
  if (end - at < SUBFRAME_BYTES) return tooShort(cursor, LAYER, SUBFRAME_BYTES);
  const behind = at + SUBFRAME_BYTES + uint16(bytes, at + 12);
  // Padding and a check sequence may be behind the only one.
  if (wire - behind >= SUBFRAME_BYTES) return skip(cursor, 'other', `${LAYER}, several packets in one frame`);
  endAt(cursor, behind);
  cursor.at = at + SUBFRAME_BYTES;
  return null;
}
