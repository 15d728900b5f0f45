/** Has an upload let go: by the put of another process, or by a process that died with it. */
import type { Outcome } from '../contract.ts';
import type { CallPurpose } from '../disk/uploads/upload-keys.ts';
import { err, ok } from '../outcome.ts';
import { withTimeout } from '../with-timeout.ts';
import { change, type KeyState, type RegistryState } from './key-states.ts';
import { ask, type Member } from './members.ts';
import type { GiveUp } from './messages.ts';

/**
 * Has an upload let go by the put of another process, and what a dead process left of it saved.
 *
 * @returns whether a put had it.
 */
export async function freeFor(
  state: RegistryState,
  key: string,
  own: KeyState,
  member: Member,
  purpose: CallPurpose,
): Promise<Outcome<boolean>> {
  if (purpose === 'look') return ok(false);
  const { freeMs, againMs } = state.times;
  const giveUpAt = performance.now() + freeMs;
  let wasTaken = false;
  for (let left = freeMs; left > 0; left = giveUpAt - performance.now()) {
    const { writer, leftBy } = own;
    if (leftBy !== undefined) {
      if (!(await withTimeout(left, rescue(state, leftBy), false))) await pause(againMs);
      continue;
    }
    if (writer === undefined || writer === member) return ok(wasTaken);
    const about: GiveUp = { key, keep: purpose !== 'cancel' };
    const given = await ask<boolean>(writer, 'root.giveUp', about, left);
    if (given.ok) {
      wasTaken ||= given.value;
      if (own.writer === writer) own.writer = undefined;
    } else await freedWithin(own, againMs);
  }
  return err('unavailable', 'the process that has this upload does not let it go');
}

/** Waits until the put has let go or its process has ended, but not for long. */
function freedWithin(own: KeyState, milliseconds: number): Promise<void> {
  return withTimeout(milliseconds, new Promise<void>((resolve) => own.onFreed.push(resolve)), undefined);
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds).unref());

export function free(own: KeyState): void {
  own.writer = undefined;
  for (const callback of own.onFreed.splice(0)) callback();
}

/** Has another process save what a dead one has left; answers whether that is done. */
export function rescue(state: RegistryState, dead: Member): Promise<boolean> {
  const underWay = state.rescues.get(dead);
  if (underWay !== undefined) return underWay;
  const rescuing = rescueOnce(state, dead).finally(() => state.rescues.delete(dead));
  state.rescues.set(dead, rescuing);
  return rescuing;
}

async function rescueOnce(state: RegistryState, dead: Member): Promise<boolean> {
  if (dead.folder === undefined) return true;
  for (const member of state.members) {
    if (!member.isOpen) continue;
    const done = await ask<boolean>(member, 'root.rescue', dead.folder, state.times.freeMs);
    if (!done.ok) continue;
    if (done.value) noteRescued(state, dead);
    return done.value;
  }
  return false;
}

function noteRescued(state: RegistryState, dead: Member): void {
  for (const [key, own] of state.keys)
    if (own.leftBy === dead) {
      change(state, key, () => {
        own.leftBy = undefined;
      });
    }
}
