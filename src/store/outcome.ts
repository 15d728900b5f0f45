/** Makes outcomes: values and errors. */
import { type ErrorCode, serviceFault } from '../files/protocol/errors.ts';
import type { Outcome } from './contract.ts';

/** An outcome that is an error. It fits wherever an outcome is expected. */
export type RefusedOutcome = Extract<Outcome<never>, { ok: false }>;

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });

/** The outcome of a call that has no value. */
export const okVoid: Outcome<void> = { ok: true, value: undefined };

/** An error from the catalogue; `why` and `details` as `serviceFault` takes them. */
export const err = (
  code: ErrorCode,
  why?: string,
  details?: Readonly<Record<string, unknown>>,
): RefusedOutcome => ({
  ok: false,
  error: serviceFault(code, why, details),
});
