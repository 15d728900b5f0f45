/**
 * What a receiver allows to be sent, and which acknowledgements are believed.
 *
 * ```text
 *   positions     0 ......... acked ......... highest ......... edge
 *                             the peer has    was seen to       the peer has let it send: the greatest
 *                             so much         be sent           acknowledgement and window together
 *
 *   an acknowledgement   up to `highest`, and one for a FIN           believed
 *   of a position        up to `edge`                                 believed: those bytes are not in the recording
 *                        further, and further than another that was   believed: no window is known that allowed it,
 *                        not believed, within the window that that    but bytes are taken, so windows are not in the
 *                        gave                                         recording either
 *                        further                                      not: bytes never sent, of an older connection
 *
 *   without an `edge`    a SYN that nobody has answered lets nothing be sent but what was seen with it; else it is
 *                        16 MiB behind `highest`
 * ```
 *
 * A window is scaled as both SYNs say (RFC 7323). When that is not known, as the recording began later or has too
 * little of them, it is taken for the largest it can be, by a scale of 14, but for no more than 16 MiB: a random number
 * is that near once in 256 times.
 */
import { NO_SCALE, type Segment, TCP_SYN } from '../segment.ts';
import { distance } from './sequence.ts';
import { type Direction, NONE, positionOf } from './tcp-conversation.ts';

/** The largest window there is: nothing valid is further from what was acknowledged. */
export const WINDOW_BYTES_MAX = 2 ** 30;
/** What is taken for a window that is not known. */
export const UNKNOWN_WINDOW_BYTES = 2 ** 24;
const SCALE_FACTOR_MAX = 2 ** 14;

/** Notes what a SYN of a direction says of windows, both sides'. */
export function noteSyn(direction: Direction, { window, windowScale }: Segment): void {
  const { peer } = direction;
  direction.scaleShift = windowScale;
  direction.synWindow = window;
  direction.windowScale = scaleOf(direction.scaleShift, peer.scaleShift);
  peer.windowScale = scaleOf(peer.scaleShift, direction.scaleShift);
}

/** What a window is multiplied by: of who says `own` in its SYN, to who says `other`. 0 when that is not known. */
function scaleOf(own: number | null, other: number | null): number {
  if (own === NO_SCALE || other === NO_SCALE) return 1;
  return own === null ? 0 : 2 ** own;
}

/** Bytes of window that a segment of this direction offers. */
function windowOf({ windowScale }: Direction, { window, flags }: Segment): number {
  if (flags & TCP_SYN) return window;
  return windowScale === 0 ? Math.min(window * SCALE_FACTOR_MAX, UNKNOWN_WINDOW_BYTES) : window * windowScale;
}

/** Whether a direction has shown a SYN, and no more, which its peer has not answered as far as is known. */
export const isUnanswered = ({ syn, peer }: Direction): boolean =>
  syn !== NONE && !peer.started && peer.ackLow === NONE;

/** The position up to which a direction that has started may have sent, by what is known. */
export function sendLimit(direction: Direction): number {
  const { highest, rightEdge } = direction;
  if (rightEdge !== NONE) return rightEdge > highest ? rightEdge : highest + 1;
  return highest + (isUnanswered(direction) ? 1 : UNKNOWN_WINDOW_BYTES);
}

/** Notes what a direction's peer acknowledges, and lets it send, by a segment with ACK. */
export function acknowledge(direction: Direction, segment: Segment): void {
  const { ack } = segment;
  if (direction.started) {
    const position = positionOf(direction, ack);
    if (position < 0) return;
    const rightEdge = position + windowOf(direction.peer, segment);
    if (
      position > direction.highest &&
      position > sendLimit(direction) &&
      !confirmsUnbelieved(direction, position, rightEdge)
    ) {
      return;
    }
    if (position > direction.acked) direction.acked = position;
    if (rightEdge > direction.rightEdge) direction.rightEdge = rightEdge;
  } else if (direction.ackLow === NONE) {
    direction.ackLow = ack;
    direction.ackHigh = ack;
  } else if (distance(direction.ackLow, ack) < 0) direction.ackLow = ack;
  else if (distance(direction.ackHigh, ack) > 0) direction.ackHigh = ack;
}

/** Whether an acknowledgement goes on from one that was not believed; notes that it was not believed, either. */
function confirmsUnbelieved(direction: Direction, position: number, rightEdge: number): boolean {
  const { unbelievedAck, unbelievedEdge, highest, acked } = direction;
  if (position - Math.max(highest, acked) > WINDOW_BYTES_MAX) return false;
  const confirmed = unbelievedAck !== NONE && position > unbelievedAck && position <= unbelievedEdge;
  direction.unbelievedAck = position;
  direction.unbelievedEdge = rightEdge;
  return confirmed;
}
