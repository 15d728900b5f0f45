/** How an outcome is made: what went well, what did not. */
import { type ErrorCode, errorInfo } from '../files/protocol/errors.ts';
import type { Outcome } from './contract.ts';

/** A failure by itself: it fits where any outcome is expected. */
export type RefusedOutcome = Extract<Outcome<never>, { ok: false }>;

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });

/** The outcome of what has nothing to tell but that it went well. */
export const okVoid: Outcome<void> = { ok: true, value: undefined };

/** A failure from the catalogue; `why` and `details` as `errorInfo` takes them. */
export const err = (
  code: ErrorCode,
  why?: string,
  details?: Readonly<Record<string, unknown>>,
): RefusedOutcome => ({
  ok: false,
  error: errorInfo(code, why, details),
});
