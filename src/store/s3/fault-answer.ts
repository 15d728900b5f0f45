/** Turns what a function of the database has answered into an outcome. */
import type { ErrorCode } from '../../files/protocol/errors.ts';
import { err, type RefusedOutcome } from '../outcome.ts';
import { EngineFault } from './engine-fault.ts';

/** An answer that is an error: its code, the reason, and further fields. */
export interface FaultAnswer {
  readonly fault: ErrorCode | 'late';
  readonly why?: string | null;
  readonly [detail: string]: unknown;
}

/** Why a segment cannot be named any more. */
export const LATE = 'took longer than an hour for some bytes, and they could have been swept by now';

export const isFault = (answer: object): answer is FaultAnswer => 'fault' in answer;

export function refusalOf({ fault, why, ...details }: FaultAnswer): RefusedOutcome {
  if (fault === 'late') return new EngineFault('s3', LATE).refusal;
  if (fault === 'quota-exceeded') {
    const { quota, used, needed } = details;
    return err(fault, `of ${quota} bytes ${used} are taken, and ${needed} more are needed`, details);
  }
  return err(fault, why ?? undefined, details);
}
