/**
 * The send window of each direction, and which acknowledgements are believed.
 *
 * ```text
 *   positions     0 ......... acked ......... highest ......... rightEdge
 *                             acknowledged    was seen to       the greatest sum of an acknowledgement
 *                             by the peer     be sent           and its window
 *
 *   an acknowledgement   up to `highest`, and one for a FIN           believed
 *   of a position        up to `rightEdge`                            believed: those bytes are not in the recording
 *                        further, and further than another that was   believed: no window is known that allowed it,
 *                        not believed, within the window that that    but bytes are taken, so windows are not in the
 *                        gave                                         recording either
 *                        further                                      not: bytes never sent, of an older connection
 *
 *   without a            a SYN that was not answered allows no bytes but those seen with it; else the edge is
 *   `rightEdge`          16 MiB behind `highest`
 * ```
 *
 * The two SYNs say how a window is scaled (RFC 7323). When they are not in the recording, the window is taken for the
 * largest possible, with a shift of 14, but for no more than 16 MiB: a random number is that near once in 256 times.
 */
import { NO_SCALE, type Segment, TCP_SYN } from '../segment.ts';
import { distance } from './sequence.ts';
import { type Direction, NONE, positionOf } from './tcp-conversation.ts';

/** The largest window there is: no valid byte is further from the acknowledged ones. */
export const WINDOW_BYTES_MAX = 2 ** 30;
/** The size that stands for an unknown window. */
export const UNKNOWN_WINDOW_BYTES = 2 ** 24;
const SCALE_FACTOR_MAX = 2 ** 14;

/** Notes the window of a SYN, and the window scales of both sides. */
export function noteSyn(direction: Direction, { window, windowScale }: Segment): void {
  const { peer } = direction;
  direction.noteSyn(window, windowScale);
  direction.windowScale = scaleOf(direction.scaleShift, peer.scaleShift);
  peer.windowScale = scaleOf(peer.scaleShift, direction.scaleShift);
}

/** The factor of a side's windows, by the options of its own SYN and of the other one. 0 when unknown. */
function scaleOf(own: number | null, other: number | null): number {
  if (own === NO_SCALE || other === NO_SCALE) return 1;
  return own === null ? 0 : 2 ** own;
}

/** Bytes of window that a segment of this direction offers. */
function windowOf({ windowScale }: Direction, { window, flags }: Segment): number {
  if (flags & TCP_SYN) return window;
  return windowScale === 0 ? Math.min(window * SCALE_FACTOR_MAX, UNKNOWN_WINDOW_BYTES) : window * windowScale;
}

/** Whether a direction has sent a SYN that its peer has not answered, as far as known. */
export const isUnanswered = ({ syn, peer }: Direction): boolean =>
  syn !== NONE && !peer.started && peer.ackLow === NONE;

/** The position up to which a started direction may have sent. */
export function sendLimit(direction: Direction): number {
  const { highest, rightEdge } = direction;
  if (rightEdge !== NONE) return rightEdge > highest ? rightEdge : highest + 1;
  return highest + (isUnanswered(direction) ? 1 : UNKNOWN_WINDOW_BYTES);
}

/** Notes the acknowledgement and the window of the peer's segment with ACK. */
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

/**
 * Whether an acknowledgement confirms an earlier one that was not believed; if not, it is noted as the next of those.
 */
function confirmsUnbelieved(direction: Direction, position: number, rightEdge: number): boolean {
  const { unbelievedAck, unbelievedEdge, highest, acked } = direction;
  if (position - Math.max(highest, acked) > WINDOW_BYTES_MAX) return false;
  const confirmed = unbelievedAck !== NONE && position > unbelievedAck && position <= unbelievedEdge;
  direction.unbelievedAck = position;
  direction.unbelievedEdge = rightEdge;
  return confirmed;
}
