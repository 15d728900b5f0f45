/**
 * The state of a recorded conversation during its reassembly: two directions, and what both share.
 *
 * ```text
 *               SYN or SYN/ACK of a direction ─────▶ that direction starts: its position 0 is known
 *  gathering ──┤
 *               64 packets, 256 KiB or 30 s ──────▶ both start, at the lowest sequence number each has shown
 * ```
 *
 * A direction that has not started holds everything back; its positions are provisional, counted from the first
 * sequence number it showed, and may be negative.
 */
import type { Segment } from '../segment.ts';
import type { CloseReason, Conversation, IgnoredReason, Side, StreamEvent } from '../stream-event.ts';
import { distance } from './sequence.ts';

export type Emit = (event: StreamEvent) => void;

/** Stands for an unknown sequence number or position. */
export const NONE = -1;

/** Earlier than every time in a file: a pcapng time may be before 1970 by 64 bits of seconds. */
const BEFORE_ALL = -(2n ** 96n);

/** Bytes that are out of order: they came before others in front of them. */
export interface HeldBytes {
  position: number;
  bytes: Uint8Array;
  readonly packet: number;
  readonly capturedAt: bigint;
  /** The acknowledgement number of their segment, or `NONE`. */
  readonly ack: number;
}

/** Positions from `start` to below `end` that were cut off by the snap length. */
export interface Range {
  start: number;
  end: number;
}

/** A conflict whose position is still provisional. */
export interface EarlyConflict {
  readonly position: number;
  readonly length: number;
  readonly packet: number;
}

export interface Direction {
  readonly flow: string;
  readonly tcp: TcpConversation;
  /** The other direction. */
  peer: Direction;
  /** Which side sends this direction. Valid once the conversation is open. */
  side: Side;
  /** The sequence number of the SYN, or `NONE` when none was seen. */
  syn: number;
  /** Whether a segment was seen, so that sequence numbers have provisional positions. */
  anchored: boolean;
  /** Whether position 0 is known. */
  started: boolean;
  ended: boolean;
  /** The position that is delivered next (RCV.NXT of the receiver), and its sequence number. 0 before the start. */
  next: number;
  nextSeq: number;
  /** Sorted, and without overlaps; bounded by `maxHeldSegments` and `maxHeldBytes`. */
  held: HeldBytes[];
  heldBytes: number;
  /** Sorted, without overlaps, bounded by `maxHeldSegments`. Bytes of it that are also held count as held. */
  snapped: Range[];
  /** Conflicts before the start; bounded by the packets that are gathered. */
  early: EarlyConflict[];
  /** The lowest position of a byte or FIN, and the lowest of a segment without either, before the start. */
  lowest: number;
  lowestEmpty: number;
  /** The highest position that a segment of this direction has reached. */
  highest: number;
  /** The position of the FIN; infinite while none was seen. */
  finAt: number;
  finTime: bigint;
  finPacket: number;
  /** The greatest capture time of the delivered bytes. */
  latest: bigint;
  /** How far the peer has acknowledged after the start; before it, the lowest and highest number. Or `NONE`. */
  acked: number;
  ackLow: number;
  ackHigh: number;
  /** The window scale option of its SYN: see `Segment.windowScale`; null when no SYN was seen. */
  scaleShift: number | null;
  synWindow: number;
  /** The factor of the windows that it offers; 0 when unknown. */
  windowScale: number;
  /** The right edge of its send window, as the peer has announced it; `NONE` when unknown. See `window.ts`. */
  rightEdge: number;
  /** The last acknowledgement of it that was not believed, and the right edge that goes with it. Or `NONE`. */
  unbelievedAck: number;
  unbelievedEdge: number;
  /**
   * After a RST: the range of new sequence numbers that it sent since. `NONE` without a RST, and for a side of which no
   * number is known.
   */
  sinceFrom: number;
  sinceTo: number;
  /** The first position of the hole that the peer has acknowledged, and when that was noticed. */
  ackedHoleAt: number;
  ackedHolePackets: number;
  ackedHoleTime: bigint;
  /** The last packet that was delivered in the order of the file, and the last one counted as out of order. */
  lastInOrderPacket: number;
  lastOutOfOrderPacket: number;
  packets: number;
  bytes: number;
  missing: number;
  retransmitted: number;
  outOfOrder: number;
}

/** A RST that ends the conversation unless later segments show that it goes on: see `resets.ts`. */
export interface Reset {
  readonly sender: Direction;
  readonly segment: Segment;
  /** Whether its receiver accepts it, as far as known: then later segments wait. */
  readonly accepted: boolean;
  /** Copies of the segments behind an accepted RST, and their bytes. Bounded by `gatherLimitsOf`. */
  readonly after: { readonly direction: Direction; readonly segment: Segment }[];
  bytes: number;
}

/** The packets behind a reset, and the first of them. */
export interface AfterResetCount {
  packets: number;
  bytes: number;
  firstPacket: number;
}

/** An ignored packet of a conversation that is not open yet. */
export interface EarlyIgnored {
  readonly sender: Direction;
  readonly why: IgnoredReason;
  readonly segment: Segment;
}

export interface TcpConversation {
  readonly index: number;
  readonly startedAt: bigint;
  /** Null until it is known which direction is the client's. */
  conversation: Conversation | null;
  /** The direction of the first packet, and the other. */
  readonly first: Direction;
  readonly second: Direction;
  packets: number;
  /** The greatest capture time of its packets. */
  latest: bigint;
  /** Whether the gathering is over. */
  settled: boolean;
  closeReason: CloseReason | null;
  /** The RST that is undecided. */
  reset: Reset | null;
  /** Counts segments behind the RST that ended it, until `after-reset` is emitted. */
  pendingAfterReset: AfterResetCount | null;
  /** Ignored packets before it is open; bounded by the packets that are gathered. */
  earlyIgnored: EarlyIgnored[];
  /** Its neighbours in the order of the last packets: see `conversation-table.ts`. */
  older: TcpConversation | null;
  newer: TcpConversation | null;
}

export function createTcpConversation(
  index: number,
  flow: string,
  back: string,
  time: bigint,
): TcpConversation {
  const tcp = {
    index,
    startedAt: time,
    conversation: null,
    packets: 0,
    latest: time,
    settled: false,
    closeReason: null,
    reset: null,
    pendingAfterReset: null,
    earlyIgnored: [],
    older: null,
    newer: null,
  } as unknown as { -readonly [key in keyof TcpConversation]: TcpConversation[key] };
  tcp.first = createDirection(flow, tcp, 'client');
  tcp.second = createDirection(back, tcp, 'server');
  tcp.first.peer = tcp.second;
  tcp.second.peer = tcp.first;
  return tcp;
}

function createDirection(flow: string, tcp: TcpConversation, side: Side): Direction {
  return {
    flow,
    tcp,
    peer: null as unknown as Direction,
    side,
    syn: NONE,
    anchored: false,
    started: false,
    ended: false,
    next: 0,
    nextSeq: 0,
    held: [],
    heldBytes: 0,
    snapped: [],
    early: [],
    lowest: Number.POSITIVE_INFINITY,
    lowestEmpty: Number.POSITIVE_INFINITY,
    highest: Number.NEGATIVE_INFINITY,
    finAt: Number.POSITIVE_INFINITY,
    finTime: 0n,
    finPacket: 0,
    latest: BEFORE_ALL,
    acked: NONE,
    ackLow: NONE,
    ackHigh: NONE,
    scaleShift: null,
    synWindow: 0,
    windowScale: 0,
    rightEdge: NONE,
    unbelievedAck: NONE,
    unbelievedEdge: NONE,
    sinceFrom: NONE,
    sinceTo: NONE,
    ackedHoleAt: NONE,
    ackedHolePackets: 0,
    ackedHoleTime: 0n,
    lastInOrderPacket: 0,
    lastOutOfOrderPacket: 0,
    packets: 0,
    bytes: 0,
    missing: 0,
    retransmitted: 0,
    outOfOrder: 0,
  };
}

/** The position of a sequence number in a direction's bytes; provisional before the start. */
export const positionOf = ({ next, nextSeq }: Direction, seq: number): number =>
  next + distance(nextSeq, seq);

/** Whether bytes of it wait behind a hole, or for its start. */
export const holdsBytes = (direction: Direction): boolean =>
  direction.held.length !== 0 || direction.snapped.length !== 0;
