/**
 * The counting for quotas, and the changes that have to keep out of its way.
 *
 * While a prefix is counted nothing below it may change, or it would be unknown whether the listing has seen it. So a
 * count waits for the changes under way, and changes wait for the counts they concern.
 */
import { catalogue } from '../../files/protocol/errors.ts';
import type { ListOptions, MaybeAsync, Outcome, Store } from '../contract.ts';
import { okVoid, type RefusedOutcome } from '../outcome.ts';
import { awaitOutcome, run, type Task, together } from '../task.ts';
import type { QuotaLedger, Tally } from './ledger.ts';

export interface QuotaCounts {
  /** Counts a tally, once for all who ask meanwhile. */
  count(tally: Tally): Promise<Outcome<void>>;
  /** Waits until all is counted that a name belongs to. */
  countFault(name: string): Task<RefusedOutcome | undefined>;
  /**
   * Makes a change to what is under the names, which nobody else may change meanwhile.
   *
   * @param record puts it down, when it was made, in the tallies it concerns.
   */
  runChange<T>(
    names: readonly string[],
    change: () => MaybeAsync<T>,
    record: (value: T, tallies: readonly Tally[]) => void,
  ): Task<Outcome<T>>;
}

/** Files that are listed at once when a prefix is counted. */
const PAGE_FILES = 1000;

/** A change under way, and who waits for its end. */
interface Change {
  readonly onEnd: (() => void)[];
}

export function createQuotaCounts(store: Store, ledger: QuotaLedger): QuotaCounts {
  /** The counts under way. */
  const counts = new Map<Tally, Promise<Outcome<void>>>();
  /** Bounded by the calls under way. */
  const changes = new Set<Change>();

  function countOnce(tally: Tally): Promise<Outcome<void>> {
    const underWay = counts.get(tally);
    if (underWay !== undefined) return underWay;
    const counting = Promise.resolve(run(count(tally))).finally(() => counts.delete(tally));
    counts.set(tally, counting);
    // Whoever needs it waits for it and hears; in the background there may be nobody.
    counting.catch(() => {});
    return counting;
  }

  function* count(tally: Tally): Task<Outcome<void>> {
    // Those that began before it was there do not know of it, so it has to see what they did.
    yield* together(
      [...changes].map(
        ({ onEnd }) =>
          (callback) =>
            void onEnd.push(() => callback(null)),
      ),
    );
    let used = 0;
    let options: ListOptions = { prefix: tally.prefix, limit: PAGE_FILES };
    for (;;) {
      const listed = yield* awaitOutcome(store.list(options));
      if (!listed.ok) return listed;
      for (const { size } of listed.value.files) used += size;
      if (listed.value.next === undefined) break;
      options = { ...options, after: listed.value.next };
    }
    tally.used = used;
    tally.counted = true;
    return okVoid;
  }

  function* countFault(name: string): Task<RefusedOutcome | undefined> {
    for (;;) {
      const uncounted = ledger.talliesOf(name).find((tally) => !tally.counted);
      if (uncounted === undefined) return undefined;
      const outcome = yield* awaitOutcome(countOnce(uncounted));
      if (!outcome.ok) return outcome;
    }
  }

  function* runChange<T>(
    names: readonly string[],
    change: () => MaybeAsync<T>,
    record: (value: T, tallies: readonly Tally[]) => void,
  ): Task<Outcome<T>> {
    for (;;) {
      const [counting] = ledger.talliesOf(...names).flatMap((tally) => counts.get(tally) ?? []);
      if (counting === undefined) break;
      yield* awaitOutcome(counting);
    }
    const tallies = ledger.talliesOf(...names);
    const underWay: Change = { onEnd: [] };
    changes.add(underWay);
    let isKnown = false;
    try {
      const outcome = yield* awaitOutcome(change());
      if (outcome.ok) record(outcome.value, tallies);
      isKnown = outcome.ok || changedNothing(outcome);
      return outcome;
    } finally {
      if (!isKnown) yield* remeasure(names, tallies);
      changes.delete(underWay);
      for (const callback of underWay.onEnd) callback();
    }
  }

  /** After a failure that may have come after the change was made. */
  function* remeasure(names: readonly string[], tallies: readonly Tally[]): Task<void> {
    for (const tally of tallies) tally.counted = false;
    for (const name of names) {
      if (ledger.sizeOf(name) === undefined) continue;
      const there = yield* awaitOutcome(store.stat(name));
      ledger.setSize(name, there.ok ? there.value.size : 0);
    }
  }

  return { count: countOnce, countFault, runChange };
}

/** Whether nothing was changed: what is refused for its own sake is refused before. A failing disk fails at any time. */
const changedNothing = ({ error }: RefusedOutcome): boolean =>
  catalogue[error.code].blame === 'peer' || error.code === 'shutting-down';
