/** What bounds the unfinished uploads that a store keeps, and what it knows an upload by. */
import { checkOptions, numberFrom, optional, RECORD } from '../wire/argument.ts';
import { type Clock, systemClock } from './clock.ts';
import { err, type RefusedOutcome } from './outcome.ts';

export interface UploadOptions {
  /**
   * For how many milliseconds after the last byte an unfinished upload is kept that nobody goes on with; default 24
   * hours. It is looked for when the store opens, and then every quarter of that time, but at least every hour and at
   * most every second.
   */
  readonly keepPartial?: number;
  /** Unfinished uploads at once, under way and kept together; default 1,000. One more is `too-many-uploads`. */
  readonly maxUploads?: number;
  /** Another clock, for tests. */
  readonly clock?: Clock;
}

export interface UploadLimits {
  /** Milliseconds. */
  readonly keepPartial: number;
  /** How often to look for those that are too old, in milliseconds. */
  readonly lookEvery: number;
  readonly maxUploads: number;
  readonly clock: Clock;
}

const second = 1000;
const hour = 60 * 60 * second;

const UPLOAD_RULES = {
  keepPartial: optional(numberFrom(0)),
  maxUploads: optional(numberFrom(0)),
  clock: optional(RECORD),
};

export function uploadLimits(options: UploadOptions): UploadLimits {
  checkOptions('a store', options, UPLOAD_RULES);
  const { keepPartial = 24 * hour, maxUploads = 1000, clock = systemClock } = options;
  return { keepPartial, maxUploads, clock, lookEvery: Math.max(second, Math.min(hour, keepPartial / 4)) };
}

/** Why the store will not have an upload of that key; undefined when it will. Whoever calls has checked already. */
export function refusedKey(key: string): RefusedOutcome | undefined {
  const isKey = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,128}$/.test(key);
  return isKey ? undefined : err('bad-request', 'the upload may not be called that', { field: 'upload' });
}

export const tooManyUploads = (most: number): RefusedOutcome =>
  err('too-many-uploads', `it keeps ${most} at most; finish or cancel one, or wait`, { limit: most });

export const badOffset = (offset: number): RefusedOutcome =>
  err('bad-offset', `there are ${offset} bytes of it`, { offset });
