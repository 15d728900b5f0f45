/**
 * TCP segments to ordered bytes: a pure state machine, without a clock or I/O.
 *
 * ```text
 *   segment ─▶ its conversation ─▶ its direction ─▶ events
 *              talk-table.ts       sequencing.ts, hold.ts
 *              lives.ts            hand-on.ts, holes.ts
 *              opening.ts          window.ts
 *              reset-watch.ts
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
import { classifySyn, introduce, isShortlyBefore, isStale, isStray, zeroOf } from './conversation-start.ts';
import { deliver, type Shared } from './deliver.ts';
import type { Undecided } from './event-order.ts';
import { expireHole, giveUp } from './holes.ts';
import { tellIgnored } from './ignored.ts';
import { createLives, isOver } from './lives.ts';
import { createOldestFirst } from './oldest-first.ts';
import { GATHERED_PACKETS, gatheredOf, limitsOf, type ReassemblyOptions } from './reassembly-options.ts';
import { createRecentChunks } from './recent-chunks.ts';
import { createResetWatch } from './reset-watch.ts';
import { isSomething } from './segments.ts';
import { seqPlus } from './sequence.ts';
import { forgetShown, receive, release, start } from './sequencing.ts';
import { type Direction, type Emit, holds, NONE, type TcpConversation } from './tcp-conversation.ts';
import { acknowledge, noteSyn } from './window.ts';

export type { ReassemblyOptions } from './reassembly-options.ts';

const SPECIAL = TCP_SYN | TCP_RST | TCP_FIN;

export interface Reassembly {
  /** Takes the next segment of the recording, and emits what follows from it, before it returns. */
  take(segment: Segment, emit: Emit): void;
  /** Decides at once about a conversation that may have ended by a RST: it has. */
  decide(talk: TcpConversation, emit: Emit): void;
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
  const lives = createLives(shared, undecided);
  const resets = createResetWatch(lives, shared, undecided, take);
  const { table, begin, settled, settle, close } = lives;
  const gathered = gatheredOf(limits);

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
      } else if (direction.heldBytes > gathered.bytes || direction.held.length > gathered.segments)
        settle(talk, emit);
    } else receive(direction, segment, shared, emit);
    const { time } = segment.packet;
    if (holds(direction)) expireHole(direction, time, shared, emit);
    if (holds(peer)) expireHole(peer, time, shared, emit);
    if (!talk.settled && talk.packets >= GATHERED_PACKETS) settle(talk, emit);
    if (isOver(talk)) close(talk, 'ended', emit);
    if (holdings.cost > limits.maxHeldTotal) relieve(emit);
  }

  function take(segment: Segment, emit: Emit): void {
    const { flags, packet, payload } = segment;
    const { time } = packet;
    lives.pass(time, emit);
    const isGreeting = (flags & (TCP_SYN | TCP_RST)) === TCP_SYN;
    let direction = table.find(segment.flow);
    if (direction?.talk.reset?.heeded) {
      if (!isGreeting) {
        table.touch(direction.talk);
        resets.keep(direction, segment, emit);
        if (holdings.cost > limits.maxHeldTotal) relieve(emit);
        return;
      }
      close(direction.talk, 'reset', emit);
    }
    if (direction !== undefined && direction.talk.over !== null) {
      if (isStray(direction, segment) && !lives.livesOn(direction, segment)) return;
      lives.forget(direction.talk, emit);
      direction = undefined;
    }
    direction ??= begin(segment, emit);
    let starts = false;
    if (isGreeting) {
      const greeting = classifySyn(direction, segment);
      if (greeting === 'stray') return;
      if (greeting === 'new') {
        close(direction.talk, 'reused', emit);
        lives.forget(direction.talk, emit);
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
      resets.take(direction, segment, emit);
      return;
    }
    resets.look(direction, segment, emit);
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
      deliver(direction, payload, packet.number, time, ack, shared, emit);
      return;
    }
    takeSlowly(direction, segment, emit);
  }

  return {
    take,
    decide: (talk, emit) => close(talk, 'reset', emit),
    end: lives.end,
  };
}
