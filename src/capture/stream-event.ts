/**
 * The events of recorded TCP connections: ordered bytes in each direction, and the gaps in them.
 *
 * ```text
 *  open   (chunk | gap | conflict | ignored)*  end?   for each of the two sides, mixed
 *         reset?  after-reset?
 *  close                                              no event of the conversation comes after it,
 *         after-reset?                                but the count of later packets of a connection that was reset
 *
 *  skipped, fragment-conflict                         of packets, in no conversation
 *  unread?                                            the last of all: packets that are in no stream
 * ```
 *
 * Events come in the order in which they were decided. Within one side the positions rise without a hole: each byte is
 * in a chunk or in a gap. A side is over after its `end` or a `reset`; a `conflict` in earlier bytes may still come
 * until the conversation closes.
 *
 * A RST counts as for its receiver (RFC 5961, section 3.2). So `reset` comes only when it is known that the
 * conversation did not go on: after 30 seconds of the recording without a packet of it, after 64 packets or 256 KiB of
 * it none of which shows that both sides lived on, or when the conversation closes for another reason. Packets of it
 * behind a `reset` are in no chunk, and are counted in `after-reset`.
 */
import type { Address } from '../transport/connection.ts';

/** A side of a connection: the one that opened it (`client`), or the other. */
export type Side = 'client' | 'server';

/** One recorded connection. */
export interface Conversation {
  /**
   * From 0, in the order of their first packets: Wireshark's `tcp.stream`. But a connection that was reset is another
   * conversation here when it lives on after its close, or is tried again with the same numbers. And where Wireshark has
   * one stream for the same addresses and ports inside and outside of a tunnel, or in two, here are two conversations.
   */
  readonly index: number;
  /** The address of the side that opened it: `10.0.0.2:50312`. */
  readonly client: Address;
  /** The address of the other side. */
  readonly server: Address;
  /** When its first packet was captured, in nanoseconds since 1970. */
  readonly startedAt: bigint;
  /**
   * What shows which side is the client: the `syn`, or, as the recording began later, the `syn-ack`, or the ports
   * (`midstream`: the lower port is taken for the server's).
   */
  readonly opening: 'syn' | 'syn-ack' | 'midstream';
}

interface Of {
  /** The conversation that it belongs to. */
  readonly conversation: Conversation;
}

interface OfSide extends Of {
  /** The side that sent it. */
  readonly from: Side;
  /** The offset among the bytes of this side, gaps included. */
  readonly position: number;
}

interface Timed {
  /** When its packet was captured, in nanoseconds since 1970. */
  readonly capturedAt: bigint;
  /**
   * When the receiver's system could deliver it, in nanoseconds since 1970: once everything in front of it had arrived.
   * It is the greatest `capturedAt` of the side up to here, so it never falls within a side.
   */
  readonly deliverableAt: bigint;
  /** The packet's number in the file, from 1. */
  readonly packet: number;
}

/** The next bytes of a side: those of one segment that no earlier one had. */
export interface StreamChunk extends OfSide, Timed {
  readonly type: 'chunk';
  /** Never empty. A view of the packet; a copy where it waited behind a hole, or came in fragments. */
  readonly bytes: Uint8Array;
  /**
   * How many bytes of the other side the sender had received when it sent this: its acknowledgement, as a position in
   * the other side's bytes. What it sent can depend on no more than those. Null when it is not known. It is one too
   * many where it acknowledges a FIN that the recording has later, or not at all, as the number of a FIN looks like a
   * byte's.
   */
  readonly seen: number | null;
}

/**
 * - `lost`: no packet of the recording has them, though later ones were captured.
 * - `snapped`: the packet that has them was cut by the snap length.
 * - `limit`: they may come, but the bytes that wait behind them are over a limit.
 */
export type GapReason = 'lost' | 'snapped' | 'limit';

/**
 * Bytes that were sent and are not in the recording, or came too late. Costs no memory, however long. Of bytes missing
 * at the very end, one may be the number of a FIN that is missing as well.
 */
export interface StreamGap extends OfSide {
  readonly type: 'gap';
  /** Bytes: 1 to 2^32 - 1. */
  readonly length: number;
  /**
   * `lost`: no packet of the recording has the bytes, though later ones were captured. `snapped`: the packet that has
   * them was cut by the snap length. `limit`: they may come, but the bytes that wait behind them are over a limit of
   * `StreamOptions`.
   */
  readonly reason: GapReason;
}

/** A retransmission with other bytes. The bytes that came first are delivered. */
export interface StreamConflict extends OfSide {
  readonly type: 'conflict';
  /** Bytes from the first that differs to the last. */
  readonly length: number;
  /** The number in the file, from 1, of the packet whose bytes were dropped. */
  readonly packet: number;
}

/** A FIN, once all bytes before it are delivered: this side sends no more. */
export interface StreamEnd extends OfSide, Timed {
  readonly type: 'end';
}

/** A RST: both sides are over. */
export interface StreamReset extends OfSide, Timed {
  readonly type: 'reset';
}

/**
 * Why a packet does not count.
 *
 * - `outside`: a RST the number of which is outside of its receiver's window.
 * - `inside`: a RST in the window, though not at the next byte, behind which the conversation went on.
 * - `outlived`: a RST at the next byte or behind a hole, which a receiver accepts; but behind it a side acknowledged
 *   bytes that the other had sent since.
 * - `unasked`: a RST to a side that has sent nothing but a SYN, and that does not acknowledge the SYN.
 * - `stale`: bytes, or a FIN, of an older connection: they acknowledge something from before the SYN of this one.
 */
export type IgnoredReason = 'outside' | 'inside' | 'outlived' | 'unasked' | 'stale';

/** A packet that its receiver does not accept: a RST that ends nothing, or bytes of an older connection. */
export interface PacketIgnored extends Of {
  readonly type: 'ignored';
  /** The side that sent it, or seems to have. */
  readonly from: Side;
  /**
   * A RST outside of its receiver's window (`outside`), in it but followed by more (`inside`), accepted but outlived
   * (`outlived`), or to a side that did not ask for it (`unasked`); or bytes or a FIN of an older connection (`stale`).
   */
  readonly why: IgnoredReason;
  /**
   * The offset of its number among the bytes of its side, which may be negative or far ahead. Null when it is not known
   * where the side begins.
   */
  readonly position: number | null;
  /** Bytes of payload it had. */
  readonly length: number;
  /** When it was captured, in nanoseconds since 1970. */
  readonly capturedAt: bigint;
  /** The packet's number in the file, from 1. */
  readonly packet: number;
}

/**
 * Counts the packets after a `reset`, which are in no chunk: packets with bytes or a FIN that were in flight, and that
 * nobody acknowledged. One comes before `close`, and counts the packets up to then. Another comes after `close` for
 * later packets, once no more can come: at the end of the recording, or when the connection is forgotten.
 */
export interface AfterReset extends Of {
  readonly type: 'after-reset';
  /** Their number. */
  readonly packets: number;
  /** Bytes of payload they had. */
  readonly bytes: number;
  /** The number in the file, from 1, of the first of them. */
  readonly firstPacket: number;
}

/** The first event of a conversation. */
export interface ConversationOpen extends Of {
  readonly type: 'open';
}

/**
 * - `ended`: both sides had ended.
 * - `reset`: by a RST.
 * - `reused`: a new connection has the same addresses and ports.
 * - `evicted`: too many were open at once, and this one had been silent for the longest.
 * - `unfinished`: the recording ended first.
 */
export type CloseReason = 'ended' | 'reset' | 'reused' | 'evicted' | 'unfinished';

/** Totals of one side. */
export interface SideTotals {
  /** Packets of the conversation that the side has sent. */
  readonly packets: number;
  /** Bytes delivered. */
  readonly bytes: number;
  /** Bytes in gaps. */
  readonly missing: number;
  /** Packets with bytes that had come before. */
  readonly retransmitted: number;
  /** Packets with bytes that came before others in front of them. */
  readonly outOfOrder: number;
}

/** The last event of a conversation but for an `after-reset`. */
export interface ConversationClose extends Of {
  readonly type: 'close';
  /**
   * Both sides had `ended`; a RST has `reset` it; the addresses and ports were `reused` by a new connection; it was
   * `evicted` because too many were open; or the recording ended first (`unfinished`).
   */
  readonly reason: CloseReason;
  /** When its last packet was captured, in nanoseconds since 1970. */
  readonly endedAt: bigint;
  /** Packets and bytes of each side. */
  readonly totals: Readonly<Record<Side, SideTotals>>;
}

/** A packet that is in no stream though it might belong to one: cut, malformed, or with a wrong checksum. */
export interface PacketSkipped {
  readonly type: 'skipped';
  /** The packet's number in the file, from 1. */
  readonly packet: number;
  /**
   * `cut`: it was captured with too few bytes. `malformed`: its headers cannot be. `checksum`: a sum is wrong, with
   * `checksums: 'verify'`. `fragment`: the other fragments of it have not come.
   */
  readonly why: 'cut' | 'malformed' | 'checksum' | 'fragment';
  /** In words, with the layer. */
  readonly message: string;
}

/**
 * Fragments of an IP packet that overlap, and differ there. The bytes that came first count. It names no conversation,
 * as the packet need not become whole.
 */
export interface FragmentConflict {
  readonly type: 'fragment-conflict';
  /** The number in the file, from 1, of the fragment whose bytes were dropped. */
  readonly packet: number;
  /** The offset in the content of the IP packet, in bytes, of the first that differs. */
  readonly position: number;
  /** Bytes from the first that differs to the last. */
  readonly length: number;
  /** In words, with the layer and the packet's id. */
  readonly message: string;
}

/** Packets that are in no stream for the same reason. */
export interface UnreadReason {
  /** `other`: their content is not read, with or without TCP in it (UDP, ARP, what is encrypted, an unknown link type). */
  readonly why: 'other' | PacketSkipped['why'];
  /** In words: `UDP, port 443, perhaps QUIC`, `EtherType 0x0806, ARP, in VXLAN`, `link type 143 (DOCSIS) is not read`. */
  readonly message: string;
  /** Their number, without those that `PacketsUnread.others` may count. */
  readonly packets: number;
  /** The number in the file, from 1, of the first of them. */
  readonly firstPacket: number;
}

/** All packets of the capture that are in no stream. Comes once, as the last event, when there are any. */
export interface PacketsUnread {
  readonly type: 'unread';
  /** Their number. */
  readonly packets: number;
  /** The reasons with the most packets first; at most 256. */
  readonly reasons: readonly UnreadReason[];
  /** Packets whose reasons were forgotten, as there were too many others: 0 but in strange captures. */
  readonly others: number;
}

/**
 * The events that belong to a conversation: `open` first, then `chunk`, `gap`, `conflict`, `ignored` and `end` of both
 * sides, perhaps `reset` and `after-reset`, and `close`.
 */
export type ConversationEvent =
  | ConversationOpen
  | StreamChunk
  | StreamGap
  | StreamConflict
  | StreamEnd
  | StreamReset
  | PacketIgnored
  | AfterReset
  | ConversationClose;

/**
 * `readStreams` emits these events of recorded TCP connections. Within one side the positions rise without a hole: each
 * byte is in a `chunk` or in a `gap`.
 *
 * - `open`, `close`: a conversation begins, and is over.
 * - `chunk`: the next bytes of a side.
 * - `gap`: bytes of a side that are not in the recording.
 * - `conflict`: a retransmission with other bytes.
 * - `end`: a side has sent a FIN.
 * - `reset`: a RST has ended the conversation. `after-reset` counts packets behind it.
 * - `ignored`: a packet that its receiver does not accept.
 * - `skipped`, `fragment-conflict`: of packets in no conversation.
 * - `unread`: the packets that are in no stream. The last event of all.
 */
export type StreamEvent = ConversationEvent | PacketSkipped | FragmentConflict | PacketsUnread;
