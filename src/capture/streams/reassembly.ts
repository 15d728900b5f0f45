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
 *   open            RST                   as resets.ts says: it is ignored, or decided about later
 *                   FIN                   when all before it was handed on: `end`; after both: close
 *                   other                 bytes in order, or held; acknowledgements, as window.ts says
 *   open, behind    SYN                   holes are given up, `reset`, close, and as below
 *   a RST that is   other                 waits; all that waits is taken when it shows that the stream goes on
 *   heeded          none for 30 s, or     holes are given up, `reset`, close
 *                   too many wait
 *   closed          SYN of another, or    a new one
 *                   numbers far off
 *                   other                 nothing: a retransmission, or the last acknowledgement; behind a RST it is
 *                                         counted, and a new one when it shows that the connection lives
 * ```
 *
 * Bytes of a RST, if it has any, are an explanation and not part of the stream.
 */

import { type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../segment.ts';
import type { CloseReason, SideTotals } from '../stream-event.ts';
import { countAfter, endByReset, keepAfter, takeReset, tellAfter } from './after-reset.ts';
import type { Undecided } from './event-order.ts';
import { reverseFlow } from './flow.ts';
import { handOn, type Shared } from './hand-on.ts';
import { giveUp, giveUpAll, losePatience, PATIENT_TIME } from './holes.ts';
import { tellIgnored } from './ignored.ts';
import { createOldestFirst } from './oldest-first.ts';
import { greetingOf, introduce, isShortlyBefore, isStale, isStray, likelyClient, zeroOf } from './opening.ts';
import { limitsOf, type ReassemblyOptions } from './reassembly-options.ts';
import { createRecentChunks } from './recent-chunks.ts';
import { isNews, lookForLife, placeOf, showsLife } from './resets.ts';
import { copied, isSomething } from './segments.ts';
import { seqPlus } from './sequence.ts';
import { forgetShown, receive, release, start } from './sequencing.ts';
import { createTalk, type Direction, type Emit, holds, NONE, type Talk } from './talk.ts';
import { createTalkTable } from './talk-table.ts';
import { createWaits } from './waits.ts';
import { acknowledge, isUnanswered, noteSyn } from './window.ts';

export type { ReassemblyOptions } from './reassembly-options.ts';

/** How long a direction whose SYN was not seen holds everything back: packets of both directions, and bytes. */
const GATHERED_PACKETS = 64;
const GATHERED_BYTES = 256 * 1024;
const SPECIAL = TCP_SYN | TCP_RST | TCP_FIN;

export interface Reassembly {
  /** Takes the next segment of the recording, and emits what follows from it, before it returns. */
  take(segment: Segment, emit: Emit): void;
  /** Decides at once about a conversation that may have ended by a RST: it has. */
  decide(talk: Talk, emit: Emit): void;
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
 * @param undecided is told which conversations may have ended by a RST that is heeded.
 * @throws RangeError when an option is out of its bounds.
 * @example
 * const reassembly = createReassembly();
 * for (const segment of segments) reassembly.take(segment, (event) => console.log(event.type));
 * reassembly.end((event) => console.log(event.type));
 */
export function createReassembly(options: ReassemblyOptions = {}, undecided?: Undecided): Reassembly {
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
  /** Those of which a direction has not started. */
  const gathering = createWaits(PATIENT_TIME, ({ startedAt }) => startedAt);
  /** Those that have a RST to be decided about. */
  const resetting = createWaits(PATIENT_TIME, ({ reset }) => reset!.segment.packet.time);
  /** Those that were reset, and of which something came later that is not told. No more than are remembered. */
  const haunted = new Set<Talk>();
  let count = 0;

  function begin({ flow, packet }: Segment, emit: Emit): Direction {
    const talk = createTalk(count++, flow, reverseFlow(flow), packet.time);
    table.add(talk);
    gathering.add(talk);
    const evicted = table.excess();
    if (evicted !== null) close(evicted, 'evicted', emit);
    return talk.first;
  }

  function settled(talk: Talk): void {
    if (talk.settled) return;
    talk.settled = true;
    gathering.delete(talk);
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
    const reason = isReset ? 'reset' : first.ended && second.ended ? 'ended' : why;
    talk.over = reason;
    const forgotten = table.close(talk, reason !== 'evicted');
    if (forgotten !== null) tellHaunted(forgotten, emit);
    const client = first.from === 'client' ? first : second;
    const totals = { client: totalsOf(client), server: totalsOf(client.peer) };
    emit({ type: 'close', conversation: talk.conversation!, reason, endedAt: talk.latest, totals });
    if (isReset) undecided?.end(talk);
  }

  /** Forgets a conversation that is closed: another has its addresses. */
  function forget(talk: Talk, emit: Emit): void {
    table.forget(talk);
    tellHaunted(talk, emit);
  }

  /** Tells what came after a conversation was closed by a reset, of which no more will be counted. */
  function tellHaunted(talk: Talk, emit: Emit): void {
    haunted.delete(talk);
    tellAfter(talk, emit);
  }

  /** Whether a stray segment belongs to a connection that lives on though it was reset; else it is counted. */
  function livesOn(direction: Direction, segment: Segment): boolean {
    const { talk } = direction;
    if (talk.over !== 'reset' || segment.flags & (TCP_RST | TCP_SYN)) return false;
    if (showsLife(direction, segment)) return true;
    countAfter(talk, segment);
    if (talk.aftermath !== null) haunted.add(talk);
    return false;
  }

  function greet(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk, peer } = direction;
    const zero = seqPlus(segment.seq, 1);
    direction.syn = segment.seq;
    if (talk.conversation === null) {
      if (segment.flags & TCP_ACK) introduce(talk, peer, 'syn-ack', emit);
      else introduce(talk, direction, 'syn', emit);
    }
    if (direction.started || !isShortlyBefore(direction, zero)) forgetShown(direction, shared, emit);
    start(direction, zero, shared, emit);
    if (peer.syn !== NONE && direction.edge === NONE) direction.edge = peer.synWindow;
    if (peer.started) settled(talk);
    release(direction, shared, emit);
  }

  function reset(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk, peer } = direction;
    const place = placeOf(direction, segment);
    const isHeeded = place === 'next' || place === 'hole';
    // It answers an acknowledgement of something else than the SYN: the other side has shown an older connection.
    if (!isHeeded && isUnanswered(direction)) forgetShown(peer, shared, emit);
    if (place === 'outside' || place === 'unasked') tellIgnored(direction, place, segment, emit);
    else {
      if (talk.reset !== null) passReset(talk, emit);
      talk.reset = { from: direction, segment: copied(segment, 0), heeded: isHeeded, after: [], bytes: 0 };
      resetting.add(talk);
    }
    if (isHeeded || talk.packets >= GATHERED_PACKETS) settle(talk, emit);
    if (!isHeeded) return;
    if (isOver(talk)) {
      resetting.delete(talk);
      takeReset(talk, shared);
      close(talk, 'ended', emit);
      return;
    }
    lookForLife(talk, direction, segment.seq);
    undecided?.begin(talk);
  }

  /** A RST that is in the window only ends nothing, since something follows it. */
  function passReset(talk: Talk, emit: Emit): void {
    resetting.delete(talk);
    const { from, segment } = takeReset(talk, shared);
    tellIgnored(from, 'inside', segment, emit);
  }

  /** Keeps what comes behind a RST that is heeded; takes it all once it shows that the conversation goes on. */
  function takeAfterReset(direction: Direction, segment: Segment, emit: Emit): void {
    const { talk } = direction;
    const reset = talk.reset!;
    table.touch(talk);
    keepAfter(reset, direction, segment, shared);
    if ((segment.flags & TCP_RST) === 0 && showsLife(direction, segment)) goOn(talk, emit);
    else if (reset.after.length > gatheredSegments || reset.bytes > gatheredBytes) close(talk, 'reset', emit);
    else if (holdings.cost > limits.maxHeldTotal) relieve(emit);
  }

  function goOn(talk: Talk, emit: Emit): void {
    resetting.delete(talk);
    undecided?.end(talk);
    const { from, segment, after } = takeReset(talk, shared);
    tellIgnored(from, 'outlived', segment, emit);
    for (const each of after) {
      if (each.segment.flags & TCP_RST) tellIgnored(each.direction, 'outlived', each.segment, emit);
      else take(each.segment, emit);
    }
  }

  /** Holds no more than may be held: the oldest holes are given up. */
  function relieve(emit: Emit): void {
    while (holdings.cost > limits.maxHeldTotal) {
      const oldest = holdings.holders.oldest();
      if (oldest!.talk.reset?.heeded) close(oldest!.talk, 'reset', emit);
      else if (!oldest!.started) settle(oldest!.talk, emit);
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

  function take(segment: Segment, emit: Emit): void {
    const { flags, packet, payload } = segment;
    const { time } = packet;
    for (let late = gathering.overdue(time); late !== null; late = gathering.overdue(time)) {
      settle(late, emit);
      if (isOver(late)) close(late, 'ended', emit);
    }
    for (let late = resetting.overdue(time); late !== null; late = resetting.overdue(time)) {
      close(late, 'reset', emit);
    }
    const isGreeting = (flags & (TCP_SYN | TCP_RST)) === TCP_SYN;
    let direction = table.find(segment.flow);
    if (direction?.talk.reset?.heeded) {
      if (!isGreeting) {
        takeAfterReset(direction, segment, emit);
        return;
      }
      close(direction.talk, 'reset', emit);
    }
    if (direction !== undefined && direction.talk.over !== null) {
      if (isStray(direction, segment) && !livesOn(direction, segment)) return;
      forget(direction.talk, emit);
      direction = undefined;
    }
    direction ??= begin(segment, emit);
    let starts = false;
    if (isGreeting) {
      const greeting = greetingOf(direction, segment);
      if (greeting === 'stray') return;
      if (greeting === 'new') {
        close(direction.talk, 'reused', emit);
        forget(direction.talk, emit);
        direction = begin(segment, emit);
      }
      starts = greeting === 'new' || greeting === 'starts';
      if (greeting === 'again') direction.syn = segment.seq;
      noteSyn(direction, segment);
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
    if (talk.reset !== null && isNews(direction, segment, talk.reset.from)) passReset(talk, emit);
    if (isStale(direction, segment)) {
      if (isSomething(segment)) tellIgnored(direction, 'stale', segment, emit);
      return;
    }
    if (flags & TCP_ACK) acknowledge(peer, segment);
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
  }

  return {
    take,
    decide: (talk, emit) => close(talk, 'reset', emit),
    end(emit) {
      for (const talk of table.open()) close(talk, 'unfinished', emit);
      for (const talk of haunted) tellHaunted(talk, emit);
    },
  };
}

const isOver = ({ first, second }: Talk): boolean => first.ended && second.ended;

const totalsOf = (direction: Direction): SideTotals => ({
  packets: direction.packets,
  bytes: direction.bytes,
  missing: direction.missing,
  retransmitted: direction.retransmitted,
  outOfOrder: direction.outOfOrder,
});
