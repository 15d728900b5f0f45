/** What bounds the unfinished uploads that a store keeps, and what it knows an upload by. */
import { checkOptions, numberFrom, optional, RECORD } from '../wire/argument.ts';
import { err, type RefusedOutcome } from './outcome.ts';

/** The time of day and the timer by which a store finds unfinished uploads too old; a test may bring its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `work` every so many milliseconds until the result is called. It must not keep the process alive. */
  every(milliseconds: number, work: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

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
  readonly sweepEveryMs: number;
  readonly maxUploads: number;
  readonly clock: Clock;
}

const SECOND_MS = 1000;
const HOUR_MS = 60 * 60 * SECOND_MS;

const UPLOAD_RULES = {
  keepPartial: optional(numberFrom(0)),
  maxUploads: optional(numberFrom(0)),
  clock: optional(RECORD),
};

export function uploadLimits(options: UploadOptions): UploadLimits {
  checkOptions('a store', options, UPLOAD_RULES);
  const { keepPartial = 24 * HOUR_MS, maxUploads = 1000, clock = systemClock } = options;
  return {
    keepPartial,
    maxUploads,
    clock,
    sweepEveryMs: Math.max(SECOND_MS, Math.min(HOUR_MS, keepPartial / 4)),
  };
}

/** Why the store will not have an upload of that key; undefined when it will. Whoever calls has checked already. */
export function keyFault(key: string): RefusedOutcome | undefined {
  const isKey = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,128}$/.test(key);
  return isKey ? undefined : err('bad-request', 'the upload may not be called that', { field: 'upload' });
}

export const tooManyUploads = (max: number): RefusedOutcome =>
  err('too-many-uploads', `it keeps ${max} at most; finish or cancel one, or wait`, { limit: max });

export const badOffset = (offset: number): RefusedOutcome =>
  err('bad-offset', `there are ${offset} bytes of it`, { offset });
