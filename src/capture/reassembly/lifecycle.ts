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
import { type ConversationTable, createConversationTable } from './conversation-table.ts';
import type { SharedState } from './deliver.ts';
import type { ResetDecisions } from './event-order.ts';
import { reverseFlow } from './flow.ts';
import { giveUpAll, HOLE_TIMEOUT_NS } from './holes.ts';
import { showsLife } from './resets.ts';
import { release, start } from './sequencing.ts';
import {
  createTcpConversation,
  type Direction,
  type Emit,
  type TcpConversation,
} from './tcp-conversation.ts';
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

export function createLifecycle(shared: SharedState, decisions?: ResetDecisions): Lifecycle {
  const table = createConversationTable(shared.limits.maxConversations);
  /** Conversations of which a direction has not started. */
  const gathering = createTimeoutQueue(HOLE_TIMEOUT_NS, ({ startedAt }) => startedAt);
  const pendingResets = createTimeoutQueue(HOLE_TIMEOUT_NS, ({ reset }) => reset!.segment.packet.time);
  /** Reset conversations with segments behind the close that are counted, but not emitted. Bounded by `CLOSED_MAX`. */
  const lateAfterReset = new Set<TcpConversation>();
  let count = 0;

  function begin({ flow, packet }: Segment, emit: Emit): Direction {
    const tcp = createTcpConversation(count++, flow, reverseFlow(flow), packet.time);
    table.add(tcp);
    gathering.add(tcp);
    const evicted = table.excess();
    if (evicted !== null) close(evicted, 'evicted', emit);
    return tcp.first;
  }

  function markSettled(tcp: TcpConversation): void {
    if (tcp.settled) return;
    tcp.settled = true;
    gathering.delete(tcp);
  }

  function settle(tcp: TcpConversation, emit: Emit): void {
    if (tcp.settled) return;
    if (tcp.conversation === null) openConversation(tcp, likelyClient(tcp), 'midstream', emit);
    const starting = [tcp.first, tcp.second].filter(({ started }) => !started);
    for (const direction of starting) {
      const zero = zeroOf(direction);
      if (zero !== null) start(direction, zero, shared, emit);
    }
    markSettled(tcp);
    for (const direction of starting) if (direction.started) release(direction, shared, emit);
  }

  function expire(time: bigint, emit: Emit): void {
    for (let late = gathering.overdue(time); late !== null; late = gathering.overdue(time)) {
      settle(late, emit);
      if (bothEnded(late)) close(late, 'ended', emit);
    }
    for (let late = pendingResets.overdue(time); late !== null; late = pendingResets.overdue(time)) {
      close(late, 'reset', emit);
    }
  }

  function close(tcp: TcpConversation, why: CloseReason, emit: Emit): void {
    if (tcp.reset?.accepted) decisions?.decide(tcp);
    settle(tcp, emit);
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
    if (forgotten !== null) emitLate(forgotten, emit);
    const client = first.side === 'client' ? first : second;
    const totals = { client: totalsOf(client), server: totalsOf(client.peer) };
    emit({ type: 'close', conversation: tcp.conversation!, reason, endedAt: tcp.latest, totals });
    if (isReset) decisions?.end(tcp);
  }

  function survivesReset(direction: Direction, segment: Segment): boolean {
    const { tcp } = direction;
    if (tcp.closeReason !== 'reset' || segment.flags & (TCP_RST | TCP_SYN)) return false;
    if (showsLife(direction, segment)) return true;
    countAfterReset(tcp, segment);
    if (tcp.pendingAfterReset !== null) lateAfterReset.add(tcp);
    return false;
  }

  function forget(tcp: TcpConversation, emit: Emit): void {
    table.forget(tcp);
    emitLate(tcp, emit);
  }

  /** Emits the count of segments that came after a reset closed the conversation. No more will be counted. */
  function emitLate(tcp: TcpConversation, emit: Emit): void {
    lateAfterReset.delete(tcp);
    emitAfterReset(tcp, emit);
  }

  function end(emit: Emit): void {
    for (const tcp of table.open()) close(tcp, 'unfinished', emit);
    for (const tcp of lateAfterReset) emitLate(tcp, emit);
  }

  return { table, pendingResets, begin, markSettled, settle, expire, close, survivesReset, forget, end };
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
