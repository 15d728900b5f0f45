/** The limits on the unfinished uploads that a store keeps, and the rule for their keys. */
import { numberFrom, optional, RECORD, type RulesFor } from '../wire/argument.ts';
import { err, type RefusedOutcome } from './outcome.ts';

/** The time and the timer by which a store removes old unfinished uploads; a test may pass its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Calls `work` at this interval until the returned function is called. It must not keep the process alive.
   */
  every(milliseconds: number, work: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  every(milliseconds, work) {
    const timer = setInterval(work, milliseconds).unref();
    return () => clearInterval(timer);
  },
};

/** How long, and how many, unfinished uploads a store keeps. All may be left out. */
export interface UploadOptions {
  /**
   * Milliseconds after the last byte for which a store keeps an unfinished upload, from 0; default 24 hours. The store
   * removes older ones when it opens and then every quarter of that time, but at least every hour and at most every
   * second.
   */
  readonly keepPartial?: number;
  /**
   * The most unfinished uploads at once, active and stored ones together, from 0; default 1,000. One more is
   * `too-many-uploads`.
   */
  readonly maxUploads?: number;
  /** Another clock, for tests; default the system's. */
  readonly clock?: Clock;
}

export interface UploadLimits {
  /** Milliseconds. */
  readonly keepPartial: number;
  /** Milliseconds between two searches for old uploads. */
  readonly sweepEveryMs: number;
  readonly maxUploads: number;
  readonly clock: Clock;
}

const SECOND_MS = 1000;
const HOUR_MS = 60 * 60 * SECOND_MS;

export const UPLOAD_RULES: RulesFor<UploadOptions> = {
  keepPartial: optional(numberFrom(0)),
  maxUploads: optional(numberFrom(0)),
  clock: optional(RECORD),
};

export function uploadLimits(options: UploadOptions): UploadLimits {
  const { keepPartial = 24 * HOUR_MS, maxUploads = 1000, clock = systemClock } = options;
  return {
    keepPartial,
    maxUploads,
    clock,
    sweepEveryMs: Math.max(SECOND_MS, Math.min(HOUR_MS, keepPartial / 4)),
  };
}

/**
 * The error when a store does not accept this upload key; undefined when it does. The caller has checked it
 * already.
 */
export function keyFault(key: string): RefusedOutcome | undefined {
  const isKey = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,128}$/.test(key);
  return isKey ? undefined : err('bad-request', 'the upload may not be called that', { field: 'upload' });
}

export const tooManyUploads = (max: number): RefusedOutcome =>
  err('too-many-uploads', `it keeps ${max} at most; finish or cancel one, or wait`, { limit: max });

export const badOffset = (offset: number): RefusedOutcome =>
  err('bad-offset', `there are ${offset} bytes of it`, { offset });
