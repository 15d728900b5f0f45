/** Reads the description of an interface in a pcapng section, as far as its packets need it. */
import type { Damage } from './record-format.ts';
import { type TimestampReader, timestampReader } from './timestamp.ts';

export interface Interface {
  readonly linkType: number;
  /** The most bytes captured of a packet; 0 when there is no limit. */
  readonly snapLength: number;
  readonly readTime: TimestampReader;
}

const OPT_END = 0;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** Microseconds, when the file says nothing else. */
const RESOLUTION_DEFAULT = 6;

/**
 * Reads the body of an Interface Description Block:
 *
 * ```text
 *  0  link type   4  snap length   8  options: code, length, value padded to 4 bytes
 *  2  (reserved)
 * ```
 */
export function readInterface(
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
): Interface | Damage {
  if (end - start < 8)
    return { damage: `an interface description of ${end - start} bytes, and the least is 8` };
  let resolution = RESOLUTION_DEFAULT;
  let offset = 0n;
  let at = start + 8;
  while (end - at >= 4) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    const value = at + 4;
    if (code === OPT_END) break;
    if (length > end - value) {
      return {
        damage: `an option of an interface that is ${length} bytes long, where ${end - value} are left`,
      };
    }
    // Without these every time would be wrong, so one of another length is not passed over.
    if (code === IF_TSRESOL) {
      if (length !== 1) return { damage: `if_tsresol of ${length} bytes, which has 1` };
      resolution = view.getUint8(value);
    } else if (code === IF_TSOFFSET) {
      if (length !== 8) return { damage: `if_tsoffset of ${length} bytes, which has 8` };
      offset = view.getBigInt64(value, littleEndian);
    }
    at = value + ((length + 3) & ~3);
  }
  return {
    linkType: view.getUint16(start, littleEndian),
    snapLength: view.getUint32(start + 4, littleEndian),
    readTime: timestampReader(resolution, offset),
  };
}
