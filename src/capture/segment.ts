/**
 * A TCP segment taken out of its packet (RFC 9293, section 3.1), and the result for a packet that is none.
 *
 * One object a packet is made, and nothing is copied: `payload` is a view of the packet. (Of an IP packet that came in
 * fragments, `packet` is the one that completed it, and `payload` a view of what was put together.)
 */
import type { Packet } from './packet.ts';

export interface Segment {
  readonly packet: Packet;
  /**
   * The sender and the receiver: the bytes of source address, destination address, source port and destination port
   * as they are in the packet, one character (U+0000 to U+00FF) a byte: 12 of them for IPv4, 36 for IPv6. In a tunnel
   * there are four more, with a number for the tunnel that is the same in both directions. Equal for all segments of one
   * direction of a connection, and cheap to look up.
   */
  readonly flow: string;
  /** The sequence number of the first byte of the payload, or of the SYN: 0 to 2^32 - 1. */
  readonly seq: number;
  /** The acknowledgement number, 0 to 2^32 - 1; without meaning unless `flags` has ACK. */
  readonly ack: number;
  /** The flags, as in `TCP_FIN` and so on. */
  readonly flags: number;
  /** The window field as it is in the header, without its scale: 0 to 65,535. */
  readonly window: number;
  /**
   * Of a SYN, the shift of its window scale option: 0 to 14, or `NO_SCALE` when it has none. Null for what is no SYN,
   * and when its options were cut off by the snap length.
   */
  readonly windowScale: number | null;
  /** The captured part of the payload; without the padding of a short Ethernet frame. */
  readonly payload: Uint8Array;
  /** Bytes of payload there were: more than `payload.length` when the packet was cut by the snap length. */
  readonly length: number;
  /** The numbers of the packets in which earlier fragments of its IP packet came; undefined when it came in one. */
  readonly fragments?: readonly number[] | undefined;
}

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;

/** A SYN without a window scale option: the windows of neither side are scaled then (RFC 7323, section 2.2). */
export const NO_SCALE = -1;

/**
 * A packet that is no TCP segment, and why.
 *
 * - `other`: not TCP over IP (ARP, UDP …), a tunnel that is not read, or a link type that is not known. Nothing is wrong.
 * - `fragment`: a fragment of an IP packet whose other fragments are still to come; or, reported at the end of the
 *   capture, never came.
 * - `cut`: the snap length cut its headers off.
 * - `malformed`: its headers contradict themselves.
 * - `checksum`: a checksum is wrong (only when they are verified).
 */
export interface NoSegment {
  readonly packet: Packet;
  readonly skipped: 'other' | 'fragment' | 'cut' | 'malformed' | 'checksum';
  /** In words, with the layer: `IPv4: header length 12 bytes, and the least is 20`. */
  readonly message: string;
  /** The message without what is this packet's alone, so that packets can be counted by it: `IPv4: header length`. */
  readonly reason: string;
  /** How many packets it stands for, where that is more than one: the fragments of one that never became whole. */
  readonly packets?: number;
}

const nothing = new Uint8Array(0);

/** Whether a segment carries bytes or a FIN, so that ignoring it loses something. */
export const occupiesSequence = ({ flags, length }: Segment): boolean =>
  length > 0 || (flags & TCP_FIN) !== 0;

/**
 * A copy of a segment, with the first `bytes` of its payload and without the bytes of its packet. It is a copy because
 * a view would keep its block of the file alive, and the block may be read into again.
 */
export const copySegment = (segment: Segment, bytes = segment.payload.length): Segment => ({
  ...segment,
  packet: { ...segment.packet, bytes: nothing },
  payload: bytes === 0 ? nothing : new Uint8Array(segment.payload.subarray(0, bytes)),
});
