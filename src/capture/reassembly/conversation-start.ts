/**
 * How a conversation begins: who the client is, where each side's bytes start, and whether a SYN belongs to it.
 *
 * ```text
 *   a SYN of a direction that      with a number that is
 *   has shown one                  the same                   belongs to it: it came again
 *                                  another                    a new conversation, unless a SYN/ACK answers anew
 *   has started without one        the one before position 0  belongs to it
 *                                  any other                  a new conversation
 *   has not started, and its       any                        belongs to it if it answers that, and is stray if not:
 *   peer has shown a SYN                                      a SYN/ACK to an older SYN
 *   has not started                shortly before all that    belongs to it: the recording has its packets in
 *                                  was shown                  another order
 *                                  any other                  a new conversation
 * ```
 *
 * What a side shows before its SYN/ACK may be of an older connection, half of which is still open (RFC 9293, section
 * 3.5.1): it acknowledges something else than the SYN, is answered by a RST, and then the SYN comes again.
 *
 * ```text
 *   client  SYN 100                RST 7000     SYN 100                     ACK 301
 *   server             ACK 7000                           SYN/ACK 300, 101
 *                      stale       ignored      again     position 0 is 301
 * ```
 */

import { occupiesSequence, type Segment, TCP_ACK, TCP_RST, TCP_SYN } from '../segment.ts';
import type { Conversation } from '../stream-event.ts';
import { sourceAddress, sourcePort } from './flow.ts';
import { emitIgnored } from './ignored.ts';
import { distance, seqPlus } from './sequence.ts';
import { type Direction, type Emit, NONE, positionOf, type TcpConversation } from './tcp-conversation.ts';
import { isUnanswered, sendLimit } from './window.ts';

/** How far apart the numbers of one moment may be. A random number is that near once in 256 times. */
export const NEAR_BYTES = 2 ** 24;
/** How far back numbers of a connection that is over may lie: the largest window. */
const CLOSED_BEHIND_BYTES_MAX = 2 ** 30;
/** The most bytes that a SYN brings. */
const SYN_BYTES_MAX = 65_535;
/** After so long nothing of a connection is on its way any more, in nanoseconds. */
const TIME_WAIT_NS = 60_000_000_000n;

/**
 * - `again`: it came before. - `starts`: it says where the direction's bytes start. - `stray`: it means nothing.
 * - `new`: it opens another conversation.
 */
export type SynMeaning = 'again' | 'starts' | 'stray' | 'new';

/** What a segment with SYN is to the open conversation that has its flow. */
export function classifySyn(direction: Direction, segment: Segment): SynMeaning {
  const zero = seqPlus(segment.seq, 1);
  if (direction.syn === segment.seq) return 'again';
  if (direction.syn !== NONE) return classifyOtherSynAck(direction, segment);
  if (direction.started) return direction.nextSeq === seqPlus(zero, direction.next) ? 'again' : 'new';
  const { peer, ackLow } = direction;
  if (peer.syn !== NONE && segment.flags & TCP_ACK) return answers(peer, segment) ? 'starts' : 'stray';
  if (!isShortlyBefore(direction, zero)) return 'new';
  if (ackLow !== NONE) return isWithin(zero, ackLow, NEAR_BYTES) ? 'starts' : 'new';
  return !direction.anchored && peer.started && peer.syn === NONE ? 'new' : 'starts';
}

/**
 * A SYN/ACK with another number than the first, to the same SYN: a server that keeps no state, or one of many behind
 * an address, has answered anew. The client takes one of them; until it has told which, the last is believed.
 */
function classifyOtherSynAck(direction: Direction, segment: Segment): SynMeaning {
  if (!answers(direction.peer, segment)) return 'new';
  const untouched = direction.next === 0 && direction.held.length === 0 && direction.acked === NONE;
  return untouched ? 'starts' : 'stray';
}

/** Whether position 0 can be there, so that all that a direction has shown without a SYN lies shortly behind it. */
export function isShortlyBefore(direction: Direction, zero: number): boolean {
  if (!direction.anchored) return true;
  const lowest = Math.min(direction.lowest, direction.lowestEmpty + 1);
  const ahead = lowest - distance(direction.nextSeq, zero);
  return ahead >= 0 && ahead <= NEAR_BYTES;
}

/**
 * Whether a segment of a direction that has not started is of an older connection: it acknowledges something from
 * before the SYN of the other, or far more than that can have sent while nobody has answered it.
 */
export function isStale({ started, peer }: Direction, segment: Segment): boolean {
  const { flags, ack } = segment;
  if (started || peer.syn === NONE || (flags & (TCP_ACK | TCP_SYN | TCP_RST)) !== TCP_ACK) return false;
  const position = positionOf(peer, ack);
  // Packets of one side may be in the recording long before those of the other: bytes are not dropped for less.
  const max = sendLimit(peer) + (occupiesSequence(segment) ? NEAR_BYTES : 0);
  return position < 0 || (isUnanswered(peer) && position > max);
}

/** Whether it acknowledges the SYN of the other direction, perhaps with its bytes: a SYN/ACK, or a RST that refuses. */
export const answers = ({ syn }: Direction, { flags, ack }: Segment): boolean =>
  (flags & TCP_ACK) !== 0 && syn !== NONE && isWithin(seqPlus(syn, 1), ack, SYN_BYTES_MAX);

const isWithin = (from: number, seq: number, max: number): boolean => {
  const ahead = distance(from, seq);
  return ahead >= 0 && ahead <= max;
};

/** Whether a segment still belongs to a conversation that is closed, so that it means nothing. */
export function isStray(direction: Direction, segment: Segment): boolean {
  const { tcp, peer } = direction;
  const { flags, seq, ack } = segment;
  if (flags & TCP_RST) return true;
  if (flags & TCP_SYN) {
    if (answers(peer, segment)) return true;
    const zero = seqPlus(seq, 1);
    if (direction.syn === NONE) {
      return direction.started && direction.nextSeq === seqPlus(zero, direction.next);
    }
    // Who was refused may try again with the same number. Wireshark takes both tries for one conversation, but what
    // follows a reset must be told.
    if (direction.syn !== seq || (tcp.closeReason === 'reset' && !(flags & TCP_ACK))) return false;
    return segment.packet.time - tcp.latest < TIME_WAIT_NS;
  }
  if (direction.started) return isNearEnd(direction, seq);
  return !(flags & TCP_ACK) || !peer.started || isNearEnd(peer, ack);
}

function isNearEnd({ nextSeq }: Direction, seq: number): boolean {
  const ahead = distance(nextSeq, seq);
  return ahead >= -CLOSED_BEHIND_BYTES_MAX && ahead <= NEAR_BYTES;
}

/** Opens a conversation, once it is known who is who. */
export function openConversation(
  tcp: TcpConversation,
  client: Direction,
  opening: Conversation['opening'],
  emit: Emit,
): void {
  const server = client.peer;
  client.side = 'client';
  server.side = 'server';
  const { index, startedAt } = tcp;
  tcp.conversation = {
    index,
    client: sourceAddress(client.flow),
    server: sourceAddress(server.flow),
    startedAt,
    opening,
  };
  emit({ type: 'open', conversation: tcp.conversation });
  for (const { sender, why, segment } of tcp.earlyIgnored) emitIgnored(sender, why, segment, emit);
  tcp.earlyIgnored = [];
}

/** The client of a conversation whose opening was not recorded: a server has the lower port, mostly. */
export function likelyClient({ first, second }: TcpConversation): Direction {
  return sourcePort(first.flow) < sourcePort(second.flow) ? second : first;
}

/**
 * The sequence number at which a direction starts whose SYN was not seen; null when nothing is known of it.
 *
 * That is the lowest it has shown with bytes; a lower one without bytes, unless that is a keep-alive's; and what the
 * peer had acknowledged before, if the recording has the beginning: then bytes in between are missing. When it has
 * shown no bytes at all it starts behind all numbers that it has shown.
 */
export function zeroOf(direction: Direction): number | null {
  const { anchored, nextSeq, ackLow, ackHigh, lowest, lowestEmpty, peer, tcp } = direction;
  if (!anchored) return ackLow === NONE ? null : ackLow;
  if (lowest === Number.POSITIVE_INFINITY) {
    const shown = seqPlus(nextSeq, direction.highest);
    return ackHigh !== NONE && isWithin(shown, ackHigh, NEAR_BYTES) ? ackHigh : shown;
  }
  const own = seqPlus(nextSeq, lowestEmpty < lowest - 1 ? lowestEmpty : lowest);
  const hasBeginning = peer.syn !== NONE || tcp.settled;
  return hasBeginning && ackLow !== NONE && isWithin(ackLow, own, NEAR_BYTES) ? ackLow : own;
}
