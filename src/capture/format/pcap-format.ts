/**
 * The classic format of captures (draft-ietf-opsawg-pcap), in the variants that libpcap reads:
 *
 * ```text
 *  file header, 24 bytes                       record
 *  0   magic: resolution and byte order        0   seconds since 1970, unsigned
 *  4   version: 2.4                            4   microseconds or nanoseconds
 *  8   (unused)                                8   bytes captured, n
 *  16  snap length                             12  bytes on the wire
 *  20  link type (lower 16 bits)               16  n bytes; Kuznetzov's variant has 8 more in front of them:
 *                                                  interface, protocol, kind of packet
 * ```
 */
import { PACKET_BYTES_MAX, type RecordFormat, tooLong } from './record-format.ts';
import { nanosecondsOf } from './timestamp.ts';

/** The variant that the magic number announces. */
export interface PcapVariant {
  readonly littleEndian: boolean;
  /** Nanoseconds that the second field of a time counts: 1 or 1000. */
  readonly unit: number;
  /** Bytes in front of a packet: 16, or 24 in Kuznetzov's variant. */
  readonly head: number;
}

const variants: ReadonlyMap<number, Omit<PcapVariant, 'littleEndian'>> = new Map([
  [0xa1b2c3d4, { unit: 1000, head: 16 }],
  [0xa1b23c4d, { unit: 1, head: 16 }],
  [0xa1b2cd34, { unit: 1000, head: 24 }],
]);

/** The variant of a file that begins with these (at least 4) bytes; null when it is not this format. */
export function pcapVariant(view: DataView): PcapVariant | null {
  for (const littleEndian of [true, false]) {
    const variant = variants.get(view.getUint32(0, littleEndian));
    if (variant !== undefined) return { ...variant, littleEndian };
  }
  return null;
}

const FILE_HEADER_BYTES = 24;

/**
 * Which of the two lengths of a record comes first. Files before version 2.3 have them the other way round, and so
 * has DG/UX (which calls itself version 543.0); in 2.3 both are met, and the larger one is that of the wire.
 */
type Lengths = 'captured-first' | 'wire-first' | 'larger-is-wire';

function lengthsIn(major: number, minor: number): Lengths {
  if (major === 543 || (major === 2 && minor < 3)) return 'wire-first';
  return major === 2 && minor === 3 ? 'larger-is-wire' : 'captured-first';
}

export function createPcapFormat({ littleEndian, unit, head }: PcapVariant): RecordFormat {
  let begun = false;
  let linkType = 0;
  let lengths: Lengths = 'captured-first';

  const inOrder = (first: number, second: number): boolean =>
    lengths === 'captured-first' || (lengths === 'larger-is-wire' && first <= second);

  return {
    name: 'pcap',
    within: null,
    expects: () => (begun ? 'the record of a packet' : 'the file header'),
    need(view, at, end) {
      if (!begun) return FILE_HEADER_BYTES;
      if (end - at < head) return head;
      const first = view.getUint32(at + 8, littleEndian);
      const second = view.getUint32(at + 12, littleEndian);
      const length = inOrder(first, second) ? first : second;
      // The snap length of the file is no limit: writers exceed it, and Wireshark reads what they wrote.
      return length > PACKET_BYTES_MAX ? tooLong(length) : head + length;
    },
    read({ bytes, view }, at, length, position, batch) {
      if (!begun) {
        const major = view.getUint16(at + 4, littleEndian);
        const minor = view.getUint16(at + 6, littleEndian);
        if (major !== 2 && major !== 543)
          return { damage: `pcap of version ${major}.${minor}: 2.4 is known` };
        lengths = lengthsIn(major, minor);
        // The upper half says how long the frame check sequences are, and has reserved bits.
        linkType = view.getUint32(at + 20, littleEndian) & 0xffff;
        begun = true;
        return 0;
      }
      const first = view.getUint32(at + 8, littleEndian);
      const second = view.getUint32(at + 12, littleEndian);
      const onWire = inOrder(first, second) ? second : first;
      const seconds = view.getUint32(at, littleEndian);
      const fraction = view.getUint32(at + 4, littleEndian);
      batch.last += 1;
      batch.packets.push({
        number: batch.last,
        time: nanosecondsOf(seconds, fraction * unit),
        linkType,
        bytes: new Uint8Array(bytes.buffer, bytes.byteOffset + at + head, length - head),
        // There are writers that put less, or nothing, than what they captured.
        originalLength: Math.max(onWire, length - head),
        position,
      });
      return 0;
    },
  };
}
