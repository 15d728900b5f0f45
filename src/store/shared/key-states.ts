/** What the owner knows of each key, and what follows of it for all of them together. */
import type { Outcome } from '../contract.ts';
import type { CallPurpose } from '../disk/uploads/upload-keys.ts';
import type { Member, Members } from './members.ts';
import type { Granted, StoredUpload, Totals } from './messages.ts';

export interface RegistryTimes {
  /** Milliseconds that a put has to let its upload go, and that it may take to save what a dead process left. */
  readonly freeMs: number;
  /** Milliseconds that a call waits for those before it. */
  readonly waitMs: number;
  /** Milliseconds until something is tried again that could not be done. */
  readonly againMs: number;
  /** Milliseconds for which changes are gathered before all are told of them. */
  readonly tellMs: number;
}

export const REGISTRY_TIMES: RegistryTimes = { freeMs: 10_000, waitMs: 60_000, againMs: 20, tellMs: 100 };

/** A call on a key. */
export interface Waiter {
  readonly member: Member;
  readonly purpose: CallPurpose;
  readonly call: number;
  readonly answer: (outcome: Outcome<Granted>) => void;
}

export interface KeyState {
  /** The member that has a put of the upload. */
  writer: Member | undefined;
  /** The call that has the key, or is about to get it. */
  caller: Waiter | undefined;
  isGranted: boolean;
  /** Whether the call may begin an upload: it counts as one until it is over. */
  isBeginning: boolean;
  stored: (StoredUpload & { readonly bytes: number }) | undefined;
  /** The member that died with the upload in its folder, until that is saved. */
  leftBy: Member | undefined;
  /** In the order in which they came. The calls under way bound them. */
  readonly waiting: Waiter[];
  /** Called when the put lets go, or its process ends. */
  readonly onFreed: (() => void)[];
}

export interface RegistryState {
  readonly members: Members;
  readonly maxUploads: number;
  readonly times: RegistryTimes;
  /** `maxUploads` and the calls under way bound them. */
  readonly keys: Map<string, KeyState>;
  /** The members that died with uploads, while what they had is being saved. */
  readonly rescues: Map<Member, Promise<boolean>>;
  timer: NodeJS.Timeout | undefined;
}

export function keyState({ keys }: RegistryState, key: string): KeyState {
  const known = keys.get(key);
  if (known !== undefined) return known;
  const own: KeyState = {
    writer: undefined,
    caller: undefined,
    isGranted: false,
    isBeginning: false,
    stored: undefined,
    leftBy: undefined,
    waiting: [],
    onFreed: [],
  };
  keys.set(key, own);
  return own;
}

/** Changes what is known of a key, and forgets the key when nothing is. */
export function change(state: RegistryState, key: string, act: (own: KeyState) => void): void {
  const own = keyState(state, key);
  act(own);
  if (own.caller === undefined && !isUpload(own)) state.keys.delete(key);
  noteChange(state);
}

const isUpload = ({ writer, stored, leftBy, isBeginning }: KeyState): boolean =>
  writer !== undefined || stored !== undefined || leftBy !== undefined || isBeginning;

export function countBut({ keys }: RegistryState, but: KeyState | undefined): number {
  let count = 0;
  for (const own of keys.values()) if (own !== but && isUpload(own)) count += 1;
  return count;
}

export function storedBytes({ keys }: RegistryState, without: (key: string) => boolean): number {
  let bytes = 0;
  for (const [key, { stored }] of keys) if (stored !== undefined && !without(key)) bytes += stored.bytes;
  return bytes;
}

/** @param but a member whose own uploads are left out: it knows them better. */
export function totals(state: RegistryState, but?: Member): Totals {
  let count = 0;
  for (const own of state.keys.values()) if (isUpload(own) && !isOf(own, but)) count += 1;
  let bytes = storedBytes(state, (key) => isOf(state.keys.get(key)!, but));
  for (const member of state.members) if (member !== but) bytes += member.activeBytes;
  return { count, bytes };
}

const isOf = ({ writer, caller, isBeginning, stored }: KeyState, member: Member | undefined): boolean =>
  member !== undefined &&
  (writer === member || (isBeginning && stored === undefined && caller?.member === member));

/** All are told soon what the others have. */
export function noteChange(state: RegistryState): void {
  state.timer ??= setTimeout(() => {
    state.timer = undefined;
    for (const member of state.members)
      if (member.isOpen) member.calls().tell('root.totals', totals(state, member));
  }, state.times.tellMs).unref();
}
