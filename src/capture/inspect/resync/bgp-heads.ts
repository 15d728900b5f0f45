/** The heads of BGP messages, told from other bytes. */
import { uint16 } from '../../../wire/presets/message-head.ts';
import { PART_BITS_MAX, type PlausibleHeads } from './plausible-heads.ts';

const MARKER_BYTES = 16;
const HEAD_BYTES = 19;
const ONES = 0xff;
const KEEPALIVE = 4;
/** The fewest bytes of a message, by its type. */
const BYTES_MIN: Readonly<Record<number, number>> = { 1: 29, 2: 23, 3: 21, 4: HEAD_BYTES, 5: 23 };
/** The most bytes of a message but for RFC 8654, which is seldom agreed on. */
const USUAL_BYTES_MAX = 4096;

/**
 * The marker, which counts no more than 40 bits as bodies have masks of ones; a type; and a length that the type may
 * have. Of more ones than a marker has the last 16 are it: no message is so long that its length begins with ones.
 */
export const plausibleBgp: PlausibleHeads = {
  look: HEAD_BYTES,
  next(bytes, from, to) {
    // The last byte of a marker is looked at first, so that most bytes are never looked at.
    for (let at = from; at < to; ) {
      const last = at + MARKER_BYTES - 1;
      if (last >= bytes.length) return to;
      let ones = last;
      while (ones >= at && bytes[ones] === ONES) ones--;
      if (ones >= at) {
        at = ones + 1;
        continue;
      }
      while (at < to && bytes[at + MARKER_BYTES] === ONES) at++;
      return Math.min(at, to);
    }
    return to;
  },
  headAt(bytes, at, end) {
    if (end - at < HEAD_BYTES || bytes[at + MARKER_BYTES] === ONES) return null;
    const size = uint16(bytes, at + MARKER_BYTES);
    const type = bytes[at + MARKER_BYTES + 2]!;
    const least = BYTES_MIN[type];
    if (least === undefined || size < least || (type === KEEPALIVE && size > HEAD_BYTES)) return null;
    const lengthBits = type === KEEPALIVE ? 12 : size <= USUAL_BYTES_MAX ? 4 : 0;
    return { size, bits: PART_BITS_MAX + 5 + lengthBits };
  },
};
