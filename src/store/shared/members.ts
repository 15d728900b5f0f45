/** The processes that have joined an owner, as it sees them. */
import type { Calls } from '../../base/calls.ts';
import type { Outcome } from '../contract.ts';
import { err, type RefusedOutcome } from '../outcome.ts';
import { withTimeout } from '../with-timeout.ts';

/** A process that has a store open on the root, or will have. */
export interface Member {
  readonly calls: () => Calls;
  /** The name of its staging folder; undefined until its store is open. */
  folder: string | undefined;
  /** Whether its store is open. */
  isOpen: boolean;
  /** Whether the process has ended. */
  hasLeft: boolean;
  /** Bytes that its puts have of their uploads, as it has said last. */
  activeBytes: number;
}

/** Those that have not left, in the order in which they joined. */
export type Members = ReadonlySet<Member>;

/** The member that does what one has to do: the oldest that has its store open. */
export function keeperOf(members: Members): Member | undefined {
  for (const member of members) if (member.isOpen) return member;
  return undefined;
}

/** Milliseconds after which a process that does not answer is taken to hang. */
const ANSWER_MS = 60_000;

/** Asks a member. A member that is gone, or does not answer, answers with an error. */
export async function ask<T>(
  { calls }: Member,
  name: string,
  argument: unknown,
  milliseconds = ANSWER_MS,
): Promise<Outcome<T>> {
  try {
    return await withTimeout(milliseconds, calls().call<Outcome<T>>(name, argument), memberGone());
  } catch {
    return memberGone();
  }
}

export const memberGone = (): RefusedOutcome =>
  err('unavailable', 'a process of the server has ended, or does not answer; try again');
