/**
 * A store around a store that enforces quotas: how many bytes the files below each prefix may have.
 *
 * A put reserves the bytes that it may add before its content arrives, and a rename before its file moves; either is
 * refused if the quota has too few left. So the changes made through this store never exceed a quota. The bytes of a
 * prefix are counted once, by listing it, and from then on each change updates the count. During the count, changes
 * below the prefix wait. Changes that other programs make to the files are not noticed until the next start.
 */
import { check, FUNCTION, STORE } from '../../wire/argument.ts';
import type { FileStore, Outcome, Removed, Renamed } from '../contract.ts';
import { ok } from '../outcome.ts';
import { run, type Task } from '../task.ts';
import { putWithinQuotas } from './quota-put.ts';
import {
  createQuotaState,
  currentSize,
  type Quota,
  type QuotaState,
  quotaFault,
  refreshRules,
  rulesFor,
} from './quota-state.ts';

export type { Quota };

/** How much of a quota is used. */
export interface QuotaUse extends Quota {
  /** Bytes of the files; undefined while they are counted. */
  readonly used: number | undefined;
  /** Bytes that the puts and renames under way can add. */
  readonly reserved: number;
}

/** A store that enforces quotas: what `withQuotas` makes. */
export interface QuotaStore extends FileStore {
  /**
   * How much of each quota is used, in the order of the quotas: `used` bytes of files (undefined while they are
   * counted), and `reserved` bytes that the puts and renames under way can add.
   */
  usage(): readonly QuotaUse[];
}

/**
 * Enforces quotas on a store. A put or a rename that would exceed one fails with `quota-exceeded` (`quota`, `used`
 * including the reserved bytes, and `needed`, in bytes); one that adds nothing never does. The bytes of stored
 * unfinished uploads count toward the quota of ''. A put waits until the prefixes of its name are counted; if the
 * listing fails, the put fails with its error.
 *
 * @param quotas asked again for each put and rename, so they may change; a prefix that is new is then counted first.
 * @example
 * const store = withQuotas(memoryStore(), () => [{ prefix: '', bytes: 1e12 }, { prefix: 'alice/', bytes: 1e9 }]);
 */
export function withQuotas(store: FileStore, quotas: () => readonly Quota[]): QuotaStore {
  check('withQuotas: the store', store, STORE);
  check('withQuotas: the quotas', quotas, FUNCTION);
  const state = createQuotaState(store, quotas);
  refreshRules(state);
  return {
    durable: store.durable,
    resume: (upload) => store.resume(upload),
    cancel: (upload) => store.cancel(upload),
    unfinished: () => store.unfinished(),
    open: (name) => store.open(name),
    stat: (name, options) => store.stat(name, options),
    list: (options) => store.list(options),
    close: () => store.close(),
    put: (name, options) => run(putWithinQuotas(state, name, options)),
    remove: (name) => run(removeCounted(state, name)),
    rename: (from, to, options) =>
      from === to ? store.rename(from, to, options) : run(renameWithinQuotas(state, from, to, options)),
    usage: () => usageOf(state),
  };
}

export const usageOf = (state: QuotaState): readonly QuotaUse[] =>
  state.last.rules.map((rule) => useOf(state, rule));

function useOf({ ledger }: QuotaState, rule: Quota): QuotaUse {
  const tally = ledger.tallies.get(rule.prefix);
  return { ...rule, used: tally?.counted ? tally.used : undefined, reserved: tally?.reserved ?? 0 };
}

export const removeCounted = (
  { store, lock, counts, ledger }: QuotaState,
  name: string,
): Task<Outcome<Removed>> =>
  lock.run(
    name,
    counts.runChange(
      [name],
      () => store.remove(name),
      ({ size }, tallies) => {
        for (const tally of tallies) tally.used -= size;
        ledger.setSize(name, 0);
      },
    ),
  );

type RenameOptions = Parameters<FileStore['rename']>[2];

/** @param to another name than `from`. */
export function* renameWithinQuotas(
  state: QuotaState,
  from: string,
  to: string,
  options: RenameOptions,
): Task<Outcome<Renamed>> {
  refreshRules(state);
  // Always in the same order, so that two renames never wait for one another.
  const [first = from, second = to] = [from, to].sort();
  return yield* state.lock.run(first, state.lock.run(second, renameLocked(state, from, to, options)));
}

function* renameLocked(
  state: QuotaState,
  from: string,
  to: string,
  options: RenameOptions,
): Task<Outcome<Renamed>> {
  const { store, counts, ledger } = state;
  const reserved = rulesFor(state, to).length > 0 ? yield* reserveRename(state, from, to) : ok(() => {});
  if (!reserved.ok) return reserved;
  try {
    return yield* counts.runChange(
      [from, to],
      () => store.rename(from, to, options),
      ({ size, replaced }, tallies) => {
        for (const tally of tallies) {
          if (from.startsWith(tally.prefix)) tally.used -= size;
          if (to.startsWith(tally.prefix)) tally.used += size - replaced;
        }
        ledger.setSize(from, 0);
        ledger.setSize(to, size);
      },
    );
  } finally {
    reserved.value();
  }
}

/**
 * Reserves the bytes that a rename may add. The names must not change meanwhile.
 *
 * @returns a function to call when the rename has ended.
 */
function* reserveRename(state: QuotaState, from: string, to: string): Task<Outcome<() => void>> {
  const { ledger, counts } = state;
  const source = yield* currentSize(state, from);
  if (!source.ok) return source;
  const target = yield* currentSize(state, to);
  if (!target.ok) return target;
  const uncounted = yield* counts.countFault(to);
  if (uncounted !== undefined) return uncounted;
  const sizes = { from, to, moved: source.value, replaced: target.value };
  for (const rule of rulesFor(state, to)) {
    const tally = ledger.tallies.get(rule.prefix);
    const fault = tally && quotaFault(state, rule, ledger.renameNeed(sizes, tally));
    if (fault !== undefined) return fault;
  }
  return ok(ledger.beginRename(sizes));
}
