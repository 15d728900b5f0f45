/**
 * TCP segments to ordered bytes: a pure state machine, without a clock or I/O.
 *
 * ```text
 *   segment ─▶ its conversation ─▶ its direction ─▶ events
 *              talk-table.ts       sequencing.ts, hold.ts
 *              opening.ts          hand-on.ts, holes.ts
 *
 *   conversation    a segment             what happens
 *   none            any                   a new one gathers                     (see talk.ts)
 *   gathering,      SYN                   as opening.ts says: that direction starts, or `reused` and a new one
 *   open            RST in the window     holes are given up, `reset`, close
 *                   FIN                   when all before it was handed on: `end`; after both: close
 *                   other                 bytes in order, or held; acknowledgements
 *   closed          SYN of another, or    a new one
 *                   numbers far off
 *                   other                 nothing: a retransmission, or the last acknowledgement
 * ```
 *
 * A RST is heeded when its number lies from what was acknowledged to shortly behind what was sent, as a receiver
 * would; its bytes, if it has any, are an explanation and not part of the stream.
 */

import { type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../segment.ts';
import type { CloseReason, SideTotals } from '../stream-event.ts';
import { reverseFlow } from './flow.ts';
import { handOn, type Shared } from './hand-on.ts';
import { giveUp, giveUpAll, losePatience, PATIENT_TIME } from './holes.ts';
import { createOldestFirst } from './oldest-first.ts';
import { greetingOf, introduce, isStray, likelyClient, NEAR, zeroOf } from './opening.ts';
import { limitsOf, type ReassemblyOptions } from './reassembly-options.ts';
import { createRecentChunks } from './recent-chunks.ts';
import { distance, seqPlus } from './sequence.ts';
import { acknowledge, receive, release, start } from './sequencing.ts';
import { createTalk, type Direction, type Emit, holds, NONE, type Talk } from './talk.ts';
import { createTalkTable } from './talk-table.ts';

export type { ReassemblyOptions } from './reassembly-options.ts';

/** How long a direction whose SYN was not seen holds everything back: packets of both directions, and bytes. */
const GATHERED_PACKETS = 64;
const GATHERED_BYTES = 256 * 1024;
/** How far behind a RST may be when nothing was acknowledged. */
const RST_BEHIND = 65_536;
const SPECIAL = TCP_SYN | TCP_RST | TCP_FIN;

export interface Reassembly {
  /** Takes the next segment of the recording, and emits what follows from it, before it returns. */
  take(segment: Segment, emit: Emit): void;
  /** The recording is over: gives up all holes and closes all conversations, in the order of their index. */
  end(emit: Emit): void;
}

/**
 * Creates a machine that puts TCP segments in order.
 *
 * It holds back bytes behind a hole, within the limits of `options`, and hands on all others at once, as views of
 * their packets. For bytes that came twice and differ it emits a `conflict`, if the first are still held, or are among
 * the 1,024 chunks handed on last (over all conversations, and no more than 1 MiB of them). A conversation that was
 * closed is remembered until 16,384 others were, so that late packets do not open it again.
 *
 * @throws RangeError when an option is out of its bounds.
 * @example
 * const reassembly = createReassembly();
 * for (const segment of segments) reassembly.take(segment, (event) => console.log(event.type));
 * reassembly.end((event) => console.log(event.type));
 */
export function createReassembly(options: ReassemblyOptions = {}): Reassembly {
  const limits = limitsOf(options);
  const shared: Shared = {
    limits,
    recent: createRecentChunks(),
    holdings: { cost: 0, holders: createOldestFirst() },
  };
  const { holdings } = shared;
  const table = createTalkTable(limits.maxConversations);
  const gatheredBytes = Math.min(GATHERED_BYTES, limits.maxHeldBytes);
  const gatheredSegments = Math.min(GATHERED_PACKETS, limits.maxHeldSegments);
  /** Those of which a direction has not started: the oldest first, none older than `PATIENT_TIME`. */
  const gathering = createOldestFirst<Talk>();
  /** The capture time after which the oldest of them has gathered for long enough. */
  let overdue: bigint | null = null;
  let count = 0;

  function begin({ flow, packet }: Segment, emit: Emit): Direction {
    const talk = createTalk(count++, flow, reverseFlow(flow), packet.time);
    table.add(talk);
    if (gathering.size === 0) overdue = talk.startedAt + PATIENT_TIME;
    gathering.add(talk);
    const evicted = table.excess();
    if (evicted !== null) close(evicted, 'evicted', emit);
    return talk.first;
  }

  function settled(talk: Talk): void {
    if (talk.settled) return;
    talk.settled = true;
    gathering.delete(talk);
    const oldest = gathering.oldest();
    overdue = oldest === undefined ? null : oldest.startedAt + PATIENT_TIME;
  }

  /** Ends the gathering: what is still unknown is taken for what is likely. */
  function settle(talk: Talk, emit: Emit): void {
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

  function close(talk: Talk, why: CloseReason, emit: Emit): void {
    settle(talk, emit);
    const { first, second } = talk;
    giveUpAll(first, 0, shared, emit);
    giveUpAll(second, 0, shared, emit);
    const reason = why !== 'reset' && first.ended && second.ended ? 'ended' : why;
    talk.over = reason;
    table.close(talk, reason !== 'evicted');
    const client = first.from === 'client' ? first : second;
    const totals = { client: totalsOf(client), server: totalsOf(client.peer) };
    emit({ type: 'close', conversation: talk.conversation!, reason, endedAt: talk.latest, totals });
  }

  function greet(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk, peer } = direction;
    direction.syn = segment.seq;
    if (talk.conversation === null) {
      if (segment.flags & TCP_ACK) introduce(talk, peer, 'syn-ack', emit);
      else introduce(talk, direction, 'syn', emit);
    }
    start(direction, seqPlus(segment.seq, 1), shared, emit);
    if (peer.started) settled(talk);
    release(direction, shared, emit);
  }

  function reset(direction: Direction, { seq, packet }: Segment, emit: Emit): void {
    const { talk, peer } = direction;
    if (direction.anchored && !isInWindow(direction, seq)) return;
    settle(talk, emit);
    giveUpAll(peer, 0, shared, emit);
    // A RST that answers a SYN has the number 0, which is no place in the stream.
    const reached = isInWindow(direction, seq) ? direction.next + distance(direction.nextSeq, seq) : 0;
    giveUpAll(direction, reached, shared, emit);
    if (packet.time > direction.latest) direction.latest = packet.time;
    emit({
      type: 'reset',
      conversation: talk.conversation!,
      from: direction.from,
      position: direction.next,
      capturedAt: packet.time,
      deliverableAt: direction.latest,
      packet: packet.number,
    });
    close(talk, 'reset', emit);
  }

  /** Holds no more than may be held: the oldest holes are given up. */
  function relieve(emit: Emit): void {
    while (holdings.cost > limits.maxHeldTotal) {
      const oldest = holdings.holders.oldest();
      if (!oldest!.started) settle(oldest!.talk, emit);
      else giveUp(oldest!, 'limit', shared, emit);
      if (oldest!.talk.over === null && isOver(oldest!.talk)) close(oldest!.talk, 'ended', emit);
    }
  }

  /** What is to be done when not all is in order. */
  function takeSlowly(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk, peer } = direction;
    if (!direction.started) {
      if (!direction.anchored) {
        direction.anchored = true;
        direction.nextSeq = segment.seq;
      }
      receive(direction, segment, shared, emit);
      if (talk.settled) {
        start(direction, zeroOf(direction)!, shared, emit);
        release(direction, shared, emit);
      } else if (direction.heldBytes > gatheredBytes || direction.held.length > gatheredSegments)
        settle(talk, emit);
    } else receive(direction, segment, shared, emit);
    const { time } = segment.packet;
    if (holds(direction)) losePatience(direction, time, shared, emit);
    if (holds(peer)) losePatience(peer, time, shared, emit);
    if (!talk.settled && talk.packets >= GATHERED_PACKETS) settle(talk, emit);
    if (isOver(talk)) close(talk, 'ended', emit);
    if (holdings.cost > limits.maxHeldTotal) relieve(emit);
  }

  return {
    take(segment, emit) {
      const { flags, packet, payload } = segment;
      const { time } = packet;
      while (overdue !== null && time > overdue) {
        const oldest = gathering.oldest();
        settle(oldest!, emit);
        if (isOver(oldest!)) close(oldest!, 'ended', emit);
      }
      let direction = table.find(segment.flow);
      if (direction !== undefined && direction.talk.over !== null) {
        if (isStray(direction, segment)) return;
        table.forget(direction.talk);
        direction = undefined;
      }
      direction ??= begin(segment, emit);
      let starts = false;
      if (flags & TCP_SYN && !(flags & TCP_RST)) {
        const greeting = greetingOf(direction, segment);
        if (greeting === 'stray') return;
        if (greeting === 'new') {
          close(direction.talk, 'reused', emit);
          table.forget(direction.talk);
          direction = begin(segment, emit);
        }
        starts = greeting === 'new' || greeting === 'starts';
        if (greeting === 'again') direction.syn = segment.seq;
      }
      const { talk, peer } = direction;
      table.touch(talk);
      direction.packets++;
      talk.packets++;
      if (time > talk.latest) talk.latest = time;
      if (flags & TCP_RST) {
        reset(direction, segment, emit);
        return;
      }
      if (flags & TCP_ACK) acknowledge(peer, segment.ack);
      if (starts) greet(direction, segment, emit);
      if (
        direction.started &&
        segment.seq === direction.nextSeq &&
        (flags & SPECIAL) === 0 &&
        payload.length === segment.length &&
        direction.finAt === Number.POSITIVE_INFINITY &&
        talk.settled &&
        !holds(direction) &&
        !holds(peer)
      ) {
        if (payload.length === 0) return;
        const ack = flags & TCP_ACK ? segment.ack : NONE;
        handOn(direction, payload, packet.number, time, ack, shared, emit);
        return;
      }
      takeSlowly(direction, segment, emit);
    },
    end(emit) {
      for (const talk of table.open()) close(talk, 'unfinished', emit);
    },
  };
}

const isOver = ({ first, second }: Talk): boolean => first.ended && second.ended;

function isInWindow(direction: Direction, seq: number): boolean {
  const position = direction.next + distance(direction.nextSeq, seq);
  const { started, next, acked, highest, lowest, lowestBare } = direction;
  if (!started) return position >= Math.min(lowest, lowestBare) - RST_BEHIND && position <= highest + NEAR;
  const least = acked === NONE ? next - RST_BEHIND : Math.min(acked, next);
  return position >= least && position <= Math.max(highest, acked) + NEAR;
}

const totalsOf = (direction: Direction): SideTotals => ({
  packets: direction.packets,
  bytes: direction.bytes,
  missing: direction.missing,
  retransmitted: direction.retransmitted,
  outOfOrder: direction.outOfOrder,
});
