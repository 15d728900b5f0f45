/** TCP (RFC 9293, section 3.1): from its header to a segment. */
import { type NoSegment, type Segment, TCP_SYN } from '../segment.ts';
import { isTcpChecksumRight } from './checksum.ts';
import { uint32 } from './integers.ts';
import { type PacketCursor, skip, tooShort } from './packet-cursor.ts';
import { windowScale } from './tcp-options.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * Reads the segment at `at`. The fixed 20 bytes of the header are enough: what is captured of options and payload
 * does not change how long the payload was.
 */
export function readTcp(
  cursor: PacketCursor,
  flowOf: (cursor: PacketCursor) => string,
  verify: boolean,
): Segment | NoSegment {
  const { at, bytes, end, wire } = cursor;
  if (end - at < 20) return tooShort(cursor, 'TCP', 20);
  const header = (bytes[at + 12]! & 0xf0) >> 2;
  if (header < 20) {
    const message = `TCP: header length ${header} bytes, and the least is 20`;
    return skip(cursor, 'malformed', message, 'TCP: header length below the least');
  }
  const from = at + header;
  if (from > wire) return tooShort(cursor, 'TCP', header);
  if (verify && end === wire && !isTcpChecksumRight(cursor)) {
    return skip(cursor, 'checksum', 'TCP: wrong checksum');
  }
  return {
    packet: cursor.packet,
    flow: flowOf(cursor),
    seq: uint32(bytes, at + 4),
    ack: uint32(bytes, at + 8),
    flags: bytes[at + 13]!,
    window: bytes[at + 14]! * 256 + bytes[at + 15]!,
    windowScale: (bytes[at + 13]! & TCP_SYN) === 0 ? null : windowScale(bytes, at + 20, from, end),
    payload: from < end ? new Uint8Array(bytes.buffer, bytes.byteOffset + from, end - from) : NO_BYTES,
    length: wire - from,
    fragments: cursor.fragments,
  };
}
