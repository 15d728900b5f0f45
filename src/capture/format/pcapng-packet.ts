/** Reads the packets of a pcapng file out of their blocks. */
import { type Section, unknownInterface } from './pcapng-section.ts';
import { type Batch, type ByteView, type Damage, PACKET_BYTES_MAX, tooLong } from './record-format.ts';

/**
 * Reads an enhanced packet block, or an (obsolete) packet block, and puts its packet into the batch:
 *
 * ```text
 *  8   interface (of a packet block: 2 bytes, and a count of dropped packets)    24  bytes on the wire
 *  12  time, 8 bytes                                                             28  n bytes, and options
 *  20  bytes captured, n
 * ```
 *
 * @param at where the block of `length` bytes begins. @param id the number of its interface.
 */
export function readPacket(
  { interfaces, littleEndian }: Section,
  { bytes, view }: ByteView,
  at: number,
  length: number,
  id: number,
  position: number,
  batch: Batch,
): number | Damage {
  const from = interfaces[id];
  if (from === undefined) return unknownInterface(id, interfaces.length);
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

/**
 * Reads a simple packet block, which has no time, and whose interface is the first of its section:
 *
 * ```text
 *  8   bytes on the wire    12  as many bytes, up to the snap length of the interface
 * ```
 */
export function readSimplePacket(
  { interfaces, littleEndian }: Section,
  { bytes, view }: ByteView,
  at: number,
  length: number,
  position: number,
  batch: Batch,
): number | Damage {
  const from = interfaces[0];
  if (from === undefined) return unknownInterface(0, interfaces.length);
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
