/**
 * Classifies a RST as its receiver would (RFC 5961, section 3.2), as far as a recording shows it.
 *
 * ```text
 *   its number is                                                             place
 *   the next byte, or behind the FIN; a SYN's, as what is acknowledged        next
 *   in the window, behind a hole: the receiver may have what is missing       hole
 *   elsewhere in the window, or where that may be                             window
 *   none of these                                                             outside
 *   any; it goes to who has sent a SYN only, and does not acknowledge that    unasked
 *
 *   place           what follows it                            then
 *   next, hole      waits                                      `outlived`, once what a side sent behind the RST is
 *                                                              acknowledged: the stream goes on
 *                                                              else `reset`, and what waited is counted
 *   window          is delivered                               `inside` at the first that is new, else `reset`
 *   outside,        is delivered                               ignored at once
 *   unasked
 * ```
 *
 * An acknowledgement of new bytes shows life: a host that sends a RST, or accepts one, forgets the connection, and so
 * acknowledges nothing that was still in flight when the RST was captured.
 */
import { type Segment, TCP_ACK, TCP_FIN, TCP_SYN } from '../segment.ts';
import { answers } from './conversation-start.ts';
import { distance, seqPlus } from './sequence.ts';
import { type Direction, holdsBytes, NONE, positionOf, type TcpConversation } from './tcp-conversation.ts';
import { isUnanswered, sendLimit, UNKNOWN_WINDOW_BYTES, WINDOW_BYTES_MAX } from './window.ts';

/** How far a RST may lie behind `next` when nothing was acknowledged. */
const BEHIND_BYTES_MAX = 65_536;

export type ResetPlace = 'next' | 'hole' | 'window' | 'outside' | 'unasked';

/** Where a direction's RST lies in its sequence space. */
export function placeOf(direction: Direction, segment: Segment): ResetPlace {
  const { peer } = direction;
  if (direction.started) return placeInStream(direction, segment.seq);
  if (isUnanswered(peer)) {
    if (answers(peer, segment)) return 'next';
    return direction.anchored && positionOf(direction, segment.seq) === direction.highest
      ? 'next'
      : 'unasked';
  }
  return placeInMiddle(direction, segment.seq);
}

function placeInStream(direction: Direction, seq: number): ResetPlace {
  const position = positionOf(direction, seq);
  const { next, acked, ended, highest } = direction;
  if (position < (acked === NONE ? next - BEHIND_BYTES_MAX : acked)) return 'outside';
  if (position === next || (ended && position === next + 1)) return 'next';
  if (position > Math.max(sendLimit(direction), highest + 1)) return 'outside';
  const hole = holdsBytes(direction) || acked > next || highest > next;
  return hole && position > next ? 'hole' : 'window';
}

/** For a direction that has not started: its own numbers, and the acknowledgements of them, say where it is. */
function placeInMiddle({ anchored, nextSeq, highest, lowest, lowestEmpty, ackHigh }: Direction, seq: number) {
  if (seq === ackHigh) return 'next';
  if (!anchored)
    return ackHigh === NONE || Math.abs(distance(ackHigh, seq)) <= UNKNOWN_WINDOW_BYTES ? 'next' : 'outside';
  const position = distance(nextSeq, seq);
  if (position === highest) return 'next';
  const isNear =
    position >= Math.min(lowest, lowestEmpty) - BEHIND_BYTES_MAX &&
    position <= highest + UNKNOWN_WINDOW_BYTES;
  return isNear ? 'window' : 'outside';
}

/** Whether a segment brings something new, so that the conversation went on behind a RST. */
export function bringsNew(direction: Direction, segment: Segment, resetFrom: Direction): boolean {
  const { flags, seq, length, ack } = segment;
  if (flags & TCP_SYN) return true;
  const end = positionOf(direction, seq) + length;
  if (length > 0 && (!direction.anchored || end > direction.highest)) return true;
  if (flags & TCP_FIN && end !== direction.finAt) return true;
  const { peer } = direction;
  return (
    direction === resetFrom &&
    (flags & TCP_ACK) !== 0 &&
    peer.started &&
    positionOf(peer, ack) > peer.acked &&
    positionOf(peer, ack) <= sendLimit(peer)
  );
}

/** Begins to look for life: notes how far each side has sent by now. */
export function lookForLife({ first, second }: TcpConversation, from: Direction, seq: number): void {
  for (const direction of [first, second]) {
    direction.sinceFrom = NONE;
    const { anchored, highest, acked, finAt, next, nextSeq } = direction;
    if (anchored) {
      // A FIN has a number, too.
      const end = Math.max(highest, acked, finAt === Number.POSITIVE_INFINITY ? 0 : finAt + 1);
      direction.sinceFrom = seqPlus(nextSeq, end - next);
    }
    if (direction === from && (direction.sinceFrom === NONE || distance(direction.sinceFrom, seq) > 0)) {
      direction.sinceFrom = seq;
    }
    direction.sinceTo = direction.sinceFrom;
  }
}

/**
 * Notes what a direction sends behind a RST. Returns whether it acknowledges bytes that the peer sent behind the RST.
 */
export function showsLife(direction: Direction, { flags, seq, ack, length }: Segment): boolean {
  if (length > 0 || flags & TCP_FIN) {
    if (direction.sinceFrom === NONE) {
      direction.sinceFrom = seq;
      direction.sinceTo = seq;
    }
    const end = seqPlus(seq, length + (flags & TCP_FIN ? 1 : 0));
    const ahead = distance(direction.sinceTo, end);
    if (ahead > 0 && ahead <= WINDOW_BYTES_MAX) direction.sinceTo = end;
  }
  const { sinceFrom, sinceTo } = direction.peer;
  return (
    (flags & TCP_ACK) !== 0 &&
    sinceFrom !== NONE &&
    distance(sinceFrom, ack) > 0 &&
    distance(ack, sinceTo) >= 0
  );
}
