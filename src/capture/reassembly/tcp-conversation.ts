/**
 * What is known of a recorded conversation while it is being reassembled: two directions, and what both share.
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

/** No acknowledgement, no SYN. */
export const NONE = -1;

/** Before every time that a file can say: those of pcapng may be before 1970, by an offset of 64 bits of seconds. */
const BEFORE_ALL = -(2n ** 96n);

/** Bytes that came before others in front of them. */
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

/** A conflict, the position of which is still provisional. */
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
  /** Right as soon as the conversation is open. */
  side: Side;
  /** The sequence number of the SYN, or `NONE` when none was seen. */
  syn: number;
  /** Whether a segment of it was seen, so that sequence numbers have provisional positions. */
  anchored: boolean;
  /** Whether position 0 is known. */
  started: boolean;
  ended: boolean;
  /** The position that is handed on next, and its sequence number. 0 until it has started. */
  next: number;
  nextSeq: number;
  /** Sorted, and without overlaps; bounded by `maxHeldSegments` and `maxHeldBytes`. */
  held: HeldBytes[];
  heldBytes: number;
  /** Sorted, and without overlaps; bounded by `maxHeldSegments`. Some of it may be held as well: that counts. */
  snapped: Range[];
  /** Until it starts; no more than packets are gathered. */
  early: EarlyConflict[];
  /** The lowest position with a byte or a FIN, and the lowest of a segment without, until it starts. */
  lowest: number;
  lowestEmpty: number;
  /** The highest position that one of its own segments was at or reached. */
  highest: number;
  /** Where the FIN is; infinite while none was seen. */
  finAt: number;
  finTime: bigint;
  finPacket: number;
  /** The greatest capture time of what was handed on. */
  latest: bigint;
  /** How far the peer has acknowledged, once started; before, the lowest and the highest number. Or `NONE`. */
  acked: number;
  ackLow: number;
  ackHigh: number;
  /** What its SYN says of windows: see `Segment.windowScale`; null when it was not seen. */
  scaleShift: number | null;
  synWindow: number;
  /** What the windows that it offers are multiplied by; 0 when that is not known. */
  windowScale: number;
  /** How far its peer has let it send; or `NONE`, when nothing says so. See `window.ts`. */
  rightEdge: number;
  /** The last acknowledgement of it that was not believed, and how far that lets it send. Or `NONE`. */
  unbelievedAck: number;
  unbelievedEdge: number;
  /**
   * After a RST: the sequence numbers of what it sent since, from the first that it had not sent before to behind the
   * last. `NONE` without a RST, and for a side that is not known yet.
   */
  sinceFrom: number;
  sinceTo: number;
  /** The hole (its first position) that the peer acknowledged to have filled, and when that was noticed. */
  ackedHoleAt: number;
  ackedHolePackets: number;
  ackedHoleTime: bigint;
  /** The last packet that was handed on in the order of the file, and the last counted as out of order. */
  lastInOrderPacket: number;
  lastOutOfOrderPacket: number;
  packets: number;
  bytes: number;
  missing: number;
  retransmitted: number;
  outOfOrder: number;
}

/** A RST that ends the conversation unless this goes on: see `resets.ts`. */
export interface Reset {
  readonly sender: Direction;
  readonly segment: Segment;
  /** Whether its receiver heeds it, as far as is known: then what follows waits. */
  readonly accepted: boolean;
  /** What came after one that is heeded, copied; and the bytes of that. No more than are gathered. */
  readonly after: { readonly direction: Direction; readonly segment: Segment }[];
  bytes: number;
}

/** Packets that count for nothing, and the first of them. */
export interface AfterResetCount {
  packets: number;
  bytes: number;
  firstPacket: number;
}

/** A packet that does not count, of a conversation that is not open yet. */
export interface EarlyIgnored {
  readonly sender: Direction;
  readonly why: IgnoredReason;
  readonly segment: Segment;
}

export interface TcpConversation {
  readonly index: number;
  readonly startedAt: bigint;
  /** Null until it is known who is who. */
  conversation: Conversation | null;
  /** The direction of the first packet, and the other. */
  readonly first: Direction;
  readonly second: Direction;
  packets: number;
  /** The greatest capture time of its packets. */
  latest: bigint;
  /** Whether it is over with gathering. */
  settled: boolean;
  closeReason: CloseReason | null;
  /** The RST that is to be decided about. */
  reset: Reset | null;
  /** What came after the RST that ended it, and is not told yet. */
  pendingAfterReset: AfterResetCount | null;
  /** Until it is open; no more than packets are gathered. */
  earlyIgnored: EarlyIgnored[];
  /** Its neighbours in the order of silence: see `talk-table.ts`. */
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

/** Where a sequence number lies in what a direction sends: provisional, until it has started. */
export const positionOf = ({ next, nextSeq }: Direction, seq: number): number =>
  next + distance(nextSeq, seq);

/** Whether something of it waits behind a hole, or for its start. */
export const holdsBytes = (direction: Direction): boolean =>
  direction.held.length !== 0 || direction.snapped.length !== 0;
