/**
 * Takes the segments that are not simply the next bytes of their direction: at the beginning and the end of a
 * conversation, around a hole, and behind a RST.
 */
import { type Segment, TCP_ACK } from '../segment.ts';
import { isShortlyBefore, openConversation, zeroOf } from './conversation-start.ts';
import type { SharedState } from './deliver.ts';
import { expireHole, giveUp } from './holes.ts';
import { bothEnded, type Lifecycle } from './lifecycle.ts';
import { GATHERED_PACKETS_MAX, type gatherLimitsOf } from './reassembly-options.ts';
import type { ResetWatch } from './reset-watch.ts';
import { seqPlus } from './sequence.ts';
import { forgetShown, receive, release, start } from './sequencing.ts';
import { type Direction, type Emit, holdsBytes, NONE } from './tcp-conversation.ts';

/** The parts of a reassembly. Each conversation has a state of its own: see `tcp-conversation.ts`. */
export interface ReassemblyState {
  readonly shared: SharedState;
  readonly lifecycle: Lifecycle;
  readonly resets: ResetWatch;
  readonly gatherLimits: ReturnType<typeof gatherLimitsOf>;
}

/** Starts a direction at its SYN. The first SYN of a conversation opens it. */
export function startAtSyn(state: ReassemblyState, direction: Direction, segment: Segment, emit: Emit): void {
  const { lifecycle, shared } = state;
  const { tcp, peer } = direction;
  const zero = seqPlus(segment.seq, 1);
  direction.syn = segment.seq;
  if (tcp.conversation === null) {
    if (segment.flags & TCP_ACK) openConversation(tcp, peer, 'syn-ack', emit);
    else openConversation(tcp, direction, 'syn', emit);
  }
  if (direction.started || !isShortlyBefore(direction, zero)) forgetShown(direction, shared, emit);
  start(direction, zero, shared, emit);
  if (peer.syn !== NONE && direction.rightEdge === NONE) direction.rightEdge = peer.synWindow;
  if (peer.started) lifecycle.markSettled(tcp);
  release(direction, shared, emit);
}

/** Takes a segment that is not the next one, or whose conversation has something that waits. */
export function takeSlowPath(
  state: ReassemblyState,
  direction: Direction,
  segment: Segment,
  emit: Emit,
): void {
  const { lifecycle, shared } = state;
  const { tcp, peer } = direction;
  if (direction.started) receive(direction, segment, shared, emit);
  else gather(state, direction, segment, emit);
  const { time } = segment.packet;
  if (holdsBytes(direction)) expireHole(direction, time, shared, emit);
  if (holdsBytes(peer)) expireHole(peer, time, shared, emit);
  if (!tcp.settled && tcp.packets >= GATHERED_PACKETS_MAX) lifecycle.settle(tcp, emit);
  if (bothEnded(tcp)) lifecycle.close(tcp, 'ended', emit);
  enforceTotal(state, emit);
}

/** Takes a segment of a direction that has not started. */
function gather(state: ReassemblyState, direction: Direction, segment: Segment, emit: Emit): void {
  const { gatherLimits, lifecycle, shared } = state;
  const { tcp } = direction;
  if (!direction.anchored) {
    direction.anchored = true;
    direction.nextSeq = segment.seq;
  }
  receive(direction, segment, shared, emit);
  if (tcp.settled) {
    start(direction, zeroOf(direction)!, shared, emit);
    release(direction, shared, emit);
  } else if (direction.heldBytes > gatherLimits.bytes || direction.held.length > gatherLimits.segments) {
    lifecycle.settle(tcp, emit);
  }
}

/** Keeps a segment that came behind an accepted RST. */
export function keepBehindReset(
  state: ReassemblyState,
  direction: Direction,
  segment: Segment,
  emit: Emit,
): void {
  state.lifecycle.table.touch(direction.tcp);
  state.resets.keep(direction, segment, emit);
  enforceTotal(state, emit);
}

/** Keeps to `maxHeldTotal` by giving up the oldest holes. */
function enforceTotal({ shared, lifecycle }: ReassemblyState, emit: Emit): void {
  const { heldTotals, limits } = shared;
  while (heldTotals.cost > limits.maxHeldTotal) {
    const oldest = heldTotals.holders.oldest()!;
    const { tcp } = oldest;
    if (tcp.reset?.accepted) lifecycle.close(tcp, 'reset', emit);
    else if (!oldest.started) lifecycle.settle(tcp, emit);
    else giveUp(oldest, 'limit', shared, emit);
    if (tcp.closeReason === null && bothEnded(tcp)) lifecycle.close(tcp, 'ended', emit);
  }
}
