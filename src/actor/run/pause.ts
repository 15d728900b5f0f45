/** Decides whether a connection is read: it is while there is no reason against it. */

import { addTo, deleteFrom } from '../../base/lazy-set.ts';
import type { Pause } from '../trace.ts';
import type { Run } from './run.ts';

/**
 * A connection that has room for a long message is read whatever credit is used up: else the room would never be given
 * back.
 */
export const isListening = ({ pausedBy, hasRoom }: Run): boolean =>
  pausedBy.size === 0 || (hasRoom && pausedBy.size === 1 && pausedBy.has('credit'));

/** Adds or removes a reason. */
export function pause(run: Run, why: Pause, paused: boolean): void {
  if (run.pausedBy.has(why) === paused) return;
  const before = isListening(run);
  if (paused) run.pausedBy = addTo(run.pausedBy, why);
  else deleteFrom(run.pausedBy, why);
  run.trace?.({ type: paused ? 'pause' : 'resume', connection: run.connection.id, why });
  // When it is this connection's turn, it runs anyway.
  if (applyListening(run, before) && why !== 'turn') run.member.wake();
}

/** Says whether a long message of this peer has room. */
export function setHasRoom(run: Run, has: boolean): void {
  const before = isListening(run);
  run.hasRoom = has;
  if (applyListening(run, before)) run.member.wake();
}

/** Pauses or resumes the connection, given whether it was read before. Returns whether reading has resumed. */
function applyListening(run: Run, before: boolean): boolean {
  const now = isListening(run);
  if (now === before) return false;
  run.ackDelay.setListening(now);
  if (now) run.connection.resume();
  else run.connection.pause();
  return now;
}
