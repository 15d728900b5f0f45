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
 * Segments of a side before its SYN/ACK may belong to an older, half-open connection (RFC 9293, section 3.5.1). Such a
 * segment acknowledges something else than the SYN; the client answers it with a RST, and sends the SYN again.
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

/** Sequence numbers seen at about the same time lie within this distance. A random number does once in 256 times. */
export const NEAR_BYTES = 2 ** 24;
/** Sequence numbers of a closed connection may lie this far back: the largest window. */
const CLOSED_BEHIND_BYTES_MAX = 2 ** 30;
/** A SYN carries at most this many bytes. */
const SYN_BYTES_MAX = 65_535;
/** Nanoseconds after which no segment of a closed connection is still in flight. */
const TIME_WAIT_NS = 60_000_000_000n;

/**
 * - `again`: a retransmission. - `starts`: it gives the direction its initial sequence number. - `stray`: it is ignored.
 * - `new`: it opens another conversation.
 */
export type SynMeaning = 'again' | 'starts' | 'stray' | 'new';

/** Classifies a segment with SYN that has the flow of an open conversation. */
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
 * Classifies a SYN/ACK that answers the same SYN as an earlier one, but with another sequence number. A server without
 * state, or one of several behind an address, has answered twice. The client accepts one of the answers; until an
 * acknowledgement shows which, the last one counts. One that had a FIN has ended the direction, for good.
 */
function classifyOtherSynAck(direction: Direction, segment: Segment): SynMeaning {
  if (!answers(direction.peer, segment)) return 'new';
  const { next, held, acked, finAt } = direction;
  const untouched = next === 0 && held.length === 0 && acked === NONE && finAt === Number.POSITIVE_INFINITY;
  return untouched ? 'starts' : 'stray';
}

/**
 * Whether position 0 can be at `zero`: everything that the direction sent without a SYN then lies shortly behind it.
 */
export function isShortlyBefore(direction: Direction, zero: number): boolean {
  if (!direction.anchored) return true;
  const lowest = Math.min(direction.lowest, direction.lowestEmpty + 1);
  const ahead = lowest - distance(direction.nextSeq, zero);
  return ahead >= 0 && ahead <= NEAR_BYTES;
}

/**
 * Whether a segment of a direction that has not started belongs to an older connection: it acknowledges a number before
 * the peer's SYN, or more than the peer can have sent while nobody has answered its SYN.
 */
export function isStale({ started, peer }: Direction, segment: Segment): boolean {
  const { flags, ack } = segment;
  if (started || peer.syn === NONE || (flags & (TCP_ACK | TCP_SYN | TCP_RST)) !== TCP_ACK) return false;
  const position = positionOf(peer, ack);
  // A recording may have the packets of one side long before those of the other, so bytes need a wider margin.
  const max = sendLimit(peer) + (occupiesSequence(segment) ? NEAR_BYTES : 0);
  return position < 0 || (isUnanswered(peer) && position > max);
}

/**
 * Whether a segment (a SYN/ACK, or a RST that refuses) acknowledges a direction's SYN, perhaps with bytes behind it.
 */
export const answers = ({ syn }: Direction, { flags, ack }: Segment): boolean =>
  (flags & TCP_ACK) !== 0 && syn !== NONE && isWithin(seqPlus(syn, 1), ack, SYN_BYTES_MAX);

const isWithin = (from: number, seq: number, max: number): boolean => {
  const ahead = distance(from, seq);
  return ahead >= 0 && ahead <= max;
};

/** Whether a segment still belongs to a closed conversation, and is therefore ignored. */
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
    // A client that was refused may try again with the same number. Wireshark takes both tries for one conversation.
    // Here the second one is a new conversation, since the events behind a reset must not be lost.
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

/** Opens a conversation, once it is known which direction is the client's. */
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
  for (const { sender, why, segment } of tcp.takeIgnored()) emitIgnored(sender, why, segment, emit);
}

/** Guesses the client of a conversation whose SYNs were not recorded: a server usually has the lower port. */
export function likelyClient({ first, second }: TcpConversation): Direction {
  return sourcePort(first.flow) < sourcePort(second.flow) ? second : first;
}

/**
 * The sequence number at which a direction starts whose SYN was not seen; null when nothing is known of it.
 *
 * That is the lowest number of a segment with bytes. A lower number without bytes counts too, unless a keep-alive has
 * it. If the recording has the beginning, an earlier acknowledgement by the peer counts as well: the bytes in between
 * are missing. A direction that sent no bytes starts behind its highest number.
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
