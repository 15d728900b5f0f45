/**
 * Room for incomplete messages.
 *
 * What has come of a message costs credit. The first bytes need nothing else. A message that has more waits for room:
 * one of the slots that all connections share, each as large as a message may be. So incomplete messages never use up
 * the budget, and those that have room can always be completed. A peer that does not complete one is late (see
 * `timeouts`). A message waits for room only when all before it is reduced: else it could hold a room that others need for
 * as long as the actor takes nothing.
 */
import { acceptsPeer } from './events.ts';
import { pause, setHasRoom } from './pause.ts';
import type { Run } from './run.ts';

/** The bytes of a room at least: an actor may use any codec that keeps no more. */
export const ROOM_BYTES_LEAST: number = 64 * 1024;
/** The bytes of an incomplete message that need no room. */
const UNROOMED_BYTES = 4 * 1024;
/** The most that the bytes of an incomplete message cost: those beyond have room. */
export const PARTIAL_COST_MAX: number = 2 * UNROOMED_BYTES;

/** @param held the bytes that the decoder keeps of an incomplete message now. */
export function chargePartial(run: Run, held: number): void {
  run.partialBytes = held;
  const credit = Math.min(held, PARTIAL_COST_MAX);
  const more = credit - run.partialCredit;
  run.partialCredit = credit;
  if (more > 0) run.window.charge(more);
  else if (more < 0) run.window.credit(-more);
  if (held <= UNROOMED_BYTES) releaseRoom(run);
}

/** Whether the incomplete message may grow: it is short, or has room. It is called when all before it is reduced. */
export function hasRoomFor(run: Run): boolean {
  if (run.partialBytes <= UNROOMED_BYTES) return true;
  if (run.cancelRoom === null && acceptsPeer(run)) acquireRoom(run);
  return run.hasRoom;
}

function acquireRoom(run: Run): void {
  let isGranted = false;
  run.cancelRoom = run.room.acquire(() => {
    isGranted = true;
    setHasRoom(run, true);
    pause(run, 'room', false);
  });
  if (!isGranted) pause(run, 'room', true);
}

function releaseRoom(run: Run): void {
  const cancel = run.cancelRoom;
  if (cancel === null) return;
  run.cancelRoom = null;
  cancel();
  if (run.hasRoom) setHasRoom(run, false);
  pause(run, 'room', false);
}
