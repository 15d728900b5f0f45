/** Turns what a function of the database has answered into an outcome. */
import type { ErrorCode } from '../../files/protocol/errors.ts';
import { err, type RefusedOutcome } from '../outcome.ts';

/** An answer that is an error: its code, the reason, and further fields. */
export interface FaultAnswer {
  readonly fault: ErrorCode | 'late';
  readonly why?: string | null;
  readonly [detail: string]: unknown;
}

export const isFault = (answer: object): answer is FaultAnswer => 'fault' in answer;

export function refusalOf({ fault, why, ...details }: FaultAnswer): RefusedOutcome {
  if (fault === 'late')
    return err('unavailable', 'S3 took longer than an hour for it, and it could have been swept by now', {
      engine: 's3',
    });
  if (fault === 'quota-exceeded') {
    const { quota, used, needed } = details;
    return err(fault, `of ${quota} bytes ${used} are taken, and ${needed} more are needed`, details);
  }
  return err(fault, why ?? undefined, details);
}
