/** A section of a pcapng file: the byte order of its packets, and their interfaces. */
import type { Damage } from './record-format.ts';
import { type TimestampReader, timestampReader } from './timestamp.ts';

export interface Section {
  littleEndian: boolean;
  /** The interfaces that it has described so far: at most `INTERFACES_MAX`. */
  interfaces: Interface[];
}

export interface Interface {
  readonly linkType: number;
  /** The most bytes captured of a packet; 0 when there is no limit. */
  readonly snapLength: number;
  readonly readTime: TimestampReader;
}

const OPT_END = 0;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** The resolution of a file that says none: microseconds. */
const RESOLUTION_DEFAULT = 6;

/** The most interfaces in a section. It bounds what is kept of one. */
const INTERFACES_MAX = 65_536;

/** Adds the interface whose description has its body from `start` to below `end`. */
export function addInterface(section: Section, view: DataView, start: number, end: number): number | Damage {
  const { interfaces, littleEndian } = section;
  if (interfaces.length === INTERFACES_MAX) {
    return { damage: `more interfaces than ${INTERFACES_MAX} in one section` };
  }
  const described = readInterface(view, start, end, littleEndian);
  if ('damage' in described) return described;
  interfaces.push(described);
  return 0;
}

export const unknownInterface = (id: number, count: number): Damage => ({
  damage: `a packet of interface ${id}, where the section has described ${count}`,
});

/**
 * Reads the body of an Interface Description Block:
 *
 * ```text
 *  0  link type   4  snap length   8  options: code, length, value padded to 4 bytes
 *  2  (reserved)
 * ```
 */
function readInterface(
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
    // Every time would be wrong without these options, so one of another length is damage.
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
