/**
 * The counting for quotas, and the changes that have to keep out of its way.
 *
 * While a prefix is counted nothing below it may change, or it would be unknown whether the listing has seen it. So a
 * count waits for the changes under way, and changes wait for the counts they concern.
 */
import { catalogue } from '../../files/protocol/errors.ts';
import type { ListOptions, MaybeAsync, Outcome, Store } from '../contract.ts';
import { okVoid, type RefusedOutcome } from '../outcome.ts';
import { run, type Task, together, wait } from '../task.ts';
import type { QuotaLedger, Tally } from './ledger.ts';

export interface QuotaCounts {
  /** Counts a tally, once for all who ask meanwhile. */
  count(tally: Tally): Promise<Outcome<void>>;
  /** Waits until all is counted that a name belongs to. */
  whyNotCounted(name: string): Task<RefusedOutcome | undefined>;
  /**
   * Makes a change to what is under the names, which nobody else may change meanwhile.
   *
   * @param settle puts it down, when it was made, in the tallies it concerns.
   */
  change<T>(
    names: readonly string[],
    act: () => MaybeAsync<T>,
    settle: (value: T, tallies: readonly Tally[]) => void,
  ): Task<Outcome<T>>;
}

/** Files that are listed at once when a prefix is counted. */
const page = 1000;

/** A change under way, and who waits for its end. */
interface Change {
  readonly ended: (() => void)[];
}

export function quotaCounts(store: Store, ledger: QuotaLedger): QuotaCounts {
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
        ({ ended }) =>
          (back) =>
            void ended.push(() => back(null)),
      ),
    );
    let used = 0;
    let options: ListOptions = { prefix: tally.prefix, limit: page };
    for (;;) {
      const listed = yield* answered(store.list(options));
      if (!listed.ok) return listed;
      for (const { size } of listed.value.files) used += size;
      if (listed.value.next === undefined) break;
      options = { ...options, after: listed.value.next };
    }
    tally.used = used;
    tally.counted = true;
    return okVoid;
  }

  function* whyNotCounted(name: string): Task<RefusedOutcome | undefined> {
    for (;;) {
      const uncounted = ledger.concerning(name).find((tally) => !tally.counted);
      if (uncounted === undefined) return undefined;
      const outcome = yield* answered(countOnce(uncounted));
      if (!outcome.ok) return outcome;
    }
  }

  function* change<T>(
    names: readonly string[],
    act: () => MaybeAsync<T>,
    settle: (value: T, tallies: readonly Tally[]) => void,
  ): Task<Outcome<T>> {
    for (;;) {
      const [counting] = ledger.concerning(...names).flatMap((tally) => counts.get(tally) ?? []);
      if (counting === undefined) break;
      yield* answered(counting);
    }
    const tallies = ledger.concerning(...names);
    const underWay: Change = { ended: [] };
    changes.add(underWay);
    let isSure = false;
    try {
      const outcome = yield* answered(act());
      if (outcome.ok) settle(outcome.value, tallies);
      isSure = outcome.ok || isUndone(outcome);
      return outcome;
    } finally {
      if (!isSure) yield* findOut(names, tallies);
      changes.delete(underWay);
      for (const go of underWay.ended) go();
    }
  }

  /** After a failure that may have come after the change was made. */
  function* findOut(names: readonly string[], tallies: readonly Tally[]): Task<void> {
    for (const tally of tallies) tally.counted = false;
    for (const name of names) {
      if (ledger.sizeOf(name) === undefined) continue;
      const there = yield* answered(store.stat(name));
      ledger.sized(name, there.ok ? there.value.size : 0);
    }
  }

  return { count: countOnce, whyNotCounted, change };
}

/** Whether nothing was changed: what is refused for its own sake is refused before. A failing disk fails at any time. */
const isUndone = ({ error }: RefusedOutcome): boolean =>
  catalogue[error.code].blame === 'peer' || error.code === 'shutting-down';

/** Waits for an answer, if it is not there at once. */
export function* answered<T>(answer: MaybeAsync<T>): Task<Outcome<T>> {
  if (!(answer instanceof Promise)) return answer;
  return yield* wait<Outcome<T>>((back) => {
    answer.then((outcome) => back(null, outcome), back);
  });
}
