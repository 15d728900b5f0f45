/**
 * TCP segments to ordered bytes: a pure state machine, without a clock or I/O.
 *
 * ```text
 *   segment ─▶ its conversation ──────▶ its direction ─────────▶ events
 *              table/conversation-…     sequencing.ts
 *              lifecycle.ts             out-of-order-buffer.ts
 *              conversation-start.ts    deliver.ts, holes.ts
 *              reset-watch.ts           window.ts
 *              slow-path.ts
 *
 *   conversation    a segment             what happens
 *   none            any                   a new one gathers                     (see tcp-conversation.ts)
 *   gathering,      SYN                   see conversation-start.ts: that direction starts, or `reused` and a new one
 *   open            RST                   see resets.ts: it is ignored, or decided later
 *                   FIN                   when all bytes before it are delivered: `end`; after both: close
 *                   other                 bytes are delivered or held; acknowledgements: see window.ts
 *   open, behind    SYN                   holes are given up, `reset`, close, and as below
 *   an accepted     other                 waits; all that waits is taken once it shows that the stream goes on
 *   RST             none for 30 s, or     holes are given up, `reset`, close
 *                   too many wait
 *   closed          SYN of another, or    a new one
 *                   numbers far off
 *                   other                 nothing: a retransmission, or the last acknowledgement; behind a RST it is
 *                                         counted, and a new one when it shows that the connection lives
 * ```
 *
 * Bytes in a RST, if there are any, explain it and are not part of the stream.
 */

import { occupiesSequence, type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../segment.ts';
import { classifySyn, isStale, isStray } from './conversation-start.ts';
import { deliver, type SharedState } from './deliver.ts';
import type { ResetDecisions } from './event-order.ts';
import { ownCopies } from './held-copies.ts';
import { emitIgnored } from './ignored.ts';
import { createLifecycle } from './lifecycle.ts';
import { createOldestFirst } from './oldest-first.ts';
import { gatherLimitsOf, limitsOf, type ReassemblyOptions } from './reassembly-options.ts';
import { createRecentChunks } from './recent-chunks.ts';
import { createResetWatch } from './reset-watch.ts';
import { keepBehindReset, type ReassemblyState, startAtSyn, takeSlowPath } from './slow-path.ts';
import { type Direction, type Emit, holdsBytes, NONE, type TcpConversation } from './tcp-conversation.ts';
import { acknowledge, noteSyn } from './window.ts';

export type { ReassemblyOptions } from './reassembly-options.ts';

const SYN_RST_FIN = TCP_SYN | TCP_RST | TCP_FIN;

export interface Reassembly {
  /** Takes the next segment of the recording, and emits what follows from it, before it returns. */
  take(segment: Segment, emit: Emit): void;
  /** Decides at once that a RST has ended its conversation. */
  decide(tcp: TcpConversation, emit: Emit): void;
  /**
   * The index of the conversation that has a flow, open or remembered; -1 when none has. Behind `take` it is the one
   * for which the segment counted, or whose late packet it was.
   */
  conversationAt(flow: string): number;
  /** Call it at the end of the recording: gives up all holes and closes all conversations, by their index. */
  end(emit: Emit): void;
}

/**
 * Creates a state machine that puts TCP segments in order.
 *
 * It holds back bytes behind a hole, within the limits of `options`, and delivers all others at once, as views of their
 * packets. When a retransmission differs it emits a `conflict`, if the first copy is still held, or is among the 1,024
 * chunks delivered last (over all conversations, and no more than 1 MiB of them). It remembers a closed conversation
 * until 16,384 others were closed, so that late packets do not open it again.
 *
 * @param decisions is called for each conversation that an accepted RST may have ended.
 * @param copies where bytes wait. Default: each in memory of its own.
 * @param awakeMax so many conversations stay objects though others were used since; which, changes no event.
 * @throws RangeError when an option is out of its bounds.
 * @example
 * const reassembly = createReassembly();
 * for (const segment of segments) reassembly.take(segment, (event) => console.log(event.type));
 * reassembly.end((event) => console.log(event.type));
 */
export function createReassembly(
  options: ReassemblyOptions = {},
  decisions?: ResetDecisions,
  copies = ownCopies,
  awakeMax?: number,
): Reassembly {
  const limits = limitsOf(options);
  const shared: SharedState = {
    limits,
    recent: createRecentChunks(),
    heldTotals: { cost: 0, holders: createOldestFirst(), copies },
  };
  const lifecycle = createLifecycle(shared, decisions, awakeMax);
  const takeAgain = (segment: Segment, emit: Emit): void => take(state, segment, emit);
  const state: ReassemblyState = {
    shared,
    lifecycle,
    resets: createResetWatch(lifecycle, shared, decisions, takeAgain),
    gatherLimits: gatherLimitsOf(limits),
  };
  return {
    take(segment, emit) {
      lifecycle.table.rest();
      take(state, segment, emit);
    },
    decide: (tcp, emit) => lifecycle.close(tcp, 'reset', emit),
    conversationAt: (flow) => lifecycle.table.find(flow)?.tcp.index ?? -1,
    end: lifecycle.end,
  };
}

function take(state: ReassemblyState, segment: Segment, emit: Emit): void {
  const { lifecycle, resets, shared } = state;
  const { flags, packet, payload } = segment;
  const { time } = packet;
  lifecycle.expire(time, emit);
  const isSyn = (flags & (TCP_SYN | TCP_RST)) === TCP_SYN;
  let direction = lifecycle.table.find(segment.flow);
  if (direction?.tcp.reset?.accepted) {
    if (!isSyn) {
      keepBehindReset(state, direction, segment, emit);
      return;
    }
    lifecycle.close(direction.tcp, 'reset', emit);
  }
  if (direction !== undefined && direction.tcp.closeReason !== null) {
    if (isStray(direction, segment) && !lifecycle.survivesReset(direction, segment)) return;
    lifecycle.forget(direction.tcp, emit);
    direction = undefined;
  }
  direction ??= lifecycle.begin(segment, emit);
  let starts = false;
  if (isSyn) {
    const meaning = classifySyn(direction, segment);
    if (meaning === 'stray') return;
    if (meaning === 'new') {
      lifecycle.close(direction.tcp, 'reused', emit);
      lifecycle.forget(direction.tcp, emit);
      direction = lifecycle.begin(segment, emit);
    }
    starts = meaning === 'new' || meaning === 'starts';
    if (meaning === 'again') direction.syn = segment.seq;
    noteSyn(direction, segment);
  }
  const { tcp, peer } = direction;
  lifecycle.table.touch(tcp);
  direction.packets++;
  if (time > tcp.latest) tcp.latest = time;
  if (flags & TCP_RST) {
    resets.take(direction, segment, emit);
    return;
  }
  resets.look(direction, segment, emit);
  if (isStale(direction, segment)) {
    if (occupiesSequence(segment)) emitIgnored(direction, 'stale', segment, emit);
    return;
  }
  if (flags & TCP_ACK) acknowledge(peer, segment);
  if (starts) startAtSyn(state, direction, segment, emit);
  if (!isFastPath(direction, segment)) {
    takeSlowPath(state, direction, segment, emit);
    return;
  }
  if (payload.length === 0) return;
  const ack = flags & TCP_ACK ? segment.ack : NONE;
  deliver(direction, payload, packet.number, time, ack, shared, emit);
}

/** Whether a segment is the next one, and nothing else of its conversation waits. Nearly all segments are such. */
const isFastPath = (direction: Direction, { seq, flags, payload, length }: Segment): boolean =>
  direction.started &&
  seq === direction.nextSeq &&
  (flags & SYN_RST_FIN) === 0 &&
  payload.length === length &&
  direction.finAt === Number.POSITIVE_INFINITY &&
  direction.tcp.settled &&
  !holdsBytes(direction) &&
  !holdsBytes(direction.peer);
