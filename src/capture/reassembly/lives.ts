/**
 * The life of conversations: they begin, are over with gathering, are closed, are remembered for a while, are forgotten.
 *
 * ```text
 *   begin ──▶ gathering ──▶ settled ─────────────────▶ closed ──────────▶ forgotten
 *             (see talk.ts)         (a RST is decided   (what still comes
 *                                    about meanwhile)    after a reset is counted)
 * ```
 */
import { type Segment, TCP_RST, TCP_SYN } from '../segment.ts';
import type { CloseReason, SideTotals } from '../stream-event.ts';
import { countAfter, endByReset, tellAfter } from './after-reset.ts';
import { introduce, likelyClient, zeroOf } from './conversation-start.ts';
import { type ConversationTable, createConversationTable } from './conversation-table.ts';
import type { Shared } from './deliver.ts';
import type { Undecided } from './event-order.ts';
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
import { createTimeWaits, type TimeWaits } from './waits.ts';

export interface Lives {
  readonly table: ConversationTable;
  /** Those that have a RST to be decided about. */
  readonly resetting: TimeWaits;
  /** Opens a conversation for a segment; answers its direction. */
  begin(segment: Segment, emit: Emit): Direction;
  /** Both directions have started. */
  settled(talk: TcpConversation): void;
  /** Ends the gathering: what is still unknown is taken for what is likely. */
  settle(talk: TcpConversation, emit: Emit): void;
  /** What waits for so long of the recording's time that it waits no longer, by the time of a packet, is decided. */
  pass(time: bigint, emit: Emit): void;
  /** @param why unless it was reset, or both sides had ended. */
  close(talk: TcpConversation, why: CloseReason, emit: Emit): void;
  /** Whether a stray segment belongs to a connection that lives on though it was reset; else it is counted. */
  livesOn(direction: Direction, segment: Segment): boolean;
  /** Forgets a conversation that is closed: another has its addresses. */
  forget(talk: TcpConversation, emit: Emit): void;
  /** Closes all, and tells what was counted behind resets. */
  end(emit: Emit): void;
}

export function createLives(shared: Shared, undecided?: Undecided): Lives {
  const table = createConversationTable(shared.limits.maxConversations);
  /** Those of which a direction has not started. */
  const gathering = createTimeWaits(HOLE_TIMEOUT_NS, ({ startedAt }) => startedAt);
  const resetting = createTimeWaits(HOLE_TIMEOUT_NS, ({ reset }) => reset!.segment.packet.time);
  /** Those that were reset, and of which something came later that is not told. No more than are remembered. */
  const haunted = new Set<TcpConversation>();
  let count = 0;

  function begin({ flow, packet }: Segment, emit: Emit): Direction {
    const talk = createTcpConversation(count++, flow, reverseFlow(flow), packet.time);
    table.add(talk);
    gathering.add(talk);
    const evicted = table.excess();
    if (evicted !== null) close(evicted, 'evicted', emit);
    return talk.first;
  }

  function settled(talk: TcpConversation): void {
    if (talk.settled) return;
    talk.settled = true;
    gathering.delete(talk);
  }

  function settle(talk: TcpConversation, emit: Emit): void {
    if (talk.settled) return;
    if (talk.conversation === null) introduce(talk, likelyClient(talk), 'midstream', emit);
    const starting = [talk.first, talk.second].filter(({ started }) => !started);
    for (const direction of starting) {
      const zero = zeroOf(direction);
      if (zero !== null) start(direction, zero, shared, emit);
    }
    settled(talk);
    for (const direction of starting) if (direction.started) release(direction, shared, emit);
  }

  function pass(time: bigint, emit: Emit): void {
    for (let late = gathering.overdue(time); late !== null; late = gathering.overdue(time)) {
      settle(late, emit);
      if (isOver(late)) close(late, 'ended', emit);
    }
    for (let late = resetting.overdue(time); late !== null; late = resetting.overdue(time)) {
      close(late, 'reset', emit);
    }
  }

  function close(talk: TcpConversation, why: CloseReason, emit: Emit): void {
    if (talk.reset?.heeded) undecided?.decide(talk);
    settle(talk, emit);
    const { first, second } = talk;
    const isReset = talk.reset !== null;
    if (isReset) {
      resetting.delete(talk);
      endByReset(talk, shared, emit);
    }
    giveUpAll(first, 0, shared, emit);
    giveUpAll(second, 0, shared, emit);
    const reason = isReset ? 'reset' : isOver(talk) ? 'ended' : why;
    talk.over = reason;
    const forgotten = table.close(talk, reason !== 'evicted');
    if (forgotten !== null) tellHaunted(forgotten, emit);
    const client = first.from === 'client' ? first : second;
    const totals = { client: totalsOf(client), server: totalsOf(client.peer) };
    emit({ type: 'close', conversation: talk.conversation!, reason, endedAt: talk.latest, totals });
    if (isReset) undecided?.end(talk);
  }

  function livesOn(direction: Direction, segment: Segment): boolean {
    const { talk } = direction;
    if (talk.over !== 'reset' || segment.flags & (TCP_RST | TCP_SYN)) return false;
    if (showsLife(direction, segment)) return true;
    countAfter(talk, segment);
    if (talk.aftermath !== null) haunted.add(talk);
    return false;
  }

  function forget(talk: TcpConversation, emit: Emit): void {
    table.forget(talk);
    tellHaunted(talk, emit);
  }

  /** Tells what came after a conversation was closed by a reset, of which no more will be counted. */
  function tellHaunted(talk: TcpConversation, emit: Emit): void {
    haunted.delete(talk);
    tellAfter(talk, emit);
  }

  function end(emit: Emit): void {
    for (const talk of table.open()) close(talk, 'unfinished', emit);
    for (const talk of haunted) tellHaunted(talk, emit);
  }

  return { table, resetting, begin, settled, settle, pass, close, livesOn, forget, end };
}

/** Whether both sides have ended. */
export const isOver = ({ first, second }: TcpConversation): boolean => first.ended && second.ended;

const totalsOf = (direction: Direction): SideTotals => ({
  packets: direction.packets,
  bytes: direction.bytes,
  missing: direction.missing,
  retransmitted: direction.retransmitted,
  outOfOrder: direction.outOfOrder,
});
