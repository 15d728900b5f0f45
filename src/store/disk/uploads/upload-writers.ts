/**
 * The puts of a disk store that write to an upload, and the order of the calls on one upload.
 *
 * Calls on one key run one at a time, so no other call comes between finding an upload and taking it. A put
 * that writes to one may end at any time; only then does it leave `writers`.
 */
import type { Outcome } from '../../contract.ts';
import type { KeyedLock } from '../../keyed-lock.ts';
import type { Task } from '../../task.ts';
import { keyFault, type UploadLimits } from '../../upload-limits.ts';
import type { UploadFiles } from './open-upload.ts';
import type { CallPurpose, KeyGrant, SharedKeys } from './upload-keys.ts';

/** A put that writes to an upload. */
export interface UploadWriter {
  /**
   * Takes the upload from the put, and waits until it has released it. False when the put ended by itself
   * before.
   */
  take(keep: boolean): Task<boolean>;
  /** The bytes of the upload that it has. */
  readonly written: number;
}

/** The unfinished uploads of an open store. */
export interface UploadsState extends UploadFiles {
  readonly limits: UploadLimits;
  /** Whether the store is closing: long work is then given up. */
  readonly isClosing: () => boolean;
  /** Runs one call on a key at a time. */
  readonly lock: KeyedLock;
  /**
   * The puts that write to an upload, by key. `maxUploads` bounds them, with `stored.known` and `starting`.
   */
  readonly writers: Map<string, UploadWriter>;
  /** The number of calls that run or wait, by key; the calls under way bound it. */
  readonly callsByKey: Map<string, number>;
  /**
   * Keys whose upload is being made or reopened, and which may be neither in `writers` nor in `stored.known`
   * yet.
   */
  readonly starting: Set<string>;
  /** The keys that this store shares with others; undefined when it is alone. */
  readonly shared: SharedKeys | undefined;
}

/** Runs the steps when all earlier calls on that key have ended, those of other stores as well. */
export function* runExclusive<T>(
  uploads: UploadsState,
  key: string,
  purpose: CallPurpose,
  steps: (grant: KeyGrant | undefined) => Task<Outcome<T>>,
): Task<Outcome<T>> {
  const fault = keyFault(key);
  if (fault !== undefined) return fault;
  const { lock, callsByKey } = uploads;
  callsByKey.set(key, (callsByKey.get(key) ?? 0) + 1);
  try {
    return yield* lock.run(key, runGranted(uploads, key, purpose, steps));
  } finally {
    const left = (callsByKey.get(key) ?? 1) - 1;
    if (left === 0) callsByKey.delete(key);
    else callsByKey.set(key, left);
  }
}

export function* runGranted<T>(
  { shared }: UploadsState,
  key: string,
  purpose: CallPurpose,
  steps: (grant: KeyGrant | undefined) => Task<Outcome<T>>,
): Task<Outcome<T>> {
  if (shared === undefined) return yield* steps(undefined);
  const granted = yield* shared.acquire(key, purpose);
  if (!granted.ok) return granted;
  try {
    return yield* steps(granted.value);
  } finally {
    shared.release(key);
  }
}

/** Whether a call that takes long may go on: it gives up when another one waits for its key. */
export const mayContinue = ({ isClosing, callsByKey, shared }: UploadsState, key: string): boolean =>
  !isClosing() && (callsByKey.get(key) ?? 0) <= 1 && shared?.isWanted(key) !== true;

/** Takes the upload from the put that writes to it; returns whether there was such a put. */
export function* takeOver({ writers }: UploadsState, key: string, keep = true): Task<boolean> {
  const writer = writers.get(key);
  return writer !== undefined && (yield* writer.take(keep));
}

/**
 * The uploads that `maxUploads` bounds: stored ones, those with a put, and those that are being opened. Where stores share
 * a root, only those that this one has.
 */
export function countUploads({ stored, writers, starting }: UploadsState): number {
  let known = stored.known.size + writers.size;
  for (const key of starting) if (!stored.known.has(key) && !writers.has(key)) known += 1;
  return known;
}
