/**
 * TCP segments to streams: every connection of a recording, its two sides each in order (RFC 9293, section 3.4).
 *
 * ```text
 *  a segment of a tuple that            is taken for
 *  is not known                         a new conversation
 *  is known, without SYN                the known one; ignored when that is over
 *  is known, with the SYN it had        a retransmission
 *  is known, with another SYN           a new conversation: the known one is closed as `reused`
 *  is known, with a SYN and none yet    the known one's, when it lies just before what came; else a new one
 * ```
 *
 * What is held: see `ReassemblyOptions`, and `recent-chunks` for what is kept to compare.
 */
import { reversed } from './flow.ts';
import { limitsOf, type ReassemblyOptions, START_BYTES } from './reassembly-options.ts';
import { createRecent } from './recent-chunks.ts';
import {
  carry,
  close,
  createConversation,
  flush,
  flushStart,
  open,
  openByPorts,
  type RecordedConversation,
  type Shared,
  start,
} from './recorded-conversation.ts';
import { type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from './segment.ts';
import { positionOf, type SideState } from './side-state.ts';
import { giveUpHole } from './side-take.ts';
import type { CloseReason, StreamEvent } from './stream-event.ts';

export type { ReassemblyOptions } from './reassembly-options.ts';

export interface Reassembly {
  /** Takes the next segment, in the order of the recording. */
  take(segment: Segment, emit: (event: StreamEvent) => void): void;
  /** Takes the end of the recording: what waits is handed on, and what is open is closed. */
  end(emit: (event: StreamEvent) => void): void;
}

interface Known {
  readonly conversation: RecordedConversation;
  readonly which: 0 | 1;
}

/** Bytes that a SYN may lie before the first that came of its side. */
const SYN_BEFORE = 4 * 1024 * 1024;
/** Bytes that a RST may lie behind, or ahead of, where its side is: what is farther away is not its side's. */
const RST_BEHIND = 64 * 1024;
const RST_AHEAD = 2 ** 30;

/**
 * Makes a reassembly.
 *
 * @throws RangeError when an option is out of its bounds.
 * @example
 * const reassembly = createReassembly();
 * reassembly.take(segment, (event) => {
 *   if (event.type === 'chunk') console.log(event.from, event.position, event.bytes.length);
 * });
 */
export function createReassembly(options: ReassemblyOptions = {}): Reassembly {
  const limits = limitsOf(options);
  /** Both directions of each conversation: twice `maxConversations` at the most. */
  const known = new Map<string, Known>();
  /** Sides of which something waits, the oldest first: bounded by `maxHeldInAll`, a piece each at the least. */
  const waiting = new Map<SideState, RecordedConversation>();
  let heldInAll = 0;
  let made = 0;
  let oldest: RecordedConversation | null = null;
  let newest: RecordedConversation | null = null;
  let last: Known | null = null;
  let lastFlow = '';
  let emit: (event: StreamEvent) => void = () => {};

  const shared: Shared = {
    limits,
    recent: createRecent(),
    emit: (event) => emit(event),
    holds: (conversation, side, bytes) => {
      heldInAll += bytes;
      if (side.held.length === 0) waiting.delete(side);
      else if (!waiting.has(side)) waiting.set(side, conversation);
    },
  };

  function find(segment: Segment): Known {
    const { flow } = segment;
    if (flow === lastFlow && last !== null) return last;
    const found = known.get(flow) ?? remember(segment);
    last = found;
    lastFlow = flow;
    return found;
  }

  function remember({ flow, packet }: Segment): Known {
    const reverse = reversed(flow);
    const conversation = createConversation(made++, [flow, reverse], packet.time);
    const here: Known = { conversation, which: 0 };
    known.set(flow, here);
    // A machine that speaks to itself from a port to the same port has one direction only.
    if (reverse !== flow) known.set(reverse, { conversation, which: 1 });
    enlist(conversation);
    if (made > 1 && known.size > 2 * limits.maxConversations) forget(oldest!);
    return here;
  }

  /** Puts a conversation at the newer end of the list. */
  function enlist(it: RecordedConversation): void {
    it.older = newest;
    it.newer = null;
    if (newest !== null) newest.newer = it;
    newest = it;
    oldest ??= it;
  }

  function unlist(it: RecordedConversation): void {
    if (it.older === null) oldest = it.newer;
    else it.older.newer = it.newer;
    if (it.newer === null) newest = it.older;
    else it.newer.older = it.older;
  }

  function forget(it: RecordedConversation): void {
    end(it, 'evicted');
    unlist(it);
    for (const flow of it.flows) if (known.get(flow)?.conversation === it) known.delete(flow);
    last = null;
  }

  function end(it: RecordedConversation, reason: CloseReason): void {
    close(shared, it, reason);
    for (const side of it.sides) {
      heldInAll -= side.heldBytes;
      side.heldBytes = 0;
      side.held = [];
      waiting.delete(side);
    }
  }

  /** Whether a segment with SYN begins another conversation on the same tuple. */
  function isAnother({ conversation, which }: Known, { seq }: Segment): boolean {
    const side = conversation.sides[which];
    if (side.syn !== null) return side.syn !== seq;
    if (conversation.over) return true;
    if (side.phase === 'unknown') return false;
    const position = positionOf(side, (seq + 1) % 2 ** 32);
    const first = side.phase === 'starting' ? (side.held[0]?.position ?? 0) : 0;
    return position > first || position < first - SYN_BEFORE;
  }

  /** Gives up a hole, or the wait for a beginning, so that something of a side moves on. */
  function moveOn(it: RecordedConversation, side: SideState): void {
    const which = side === it.sides[0] ? 0 : 1;
    if (side.phase !== 'starting') {
      giveUpHole(it.contexts![which], side, 'limit');
      return;
    }
    openByPorts(shared, it);
    start(it, which, null);
    flushStart(it, which);
  }

  function keepWithin(it: RecordedConversation, now: bigint): void {
    const lateness = BigInt(limits.lateness) * 1_000_000n;
    for (const side of it.sides) {
      while (side.held.length > 0) {
        const isStarting = side.phase === 'starting';
        const isOver = isStarting
          ? side.totals.packets >= limits.startPackets ||
            side.heldBytes > START_BYTES ||
            now - side.waitsSince > lateness
          : side.heldBytes > limits.maxHeld ||
            side.held.length > limits.maxHeldPackets ||
            (side.ackedBeyond !== null && now - side.ackedBeyond > lateness);
        if (!isOver) break;
        moveOn(it, side);
      }
    }
    while (heldInAll > limits.maxHeldInAll) {
      const first = waiting.entries().next();
      if (first.done) break;
      moveOn(first.value[1], first.value[0]);
    }
  }

  function acknowledge(it: RecordedConversation, which: 0 | 1, segment: Segment): void {
    const other = it.sides[which === 0 ? 1 : 0];
    if (other.phase !== 'running') return;
    const position = positionOf(other, segment.ack);
    if (position > other.acked) other.acked = position;
    const first = other.held[0];
    if (first !== undefined && other.acked >= first.position) other.ackedBeyond ??= segment.packet.time;
  }

  function synchronise(it: RecordedConversation, which: 0 | 1, { seq, flags }: Segment): void {
    const side = it.sides[which];
    const hasAck = (flags & TCP_ACK) !== 0;
    const client = hasAck ? (which === 0 ? 1 : 0) : which;
    if (side.phase === 'unknown' || side.phase === 'starting') {
      if (side.phase === 'unknown') side.base = (seq + 1) % 2 ** 32;
      start(it, which, seq);
      open(shared, it, client, hasAck ? 'syn-ack' : 'syn');
      flushStart(it, which);
    } else {
      side.syn ??= seq;
    }
  }

  function reset(it: RecordedConversation, which: 0 | 1, segment: Segment): void {
    const side = it.sides[which];
    if (side.phase === 'running' || side.phase === 'over') {
      const position = positionOf(side, segment.seq);
      const isHere = position >= side.next - RST_BEHIND && position <= side.next + RST_AHEAD;
      if (!isHere) return;
    }
    flush(shared, it);
    const { conversation } = it.contexts![which];
    const { time, number } = segment.packet;
    if (time > side.latest) side.latest = time;
    const at = { capturedAt: time, deliverableAt: side.latest, packet: number };
    emit({ type: 'reset', conversation, from: side.name, position: side.next, ...at });
    end(it, 'reset');
  }

  return {
    take(segment, to) {
      emit = to;
      const { flags, packet } = segment;
      let found = find(segment);
      if ((flags & TCP_SYN) !== 0 && isAnother(found, segment)) {
        end(found.conversation, 'reused');
        unlist(found.conversation);
        for (const flow of found.conversation.flows) known.delete(flow);
        found = last = remember(segment);
        lastFlow = segment.flow;
      }
      const { conversation: it, which } = found;
      if (it !== newest) {
        unlist(it);
        enlist(it);
      }
      if (it.over) return;
      const side = it.sides[which];
      side.totals.packets++;
      if (packet.time > it.lastAt) it.lastAt = packet.time;
      if ((flags & TCP_RST) !== 0) return reset(it, which, segment);
      if ((flags & TCP_SYN) !== 0) synchronise(it, which, segment);
      if (side.phase === 'unknown') {
        side.base = segment.seq;
        side.phase = 'starting';
      }
      if (segment.length > 0 || (flags & TCP_FIN) !== 0) carry(shared, it, which, segment);
      if ((flags & TCP_ACK) !== 0) acknowledge(it, which, segment);
      if (heldInAll > 0) keepWithin(it, packet.time);
      if (it.sides[0].phase === 'over' && it.sides[1].phase === 'over') end(it, 'ended');
    },
    end(to) {
      emit = to;
      const open: RecordedConversation[] = [];
      for (let it = oldest; it !== null; it = it.newer) if (!it.over) open.push(it);
      open.sort((a, b) => a.index - b.index);
      for (const it of open) end(it, 'unfinished');
      known.clear();
      waiting.clear();
      oldest = newest = last = null;
    },
  };
}
