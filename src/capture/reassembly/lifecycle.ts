/**
 * The life cycle of conversations: they begin, gather, settle, close, and are forgotten.
 *
 * ```text
 *   begin ──▶ gathering ──▶ settled ─────────────────▶ closed ──────────▶ forgotten
 *             (see tcp-conversation.ts)   (RSTs are       (segments behind a
 *                                          decided here)   reset are counted)
 * ```
 */
import { type Segment, TCP_RST, TCP_SYN } from '../segment.ts';
import type { CloseReason, SideTotals } from '../stream-event.ts';
import { countAfterReset, emitAfterReset, endByReset } from './after-reset.ts';
import { likelyClient, openConversation, zeroOf } from './conversation-start.ts';
import type { SharedState } from './deliver.ts';
import type { ResetDecisions } from './event-order.ts';
import { giveUpAll, HOLE_TIMEOUT_NS } from './holes.ts';
import { showsLife } from './resets.ts';
import { release, start } from './sequencing.ts';
import { type ConversationTable, createConversationTable } from './table/conversation-table.ts';
import type { Direction, Emit, TcpConversation } from './tcp-conversation.ts';
import { createTimeoutQueue, type TimeoutQueue } from './timeout-queue.ts';

export interface Lifecycle {
  readonly table: ConversationTable;
  /** Conversations with a RST that is undecided. */
  readonly pendingResets: TimeoutQueue;
  /** Begins a conversation for a segment, and returns the segment's direction. */
  begin(segment: Segment, emit: Emit): Direction;
  /** Notes that both directions have started. */
  markSettled(tcp: TcpConversation): void;
  /** Ends the gathering: guesses the client and the first sequence numbers that are still unknown. */
  settle(tcp: TcpConversation, emit: Emit): void;
  /** Settles or closes the conversations that have waited too long, measured by the time of the current packet. */
  expire(time: bigint, emit: Emit): void;
  /** @param why unless it was reset, or both sides had ended. */
  close(tcp: TcpConversation, why: CloseReason, emit: Emit): void;
  /** Whether a stray segment shows that the connection survived its reset; if not, it is counted. */
  survivesReset(direction: Direction, segment: Segment): boolean;
  /** Forgets a closed conversation, because another one has its addresses. */
  forget(tcp: TcpConversation, emit: Emit): void;
  /** Closes all conversations, and emits the counts of segments behind resets. */
  end(emit: Emit): void;
}

/** All conversations of one reassembly, by what they wait for. */
interface LifecycleState {
  readonly shared: SharedState;
  readonly decisions: ResetDecisions | undefined;
  readonly table: ConversationTable;
  /** Conversations of which a direction has not started. */
  readonly gathering: TimeoutQueue;
  readonly pendingResets: TimeoutQueue;
  /** Reset conversations with segments behind the close that are counted, but not emitted. Bounded by `CLOSED_MAX`. */
  readonly lateAfterReset: Set<TcpConversation>;
  /** The number of conversations so far: the index of the next one. */
  count: number;
}

export function createLifecycle(
  shared: SharedState,
  decisions?: ResetDecisions,
  awakeMax?: number,
): Lifecycle {
  const state: LifecycleState = {
    shared,
    decisions,
    table: createConversationTable(shared.limits.maxConversations, awakeMax),
    gathering: createTimeoutQueue(HOLE_TIMEOUT_NS, ({ startedAt }) => startedAt),
    pendingResets: createTimeoutQueue(HOLE_TIMEOUT_NS, ({ reset }) => reset!.segment.packet.time),
    lateAfterReset: new Set(),
    count: 0,
  };
  return {
    table: state.table,
    pendingResets: state.pendingResets,
    begin: (segment, emit) => begin(state, segment, emit),
    markSettled: (tcp) => markSettled(state, tcp),
    settle: (tcp, emit) => settle(state, tcp, emit),
    expire: (time, emit) => expire(state, time, emit),
    close: (tcp, why, emit) => close(state, tcp, why, emit),
    survivesReset: (direction, segment) => survivesReset(state, direction, segment),
    forget: (tcp, emit) => forget(state, tcp, emit),
    end: (emit) => end(state, emit),
  };
}

function begin(state: LifecycleState, { flow, packet }: Segment, emit: Emit): Direction {
  const tcp = state.table.begin(state.count++, flow, packet.time);
  state.gathering.add(tcp);
  const evicted = state.table.excess();
  if (evicted !== null) close(state, evicted, 'evicted', emit);
  return tcp.first;
}

function markSettled(state: LifecycleState, tcp: TcpConversation): void {
  if (tcp.settled) return;
  tcp.settled = true;
  state.gathering.delete(tcp);
}

function settle(state: LifecycleState, tcp: TcpConversation, emit: Emit): void {
  if (tcp.settled) return;
  const { shared } = state;
  if (tcp.conversation === null) openConversation(tcp, likelyClient(tcp), 'midstream', emit);
  const starting = [tcp.first, tcp.second].filter(({ started }) => !started);
  for (const direction of starting) {
    const zero = zeroOf(direction);
    if (zero !== null) start(direction, zero, shared, emit);
  }
  markSettled(state, tcp);
  for (const direction of starting) if (direction.started) release(direction, shared, emit);
}

function expire(state: LifecycleState, time: bigint, emit: Emit): void {
  const { gathering, pendingResets } = state;
  for (let late = gathering.overdue(time); late !== null; late = gathering.overdue(time)) {
    settle(state, late, emit);
    if (bothEnded(late)) close(state, late, 'ended', emit);
  }
  for (let late = pendingResets.overdue(time); late !== null; late = pendingResets.overdue(time)) {
    close(state, late, 'reset', emit);
  }
}

function close(state: LifecycleState, tcp: TcpConversation, why: CloseReason, emit: Emit): void {
  const { decisions, pendingResets, shared, table } = state;
  if (tcp.reset?.accepted) decisions?.decide(tcp);
  settle(state, tcp, emit);
  const { first, second } = tcp;
  const isReset = tcp.reset !== null;
  if (isReset) {
    pendingResets.delete(tcp);
    endByReset(tcp, shared, emit);
  }
  giveUpAll(first, 0, shared, emit);
  giveUpAll(second, 0, shared, emit);
  const reason = isReset ? 'reset' : bothEnded(tcp) ? 'ended' : why;
  tcp.closeReason = reason;
  const forgotten = table.close(tcp, reason !== 'evicted');
  if (forgotten !== null) emitLate(state, forgotten, emit);
  const client = first.side === 'client' ? first : second;
  const totals = { client: totalsOf(client), server: totalsOf(client.peer) };
  emit({ type: 'close', conversation: tcp.conversation!, reason, endedAt: tcp.latest, totals });
  // Of a reset one, how far each side had sent says whether later segments show life.
  if (!isReset) for (const direction of [first, second]) direction.settleUsual();
  if (isReset) decisions?.end(tcp);
}

function survivesReset(state: LifecycleState, direction: Direction, segment: Segment): boolean {
  const { tcp } = direction;
  if (tcp.closeReason !== 'reset' || segment.flags & (TCP_RST | TCP_SYN)) return false;
  if (showsLife(direction, segment)) return true;
  countAfterReset(tcp, segment);
  if (tcp.pendingAfterReset !== null) state.lateAfterReset.add(tcp);
  return false;
}

function forget(state: LifecycleState, tcp: TcpConversation, emit: Emit): void {
  state.table.forget(tcp);
  emitLate(state, tcp, emit);
}

/** Emits the count of segments that came after a reset closed the conversation. No more will be counted. */
function emitLate(state: LifecycleState, tcp: TcpConversation, emit: Emit): void {
  state.lateAfterReset.delete(tcp);
  emitAfterReset(tcp, emit);
}

function end(state: LifecycleState, emit: Emit): void {
  for (const tcp of state.table.open()) close(state, tcp, 'unfinished', emit);
  for (const tcp of state.lateAfterReset) emitLate(state, tcp, emit);
}

/** Whether both sides have ended. */
export const bothEnded = ({ first, second }: TcpConversation): boolean => first.ended && second.ended;

const totalsOf = (direction: Direction): SideTotals => ({
  packets: direction.packets,
  bytes: direction.bytes,
  missing: direction.missing,
  retransmitted: direction.retransmitted,
  outOfOrder: direction.outOfOrder,
});
