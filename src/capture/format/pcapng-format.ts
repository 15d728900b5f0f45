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
 * Every other block is passed over, whatever its length. A section's length is not used: blocks are walked one after
 * the other.
 */
import { hexNumber } from '../../base/bytes.ts';
import { type Interface, readInterface } from './pcapng-interface.ts';
import type { Batch, ByteView, Damage, RecordFormat } from './record-format.ts';
import { PACKET_BYTES_MAX, tooLong } from './record-format.ts';

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

/** The most interfaces in a section: that bounds what is kept of it. */
const INTERFACES_MAX = 65_536;

const nameOf = (type: number): string => names.get(type) ?? `a block of type ${hexNumber(type, 8)}`;

/** Some writers do not count the padding in a block's length: Wireshark allows for it, and so do we. */
const padded = (length: number): number => Math.ceil(length / 4) * 4;

/** A block that is being skipped in steps, for the check of its end. */
interface SkippedBlock {
  readonly position: number;
  readonly length: number;
}

export function pcapngFormat(): RecordFormat {
  let littleEndian = true;
  let interfaces: Interface[] = [];
  let skippedBlock: SkippedBlock | null = null;

  function need(view: DataView, at: number, end: number): number | Damage {
    if (skippedBlock !== null) return 4;
    if (end - at < 12) return 12;
    const type = view.getUint32(at, littleEndian);
    let order = littleEndian;
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
    piece: ByteView,
    at: number,
    length: number,
    position: number,
    batch: Batch,
  ): number | Damage {
    const { view } = piece;
    if (skippedBlock !== null) {
      const expected = skippedBlock.length;
      const wrong = checkEnd(view, at, expected);
      if (wrong === null) skippedBlock = null;
      return wrong ?? 0;
    }
    const type = view.getUint32(at, littleEndian);
    if (type === SECTION_HEADER) littleEndian = view.getUint32(at + 8, true) === BYTE_ORDER;
    const declared = view.getUint32(at + 4, littleEndian);
    if (padded(declared) > length) {
      skippedBlock = { position, length: declared };
      return padded(declared) - 16;
    }
    const wrong = checkEnd(view, at + length - 4, declared);
    if (wrong !== null) return wrong;
    switch (type) {
      case SECTION_HEADER:
        return beginSection(view, at);
      case INTERFACE_DESCRIPTION:
        return addInterface(view, at, length);
      case OBSOLETE_PACKET:
        return readPacket(piece, at, length, view.getUint16(at + 8, littleEndian), position, batch);
      case ENHANCED_PACKET:
        return readPacket(piece, at, length, view.getUint32(at + 8, littleEndian), position, batch);
      case SIMPLE_PACKET:
        return readSimple(piece, at, length, position, batch);
      default:
        return 0;
    }
  }

  function checkEnd(view: DataView, at: number, expected: number): Damage | null {
    const found = view.getUint32(at, littleEndian);
    if (found === expected || padded(found) === padded(expected)) return null;
    return { damage: `a block whose length is ${expected} at its beginning and ${found} at its end` };
  }

  function beginSection(view: DataView, at: number): number | Damage {
    const major = view.getUint16(at + 12, littleEndian);
    const minor = view.getUint16(at + 14, littleEndian);
    if (major !== 1) return { damage: `a section of version ${major}.${minor}: 1.0 is known` };
    interfaces = [];
    return 0;
  }

  function addInterface(view: DataView, at: number, length: number): number | Damage {
    if (interfaces.length === INTERFACES_MAX) {
      return { damage: `more interfaces than ${INTERFACES_MAX} in one section` };
    }
    const described = readInterface(view, at + 8, at + length - 4, littleEndian);
    if ('damage' in described) return described;
    interfaces.push(described);
    return 0;
  }

  const unknownInterface = (id: number): Damage => ({
    damage: `a packet of interface ${id}, where the section has described ${interfaces.length}`,
  });

  function readPacket(
    { bytes, view }: ByteView,
    at: number,
    length: number,
    id: number,
    position: number,
    batch: Batch,
  ): number | Damage {
    const from = interfaces[id];
    if (from === undefined) return unknownInterface(id);
    const captured = view.getUint32(at + 20, littleEndian);
    const onWire = view.getUint32(at + 24, littleEndian);
    if (captured > PACKET_BYTES_MAX) return tooLong(captured);
    if (captured > length - 32) {
      return { damage: `a packet of ${captured} bytes in a block that has room for ${length - 32}` };
    }
    batch.last += 1;
    batch.packets.push({
      number: batch.last,
      time: from.readTime(view.getUint32(at + 12, littleEndian), view.getUint32(at + 16, littleEndian)),
      linkType: from.linkType,
      bytes: new Uint8Array(bytes.buffer, bytes.byteOffset + at + 28, captured),
      originalLength: Math.max(onWire, captured),
      position,
    });
    return 0;
  }

  function readSimple(
    { bytes, view }: ByteView,
    at: number,
    length: number,
    position: number,
    batch: Batch,
  ): number | Damage {
    const from = interfaces[0];
    if (from === undefined) return unknownInterface(0);
    const { linkType, snapLength } = from;
    const onWire = view.getUint32(at + 8, littleEndian);
    const captured = snapLength === 0 ? onWire : Math.min(onWire, snapLength);
    if (captured > length - 16) {
      return { damage: `a packet of ${captured} bytes in a block that has room for ${length - 16}` };
    }
    batch.last += 1;
    batch.packets.push({
      number: batch.last,
      time: 0n,
      linkType,
      bytes: new Uint8Array(bytes.buffer, bytes.byteOffset + at + 12, captured),
      originalLength: onWire,
      position,
    });
    return 0;
  }

  return {
    name: 'pcapng',
    get within() {
      return skippedBlock === null ? null : skippedBlock.position;
    },
    expects: () => 'a block',
    need,
    read,
  };
}
