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
import { reverseFlow } from './flow.ts';
import { distance } from './sequence.ts';
import { NO_RECORD, type Page } from './table/records.ts';
import { type EarlyConflict, type HeldBytes, NONE, type Range, Unusual, USUAL } from './unusual.ts';

export { type HeldBytes, NONE, type Range, type Unusual, USUAL } from './unusual.ts';

export type Emit = (event: StreamEvent) => void;

/** Earlier than every time in a file: a pcapng time may be before 1970 by 64 bits of seconds. */
const BEFORE_ALL = -(2n ** 96n);

const CLIENT = 1;
const ANCHORED = 2;
const STARTED = 4;
const ENDED = 8;
const SYN_SEEN = 16;
const REACHED = 32;
/** Only in a record, for a time that has no number there. */
const UNDELIVERED = 64;
/** In `synFacts`: the window below, and above it the scale, counted from here so that none is below 0. */
const SCALE_UNKNOWN = -2;

/**
 * One of 131,072 that there may be at once, so it is small: its yes and no are bits of one number, sequence numbers are
 * kept as the 32 bits that an engine stores without an object, and what is unusual is made when it is needed.
 */
export class Direction {
  readonly tcp: TcpConversation;
  /** The other direction. */
  peer: Direction;
  /** What waits, is missing or is otherwise unusual, or `USUAL`. All but the table use the properties below. */
  declare unusual: Unusual;
  declare private facts: number;
  declare private synBits: number;
  declare private synFacts: number;
  declare private nextBits: number;
  declare private reached: number;
  /** The position that is delivered next (RCV.NXT of the receiver). 0 before the start. */
  declare next: number;
  /** The greatest capture time of the delivered bytes. */
  declare latest: bigint;
  /** How far the peer has acknowledged after the start, or `NONE`. */
  declare acked: number;
  /** The factor of the windows that it offers; 0 when unknown. */
  declare windowScale: number;
  /** The right edge of its send window, as the peer has announced it; `NONE` when unknown. See `window.ts`. */
  declare rightEdge: number;
  /** The last packet that was delivered in the order of the file. */
  declare lastInOrderPacket: number;
  declare packets: number;
  declare bytes: number;

  constructor(tcp: TcpConversation, side: Side) {
    this.tcp = tcp;
    this.peer = this;
    this.begin(side);
  }

  /** Has it be as one of which no packet was seen. */
  begin(side: Side): void {
    this.unusual = USUAL;
    this.facts = side === 'client' ? CLIENT : 0;
    this.synBits = 0;
    this.synFacts = 0;
    this.nextBits = 0;
    this.reached = 0;
    this.next = 0;
    this.latest = BEFORE_ALL;
    this.acked = NONE;
    this.windowScale = 0;
    this.rightEdge = NONE;
    this.lastInOrderPacket = 0;
    this.packets = 0;
    this.bytes = 0;
  }

  private is(fact: number): boolean {
    return (this.facts & fact) !== 0;
  }

  private set(fact: number, isSo: boolean): void {
    this.facts = isSo ? this.facts | fact : this.facts & ~fact;
  }

  /** The sender and the receiver: see `Segment.flow`. Known until the conversation is open. */
  get flow(): string {
    const { first, flow } = this.tcp;
    return this === first ? flow : reverseFlow(flow);
  }

  /** Which side sends this direction. Valid once the conversation is open. */
  get side(): Side {
    return this.is(CLIENT) ? 'client' : 'server';
  }
  set side(side) {
    this.set(CLIENT, side === 'client');
  }

  /** Whether a segment was seen, so that sequence numbers have provisional positions. */
  get anchored(): boolean {
    return this.is(ANCHORED);
  }
  set anchored(is) {
    this.set(ANCHORED, is);
  }

  /** Whether position 0 is known. */
  get started(): boolean {
    return this.is(STARTED);
  }
  set started(is) {
    this.set(STARTED, is);
  }

  get ended(): boolean {
    return this.is(ENDED);
  }
  set ended(is) {
    this.set(ENDED, is);
  }

  /** The sequence number of the SYN, or `NONE` when none was seen. */
  get syn(): number {
    return this.is(SYN_SEEN) ? this.synBits >>> 0 : NONE;
  }
  set syn(seq) {
    this.set(SYN_SEEN, true);
    this.synBits = seq | 0;
  }

  /** The window scale option of its SYN: see `Segment.windowScale`; null when no SYN was seen. */
  get scaleShift(): number | null {
    const shift = (this.synFacts >> 16) + SCALE_UNKNOWN;
    return shift === SCALE_UNKNOWN ? null : shift;
  }
  /** The window of its SYN. */
  get synWindow(): number {
    return this.synFacts & 0xffff;
  }
  /** Notes both of a SYN. */
  noteSyn(window: number, shift: number | null): void {
    this.synFacts = (((shift ?? SCALE_UNKNOWN) - SCALE_UNKNOWN) << 16) | window;
  }

  /** The sequence number of `next`. */
  get nextSeq(): number {
    return this.nextBits >>> 0;
  }
  set nextSeq(seq) {
    this.nextBits = seq | 0;
  }

  /** Whether `latest` is a time. */
  get hasDelivered(): boolean {
    return this.latest !== BEFORE_ALL;
  }

  get isUsual(): boolean {
    return this.unusual === USUAL;
  }

  /** Writes everything that is usual into a record, from a word on. */
  writeTo({ doubles, ints, times }: Page, word: number): void {
    const { hasDelivered } = this;
    doubles[word] = this.next;
    doubles[word + 1] = this.reached;
    doubles[word + 2] = this.acked;
    doubles[word + 3] = this.rightEdge;
    doubles[word + 4] = this.bytes;
    doubles[word + 5] = this.packets;
    doubles[word + 6] = this.lastInOrderPacket;
    times[word + 7] = hasDelivered ? this.latest : 0n;
    const at = 2 * (word + 8);
    ints[at] = this.facts | (hasDelivered ? 0 : UNDELIVERED);
    ints[at + 1] = this.synBits;
    ints[at + 2] = this.synFacts;
    ints[at + 3] = this.nextBits;
    ints[at + 4] = this.windowScale;
  }

  /** Takes it from there. */
  readFrom({ doubles, ints, times }: Page, word: number): void {
    const at = 2 * (word + 8);
    const facts = ints[at]!;
    this.facts = facts & ~UNDELIVERED;
    this.synBits = ints[at + 1]!;
    this.synFacts = ints[at + 2]!;
    this.nextBits = ints[at + 3]!;
    this.windowScale = ints[at + 4]!;
    this.next = doubles[word]!;
    this.reached = doubles[word + 1]!;
    this.acked = doubles[word + 2]!;
    this.rightEdge = doubles[word + 3]!;
    this.bytes = doubles[word + 4]!;
    this.packets = doubles[word + 5]!;
    this.lastInOrderPacket = doubles[word + 6]!;
    this.latest = (facts & UNDELIVERED) === 0 ? times[word + 7]! : BEFORE_ALL;
  }

  /** The highest position that a segment of this direction has reached; below all before there was one. */
  get highest(): number {
    return this.is(REACHED) ? this.reached : Number.NEGATIVE_INFINITY;
  }
  set highest(position) {
    this.set(REACHED, position !== Number.NEGATIVE_INFINITY);
    if (this.is(REACHED)) this.reached = position;
  }

  /** Makes room for what is unusual. */
  private own(): Unusual {
    if (this.unusual === USUAL) this.unusual = new Unusual();
    return this.unusual;
  }

  /** Forgets all that is unusual. Of a closed conversation nothing of it is needed. */
  settleUsual(): void {
    this.unusual = USUAL;
  }

  /** Sorted, and without overlaps; bounded by `maxHeldSegments` and `maxHeldBytes`. Add to `ownHeld()`. */
  get held(): HeldBytes[] {
    return this.unusual.held;
  }
  ownHeld(): HeldBytes[] {
    return this.own().held;
  }

  /** Sorted, without overlaps, bounded by `maxHeldSegments`. Bytes of it that are also held count as held. */
  get snapped(): Range[] {
    return this.unusual.snapped;
  }
  ownSnapped(): Range[] {
    return this.own().snapped;
  }

  /** Conflicts before the start; bounded by the packets that are gathered. */
  get early(): readonly EarlyConflict[] {
    return this.unusual.early;
  }
  addEarly(conflict: EarlyConflict): void {
    this.own().early.push(conflict);
  }
  forgetEarly(): void {
    if (this.unusual.early.length > 0) this.unusual.early = [];
  }

  get heldBytes(): number {
    return this.unusual.heldBytes;
  }
  set heldBytes(value) {
    if (value !== this.unusual.heldBytes) this.own().heldBytes = value;
  }

  /** The lowest position of a byte or FIN before the start; above all while there is none. */
  get lowest(): number {
    return this.unusual.lowest;
  }
  set lowest(value) {
    if (value !== this.unusual.lowest) this.own().lowest = value;
  }

  /** The lowest position of a segment without either, before the start. */
  get lowestEmpty(): number {
    return this.unusual.lowestEmpty;
  }
  set lowestEmpty(value) {
    if (value !== this.unusual.lowestEmpty) this.own().lowestEmpty = value;
  }

  /** The position of the FIN; infinite while none was seen. */
  get finAt(): number {
    return this.unusual.finAt;
  }
  set finAt(value) {
    if (value !== this.unusual.finAt) this.own().finAt = value;
  }

  get finTime(): bigint {
    return this.unusual.finTime;
  }
  set finTime(value) {
    if (value !== this.unusual.finTime) this.own().finTime = value;
  }

  get finPacket(): number {
    return this.unusual.finPacket;
  }
  set finPacket(value) {
    if (value !== this.unusual.finPacket) this.own().finPacket = value;
  }

  /** The lowest number that the peer has acknowledged before the start, or `NONE`. */
  get ackLow(): number {
    return this.unusual.ackLow;
  }
  set ackLow(value) {
    if (value !== this.unusual.ackLow) this.own().ackLow = value;
  }

  /** The highest of them. */
  get ackHigh(): number {
    return this.unusual.ackHigh;
  }
  set ackHigh(value) {
    if (value !== this.unusual.ackHigh) this.own().ackHigh = value;
  }

  /** The last acknowledgement of it that was not believed, or `NONE`. */
  get unbelievedAck(): number {
    return this.unusual.unbelievedAck;
  }
  set unbelievedAck(value) {
    if (value !== this.unusual.unbelievedAck) this.own().unbelievedAck = value;
  }

  /** The right edge that goes with it. */
  get unbelievedEdge(): number {
    return this.unusual.unbelievedEdge;
  }
  set unbelievedEdge(value) {
    if (value !== this.unusual.unbelievedEdge) this.own().unbelievedEdge = value;
  }

  /** After a RST: the first sequence number that is new since. `NONE` without a RST, and where no number is known. */
  get sinceFrom(): number {
    return this.unusual.sinceFrom;
  }
  set sinceFrom(value) {
    if (value !== this.unusual.sinceFrom) this.own().sinceFrom = value;
  }

  /** The end of the new ones. */
  get sinceTo(): number {
    return this.unusual.sinceTo;
  }
  set sinceTo(value) {
    if (value !== this.unusual.sinceTo) this.own().sinceTo = value;
  }

  /** The first position of the hole that the peer has acknowledged. */
  get ackedHoleAt(): number {
    return this.unusual.ackedHoleAt;
  }
  set ackedHoleAt(value) {
    if (value !== this.unusual.ackedHoleAt) this.own().ackedHoleAt = value;
  }

  /** When that was noticed, in packets of the conversation. */
  get ackedHolePackets(): number {
    return this.unusual.ackedHolePackets;
  }
  set ackedHolePackets(value) {
    if (value !== this.unusual.ackedHolePackets) this.own().ackedHolePackets = value;
  }

  get ackedHoleTime(): bigint {
    return this.unusual.ackedHoleTime;
  }
  set ackedHoleTime(value) {
    if (value !== this.unusual.ackedHoleTime) this.own().ackedHoleTime = value;
  }

  /** The last packet counted as out of order. */
  get lastOutOfOrderPacket(): number {
    return this.unusual.lastOutOfOrderPacket;
  }
  set lastOutOfOrderPacket(value) {
    if (value !== this.unusual.lastOutOfOrderPacket) this.own().lastOutOfOrderPacket = value;
  }

  get missing(): number {
    return this.unusual.missing;
  }
  set missing(value) {
    if (value !== this.unusual.missing) this.own().missing = value;
  }

  get retransmitted(): number {
    return this.unusual.retransmitted;
  }
  set retransmitted(value) {
    if (value !== this.unusual.retransmitted) this.own().retransmitted = value;
  }

  get outOfOrder(): number {
    return this.unusual.outOfOrder;
  }
  set outOfOrder(value) {
    if (value !== this.unusual.outOfOrder) this.own().outOfOrder = value;
  }
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

/** Shared by all that have none. */
const NOTHING_IGNORED: EarlyIgnored[] = [];
Object.freeze(NOTHING_IGNORED);

export class TcpConversation {
  declare index: number;
  /** The flow of the first direction. Known until it is open. */
  declare flow: string;
  declare startedAt: bigint;
  /** Null until it is known which direction is the client's. */
  declare conversation: Conversation | null;
  /** The direction of the first packet, and the other. */
  readonly first: Direction;
  readonly second: Direction;
  /** The greatest capture time of its packets. */
  declare latest: bigint;
  /** Whether the gathering is over. */
  declare settled: boolean;
  declare closeReason: CloseReason | null;
  /** The RST that is undecided. */
  reset: Reset | null = null;
  /** Counts segments behind the RST that ended it, until `after-reset` is emitted. */
  pendingAfterReset: AfterResetCount | null = null;
  /** Its record in the table, and whether the table will put it to sleep: see `table/conversation-table.ts`. */
  record = NO_RECORD;
  isDrowsy = false;
  private ignored = NOTHING_IGNORED;

  constructor(index: number, flow: string, time: bigint) {
    this.first = new Direction(this, 'client');
    this.second = new Direction(this, 'server');
    this.first.peer = this.second;
    this.second.peer = this.first;
    this.begin(index, flow, time);
  }

  /** Has it be a new one. Nothing may wait in it, or have it. */
  begin(index: number, flow: string, time: bigint): void {
    this.index = index;
    this.flow = flow;
    this.startedAt = time;
    this.conversation = null;
    this.latest = time;
    this.settled = false;
    this.closeReason = null;
    this.first.begin('client');
    this.second.begin('server');
  }

  get packets(): number {
    return this.first.packets + this.second.packets;
  }

  /** Keeps an ignored packet until it is open; bounded by the packets that are gathered. */
  keepIgnored(ignored: EarlyIgnored): void {
    if (this.ignored === NOTHING_IGNORED) this.ignored = [];
    this.ignored.push(ignored);
  }

  takeIgnored(): readonly EarlyIgnored[] {
    const { ignored } = this;
    this.ignored = NOTHING_IGNORED;
    return ignored;
  }
}

/** The position of a sequence number in a direction's bytes; provisional before the start. */
export const positionOf = ({ next, nextSeq }: Direction, seq: number): number =>
  next + distance(nextSeq, seq);

/** Whether bytes of it wait behind a hole, or for its start. */
export const holdsBytes = (direction: Direction): boolean =>
  direction.held.length !== 0 || direction.snapped.length !== 0;
