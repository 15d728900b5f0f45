/**
 * Changes that are recorded in a log: see `store/changes/change-log.ts`. The log is asked before a call gets a place among
 * those that have folders open: a change that waits for another one of its name must not keep that one from its place.
 */
import type { ChangeRecorder, Intent, Settlement, Ticket } from '../changes/change-log.ts';
import type { Outcome } from '../contract.ts';
import type { RefusedOutcome } from '../outcome.ts';
import { awaitOutcome, type Task } from '../task.ts';

/** The turn of a change at its names. */
export interface ChangeTurn {
  /** Records what is to happen, and waits until that is durable. The error when it must not happen. */
  begin(intent: Intent): Task<RefusedOutcome | undefined>;
}

/**
 * Makes a change of names whose files are not known yet. It begins its turn at the last moment before the change.
 *
 * A change that fails behind that may have happened all the same: the log asks the file system.
 */
export function* changeInTurn<T>(
  changes: ChangeRecorder,
  names: readonly string[],
  change: (turn: ChangeTurn) => Task<Outcome<T>>,
): Task<Outcome<T>> {
  const claimed = yield* awaitOutcome(changes.claim(names));
  if (!claimed.ok) return claimed;
  let settlement: Settlement = 'did-not';
  const turn: ChangeTurn = {
    *begin(intent) {
      const begun = yield* awaitOutcome(changes.begin(intent, claimed.value));
      if (!begun.ok) return begun;
      settlement = 'unknown';
      return undefined;
    },
  };
  try {
    const outcome = yield* change(turn);
    if (outcome.ok) settlement = 'happened';
    return outcome;
  } finally {
    void changes.settle(claimed.value, settlement);
  }
}

/**
 * Makes a change that the log has begun to record.
 *
 * @param prepare runs while the log waits for the disk, and may wait for it, too.
 * @param change runs when both are done.
 */
export function* changeBegun<P, T>(
  changes: ChangeRecorder,
  beginning: Promise<Outcome<Ticket>>,
  prepare: Task<P>,
  change: (prepared: P) => Task<Outcome<T>>,
): Task<Outcome<T>> {
  let settlement: Settlement = 'did-not';
  try {
    const prepared = yield* prepare;
    const begun = yield* awaitOutcome(beginning);
    if (!begun.ok) return begun;
    settlement = 'unknown';
    const outcome = yield* change(prepared);
    if (outcome.ok) settlement = 'happened';
    return outcome;
  } finally {
    void endBegun(changes, beginning, settlement);
  }
}

async function endBegun(
  changes: ChangeRecorder,
  beginning: Promise<Outcome<Ticket>>,
  settlement: Settlement,
): Promise<void> {
  const begun = await beginning.catch(() => undefined);
  if (begun?.ok) await changes.settle(begun.value, settlement);
}
