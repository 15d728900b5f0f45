/**
 * Counts the bytes of prefixes for quotas, and delays the changes that would disturb a count.
 *
 * While a prefix is counted nothing below it may change, or it would be unknown whether the listing includes
 * the change. So a count waits for the changes under way, and changes wait for the counts of their prefixes.
 */
import { catalogue } from '../../files/protocol/errors.ts';
import type { FileStore, ListOptions, MaybeAsync, Outcome } from '../contract.ts';
import { okVoid, type RefusedOutcome } from '../outcome.ts';
import { awaitOutcome, run, type Start, type Task, together } from '../task.ts';
import type { QuotaLedger, Tally } from './ledger.ts';

export interface QuotaCounts {
  /** Counts a tally; concurrent callers share one count. */
  count(tally: Tally): Promise<Outcome<void>>;
  /** Waits until every prefix of a name is counted; returns the error if that fails. */
  countFault(name: string): Task<RefusedOutcome | undefined>;
  /**
   * Makes a change to the files of these names. No other call may change them meanwhile.
   *
   * @param record enters the change, after it was made, in the tallies of the names.
   */
  runChange<T>(
    names: readonly string[],
    change: () => MaybeAsync<T>,
    record: (value: T, tallies: readonly Tally[]) => void,
  ): Task<Outcome<T>>;
}

/** Files of a page when a prefix is counted. */
const PAGE_FILES = 1000;

/** A change under way, and the counts that wait for its end. */
interface Change {
  readonly onEnd: (() => void)[];
}

type CountedStore = Pick<FileStore, 'list' | 'stat'>;

interface CountsState {
  readonly store: CountedStore;
  readonly ledger: QuotaLedger;
  /** The counts under way; at most one for each quota. */
  readonly counts: Map<Tally, Promise<Outcome<void>>>;
  /** The changes under way; the calls under way bound it. */
  readonly changes: Set<Change>;
}

export function createQuotaCounts(store: CountedStore, ledger: QuotaLedger): QuotaCounts {
  const state: CountsState = { store, ledger, counts: new Map(), changes: new Set() };
  return {
    count: (tally) => countOnce(state, tally),
    countFault: (name) => countFault(state, name),
    runChange: (names, change, record) => runChange(state, names, change, record),
  };
}

function countOnce(state: CountsState, tally: Tally): Promise<Outcome<void>> {
  const { counts } = state;
  const underWay = counts.get(tally);
  if (underWay !== undefined) return underWay;
  const counting = Promise.resolve(run(count(state, tally))).finally(() => counts.delete(tally));
  counts.set(tally, counting);
  // A call that needs the count gets its error; in the background there may be no such call.
  counting.catch(() => {});
  return counting;
}

function* count({ store, changes }: CountsState, tally: Tally): Task<Outcome<void>> {
  // Changes that began before the tally existed do not record themselves in it, so the count must include
  // them.
  yield* together([...changes].map(endOf));
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

/** Waits for the end of a change. */
const endOf =
  ({ onEnd }: Change): Start =>
  (callback) =>
    void onEnd.push(() => callback(null));

function* countFault(state: CountsState, name: string): Task<RefusedOutcome | undefined> {
  for (;;) {
    const uncounted = state.ledger.talliesOf(name).find((tally) => !tally.counted);
    if (uncounted === undefined) return undefined;
    const outcome = yield* awaitOutcome(countOnce(state, uncounted));
    if (!outcome.ok) return outcome;
  }
}

function* runChange<T>(
  state: CountsState,
  names: readonly string[],
  change: () => MaybeAsync<T>,
  record: (value: T, tallies: readonly Tally[]) => void,
): Task<Outcome<T>> {
  const { ledger, counts, changes } = state;
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
    if (!isKnown) yield* remeasure(state, names, tallies);
    changes.delete(underWay);
    for (const callback of underWay.onEnd) callback();
  }
}

/** Corrects the numbers after an error that may have come after the change was made. */
function* remeasure(
  { store, ledger }: CountsState,
  names: readonly string[],
  tallies: readonly Tally[],
): Task<void> {
  for (const tally of tallies) tally.counted = false;
  for (const name of names) {
    if (ledger.sizeOf(name) === undefined) continue;
    const stat = yield* awaitOutcome(store.stat(name));
    ledger.setSize(name, stat.ok ? stat.value.size : 0);
  }
}

/**
 * Whether the error means that nothing was changed: a refusal comes before a change. A failing disk can fail
 * at any time.
 */
const changedNothing = ({ error }: RefusedOutcome): boolean =>
  catalogue[error.code].blame === 'peer' || error.code === 'shutting-down';
