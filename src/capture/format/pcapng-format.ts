/**
 * The newer format of captures (draft-ietf-opsawg-pcapng): blocks, each with its length at both ends.
 *
 * ```text
 *  0  type            SHB  section header: byte order, from here on; no interfaces yet
 *  4  length, n       IDB  the section's next interface: link type, clock
 *  8  body            EPB  a packet of an interface        (PB: the same, with a narrower interface number)
 *  n-4  length, n     SPB  a packet of interface 0, without a time
 * ```
 *
 * Every other block is skipped, whatever its length. A section's length is not used: blocks are read one after the
 * other.
 */
import { hexNumber } from '../../base/bytes.ts';
import { readPacket, readSimplePacket } from './pcapng-packet.ts';
import { addInterface, type Section } from './pcapng-section.ts';
import {
  type Batch,
  type ByteView,
  type Damage,
  PACKET_BYTES_MAX,
  type RecordFormat,
} from './record-format.ts';

/** The type of a section header: the same in either byte order. */
export const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const BYTE_ORDER_SWAPPED = 0x4d3c2b1a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const names: ReadonlyMap<number, string> = new Map([
  [SECTION_HEADER, 'a section header'],
  [INTERFACE_DESCRIPTION, 'an interface description'],
  [OBSOLETE_PACKET, 'a packet block'],
  [SIMPLE_PACKET, 'a simple packet block'],
  [ENHANCED_PACKET, 'an enhanced packet block'],
]);

/** The minimum length of the blocks that are read; of any other block it is 12. */
const BLOCK_LENGTH_MIN: ReadonlyMap<number, number> = new Map([
  [SECTION_HEADER, 28],
  [INTERFACE_DESCRIPTION, 20],
  [OBSOLETE_PACKET, 32],
  [SIMPLE_PACKET, 16],
  [ENHANCED_PACKET, 32],
]);

/** The longest block that is read, in bytes: a packet with its options. */
const BLOCK_BYTES_MAX = PACKET_BYTES_MAX + 1024 * 1024;

const nameOf = (type: number): string => names.get(type) ?? `a block of type ${hexNumber(type, 8)}`;

/** Some writers do not count the padding in a block's length: Wireshark allows for it, and so do we. */
const padded = (length: number): number => Math.ceil(length / 4) * 4;

/** A block that is being skipped in steps. Its end is checked when all of it was skipped. */
interface SkippedBlock {
  readonly position: number;
  readonly length: number;
}

/** The state of the reading of one file: its current section, and the block that is being skipped. */
interface PcapngReader extends Section {
  skippedBlock: SkippedBlock | null;
}

export function createPcapngFormat(): RecordFormat {
  const reader: PcapngReader = { littleEndian: true, interfaces: [], skippedBlock: null };
  return {
    name: 'pcapng',
    get within() {
      return reader.skippedBlock === null ? null : reader.skippedBlock.position;
    },
    expects: () => 'a block',
    need: (view, at, end) => need(reader, view, at, end),
    read: (piece, at, length, position, batch) => read(reader, piece, at, length, position, batch),
  };
}

function need(reader: PcapngReader, view: DataView, at: number, end: number): number | Damage {
  if (reader.skippedBlock !== null) return 4;
  if (end - at < 12) return 12;
  let order = reader.littleEndian;
  const type = view.getUint32(at, order);
  if (type === SECTION_HEADER) {
    const mark = view.getUint32(at + 8, true);
    if (mark !== BYTE_ORDER && mark !== BYTE_ORDER_SWAPPED) {
      return { damage: `a section header whose byte-order magic is ${hexNumber(mark, 8)}` };
    }
    order = mark === BYTE_ORDER;
  }
  const length = view.getUint32(at + 4, order);
  const minimum = BLOCK_LENGTH_MIN.get(type);
  if (length < (minimum ?? 12)) return { damage: `${nameOf(type)} that is ${length} bytes long` };
  const whole = padded(length);
  // A block that is skipped need not be held.
  if (minimum === undefined) return whole <= end - at ? whole : 12;
  if (whole <= BLOCK_BYTES_MAX) return whole;
  return {
    damage: `${nameOf(type)} that is ${length} bytes long, and ${BLOCK_BYTES_MAX} is the most there can be`,
  };
}

function read(
  reader: PcapngReader,
  piece: ByteView,
  at: number,
  length: number,
  position: number,
  batch: Batch,
): number | Damage {
  const { view } = piece;
  if (reader.skippedBlock !== null) return endSkippedBlock(reader, reader.skippedBlock, view, at);
  const type = view.getUint32(at, reader.littleEndian);
  if (type === SECTION_HEADER) reader.littleEndian = view.getUint32(at + 8, true) === BYTE_ORDER;
  const { littleEndian } = reader;
  const declared = view.getUint32(at + 4, littleEndian);
  if (padded(declared) > length) {
    reader.skippedBlock = { position, length: declared };
    return padded(declared) - 16;
  }
  const fault = endFault(view, at + length - 4, littleEndian, declared);
  if (fault !== null) return fault;
  switch (type) {
    case SECTION_HEADER:
      return beginSection(reader, view, at);
    case INTERFACE_DESCRIPTION:
      return addInterface(reader, view, at + 8, at + length - 4);
    case OBSOLETE_PACKET:
      return readPacket(reader, piece, at, length, view.getUint16(at + 8, littleEndian), position, batch);
    case ENHANCED_PACKET:
      return readPacket(reader, piece, at, length, view.getUint32(at + 8, littleEndian), position, batch);
    case SIMPLE_PACKET:
      return readSimplePacket(reader, piece, at, length, position, batch);
    default:
      return 0;
  }
}

/** Reads the length at the end of a block that was skipped. */
function endSkippedBlock(
  reader: PcapngReader,
  { length }: SkippedBlock,
  view: DataView,
  at: number,
): number | Damage {
  const fault = endFault(view, at, reader.littleEndian, length);
  if (fault === null) reader.skippedBlock = null;
  return fault ?? 0;
}

/** Compares the length at the end of a block with the one at its beginning; null when they agree. */
function endFault(view: DataView, at: number, littleEndian: boolean, expected: number): Damage | null {
  const found = view.getUint32(at, littleEndian);
  if (found === expected || padded(found) === padded(expected)) return null;
  return { damage: `a block whose length is ${expected} at its beginning and ${found} at its end` };
}

function beginSection(reader: PcapngReader, view: DataView, at: number): number | Damage {
  const major = view.getUint16(at + 12, reader.littleEndian);
  const minor = view.getUint16(at + 14, reader.littleEndian);
  if (major !== 1) return { damage: `a section of version ${major}.${minor}: 1.0 is known` };
  reader.interfaces = [];
  return 0;
}
