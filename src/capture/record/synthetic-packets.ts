/**
 * The IP and TCP headers that a recording puts around bytes, since it never saw their packets.
 *
 * ```text
 *   +-------------------+-----------------+---------------------+
 *   | IPv4, 20 bytes,   | TCP, 20 bytes,  | payload             |
 *   | or IPv6, 40       | and options     |                     |
 *   +-------------------+-----------------+---------------------+
 * ```
 *
 * This is a hot path: what is the same in all packets of a direction is put together once, copied, and patched.
 */
import { TCP_SYN } from '../segment.ts';
import { folded, type Room } from './summed-room.ts';
import type { Endpoint } from './synthetic-address.ts';

/**
 * The most bytes of payload in one packet: with the headers of IPv4 it has to be below 65,536. A multiple of 4, so
 * that nothing has to be padded.
 */
export const PAYLOAD_BYTES_MAX = 65_492;

const [IPV4, IPV6, TCP] = [20, 40, 20];
const PROTOCOL_TCP = 6;
/** The largest window field, times 2^10: 64 MiB, so that bytes in flight never fill it. */
const [WINDOW, WINDOW_SHIFT] = [65_535, 10];
/** The options of a SYN: the largest segment, no operation, the window's scale. */
const SYN_OPTIONS = Uint8Array.of(
  2,
  4,
  PAYLOAD_BYTES_MAX >> 8,
  PAYLOAD_BYTES_MAX & 0xff,
  1,
  3,
  3,
  WINDOW_SHIFT,
);

/** The packets of one direction of one connection. */
export interface PacketMaker {
  /** Bytes of headers in front of the payload. */
  readonly headers: number;
  /**
   * Writes the headers of a packet, whose payload is behind them already.
   *
   * @param at where the packet begins.
   * @param flags as in `segment.ts`. With SYN there is no payload, and options instead: see `SYN_OPTIONS_BYTES`.
   * @param seq any whole number from 0; its lowest 32 bits are written. Likewise `ack`.
   * @param length bytes of the payload: at most `PAYLOAD_BYTES_MAX`.
   */
  readonly write: (room: Room, at: number, flags: number, seq: number, ack: number, length: number) => void;
}

/** Bytes of options behind the headers of a packet with SYN. */
export const SYN_OPTIONS_BYTES: number = SYN_OPTIONS.length;

/** @example createPacketMaker(client, server).write(room, 28, TCP_ACK, 1, 1, payload.length) */
export function createPacketMaker(from: Endpoint, to: Endpoint): PacketMaker {
  const narrow = from.address.length === 4;
  const ip = narrow ? IPV4 : IPV6;
  const headers = ip + TCP;
  const template = new Uint8Array(headers);
  const view = new DataView(template.buffer);
  if (narrow) {
    view.setUint8(0, 0x45);
    // Don't fragment; the identification may then be 0 (RFC 6864).
    view.setUint16(6, 0x4000);
    view.setUint8(8, 64);
    view.setUint8(9, PROTOCOL_TCP);
  } else {
    view.setUint32(0, 0x6000_0000);
    view.setUint8(6, PROTOCOL_TCP);
    view.setUint8(7, 64);
  }
  const addresses = narrow ? 12 : 8;
  template.set(from.address, addresses);
  template.set(to.address, addresses + from.address.length);
  view.setUint16(ip, from.port);
  view.setUint16(ip + 2, to.port);
  view.setUint16(ip + 14, WINDOW);

  const ipSum = narrow ? sumOf(view, 0, IPV4) : 0;
  const pseudoSum = sumOf(view, addresses, ip) + PROTOCOL_TCP;
  const tcpSum = pseudoSum + sumOf(view, ip, headers);

  return {
    headers,
    write(room, at, flags, seq, ack, length) {
      const syn = (flags & TCP_SYN) !== 0;
      if (syn) room.bytes.set(SYN_OPTIONS, at + headers);
      const behind = syn ? SYN_OPTIONS_BYTES : length;
      const [to, out] = [at + ip, room.view];
      room.bytes.set(template, at);
      if (narrow) {
        out.setUint16(at + 2, headers + behind);
        out.setUint16(at + 10, checksum(ipSum + headers + behind));
      } else {
        out.setUint16(at + 4, TCP + behind);
      }
      const [seq32, ack32] = [seq >>> 0, ack >>> 0];
      const offsetAndFlags = ((syn ? TCP + SYN_OPTIONS_BYTES : TCP) << 10) | flags;
      out.setUint32(to + 4, seq32);
      out.setUint32(to + 8, ack32);
      out.setUint16(to + 12, offsetAndFlags);
      const sum = tcpSum + TCP + behind + seq32 + ack32 + offsetAndFlags;
      out.setUint16(to + 16, checksum(sum + room.sum(at + headers, behind)));
    },
  };
}

function sumOf(view: DataView, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) sum += view.getUint16(at);
  return sum;
}

const checksum = (sum: number): number => ~folded(sum) & 0xffff;
