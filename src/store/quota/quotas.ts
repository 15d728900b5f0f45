/**
 * A store around a store that holds it to quotas: how many bytes the files below each prefix may have.
 *
 * A put reserves what it may add before its content comes, and a rename before its file moves; either is refused if
 * there is no room for it. So the files never come to more than a quota by what goes through here. What a prefix has is
 * counted once, by listing it, and from then on kept by the changes themselves. While it is counted, changes below it
 * wait. What others do to the same files by other means is not noticed until the next start.
 */
import { check, FUNCTION, STORE } from '../../wire/argument.ts';
import type { MaybeAsync, Outcome, PutOptions, Removed, Renamed, Sink, Store } from '../contract.ts';
import { totalBytes } from '../disk/disk-io.ts';
import { createKeyedLock } from '../keyed-lock.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { awaitOutcome, run, type Task } from '../task.ts';
import { createQuotaCounts } from './counts.ts';
import { createQuotaLedger } from './ledger.ts';

export interface Quota {
  /** What the names start with that it is for; '' for all of the store. */
  readonly prefix: string;
  /** How many bytes their files may have together. */
  readonly bytes: number;
}

/** How much of a quota is taken. */
export interface QuotaUse extends Quota {
  /** Bytes of the files there are; undefined while they are counted. */
  readonly used: number | undefined;
  /** Bytes that the puts and renames under way can add to that. */
  readonly reserved: number;
}

export interface QuotaStore extends Store {
  usage(): readonly QuotaUse[];
}

/**
 * Holds a store to quotas. A put or a rename that would exceed one fails with `quota-exceeded` (`quota`, `used` with what
 * is reserved, and `needed`, in bytes); one that adds nothing never does. The bytes of unfinished uploads that are kept
 * count toward the quota of ''. A put waits until the prefixes of its name were counted, and fails as the listing does
 * if that fails.
 *
 * @param quotas asked again for each put and rename, so they may change; a prefix that is new is then counted first.
 * @example
 * const store = withQuotas(disk, () => [{ prefix: '', bytes: 1e12 }, { prefix: 'alice/', bytes: 1e9 }]);
 */
export function withQuotas(store: Store, quotas: () => readonly Quota[]): QuotaStore {
  check('withQuotas: the store', store, STORE);
  check('withQuotas: the quotas', quotas, FUNCTION);
  const ledger = createQuotaLedger();
  const lock = createKeyedLock();
  const counts = createQuotaCounts(store, ledger);
  /** The uploads that puts of ours hold, by their keys, and how many bytes each has. */
  const held = new Map<string, { bytes: number }>();
  let rules: readonly Quota[] = [];

  function askForRules(): void {
    const now = quotas();
    if (now === rules) return;
    rules = now;
    for (const tally of ledger.setPrefixes(new Set(rules.map(({ prefix }) => prefix))))
      void counts.count(tally);
  }

  const rulesFor = (name: string) => rules.filter(({ prefix }) => name.startsWith(prefix));

  /** The bytes of the file of that name, 0 when there is none; a failure when there never can be one. */
  function* sizeOf(name: string): Task<Outcome<number>> {
    const known = ledger.sizeOf(name);
    if (known !== undefined) return ok(known);
    const there = yield* awaitOutcome(store.stat(name));
    if (there.ok) return ok(there.value.size);
    const isFinal = there.error.code === 'bad-filename' || there.error.code === 'shutting-down';
    return isFinal ? there : ok(0);
  }

  /**
   * Bytes of unfinished uploads that no put of ours holds (those are reserved for already), nor the one that is about to.
   */
  function keptBytes({ upload, offset = 0 }: Partial<PutOptions>): number {
    let bytes = store.unfinished().bytes;
    for (const part of held.values()) bytes -= part.bytes;
    if (upload !== undefined && !held.has(upload)) bytes -= offset;
    return Math.max(0, bytes);
  }

  function whyNotMore({ prefix, bytes }: Quota, needed: number, options: Partial<PutOptions> = {}) {
    const tally = ledger.tallies.get(prefix);
    if (tally === undefined || needed <= 0) return undefined;
    const used = tally.used + tally.reserved + (prefix === '' ? keptBytes(options) : 0);
    if (used + needed <= bytes) return undefined;
    const why = `of ${bytes} bytes ${used} are taken, and ${needed} more are needed`;
    return err('quota-exceeded', why, { quota: bytes, used, needed });
  }

  /** Reserves what a put may add. Nothing may change the name meanwhile. */
  function* reserve(name: string, options: PutOptions): Task<Outcome<void>> {
    const now = yield* sizeOf(name);
    if (!now.ok) return now;
    const uncounted = yield* counts.countFault(name);
    if (uncounted !== undefined) return uncounted;
    const needed = options.size - ledger.maxSizeOf(name, now.value);
    for (const rule of rulesFor(name)) {
      const refusal = whyNotMore(rule, needed, options);
      if (refusal !== undefined) return refusal;
    }
    ledger.addPut(name, now.value, options.size);
    return okVoid;
  }

  function* put(name: string, options: PutOptions): Task<Outcome<Sink>> {
    askForRules();
    const isReserved = rulesFor(name).length > 0;
    if (isReserved) {
      const reserved = yield* lock.run(name, reserve(name, options));
      if (!reserved.ok) return reserved;
    }
    let isOver = false;
    const part = { bytes: options.offset ?? 0 };
    const { upload, taken } = options;
    const over = () => {
      if (isOver) return;
      isOver = true;
      if (isReserved) ledger.removePut(name, options.size);
      if (upload !== undefined && held.get(upload) === part) held.delete(upload);
    };
    const told = () => {
      over();
      taken?.();
    };
    const sink = yield* answeredOr(over, () =>
      store.put(name, upload === undefined ? options : { ...options, taken: told }),
    );
    if (!sink.ok) return sink;
    if (upload !== undefined && !isOver) held.set(upload, part);
    return ok(watched(sink.value, name, part, over));
  }

  function watched(sink: Sink, name: string, part: { bytes: number }, over: () => void): Sink {
    return {
      write(chunks) {
        part.bytes += totalBytes(chunks);
        return run(answeredOr(over, () => sink.write(chunks)));
      },
      sync: () => run(answeredOr(over, () => sink.sync())),
      commit: () => run(committed()),
      abort() {
        const aborted = sink.abort();
        if (aborted instanceof Promise) return aborted.finally(over);
        return over();
      },
    };

    function* committed() {
      try {
        return yield* lock.run(
          name,
          counts.runChange(
            [name],
            () => sink.commit(),
            ({ size, replaced }, tallies) => {
              for (const tally of tallies) tally.used += size - replaced;
              ledger.setSize(name, size);
            },
          ),
        );
      } finally {
        over();
      }
    }
  }

  const remove = (name: string): Task<Outcome<Removed>> =>
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

  type RenameOptions = Parameters<Store['rename']>[2];

  function* rename(from: string, to: string, options: RenameOptions): Task<Outcome<Renamed>> {
    askForRules();
    const [first = from, second = to] = [from, to].sort();
    return yield* lock.run(first, lock.run(second, renameAlone(from, to, options)));
  }

  function* renameAlone(from: string, to: string, options: RenameOptions): Task<Outcome<Renamed>> {
    const begun = rulesFor(to).length > 0 ? yield* beginMove(from, to) : ok(() => {});
    if (!begun.ok) return begun;
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
      begun.value();
    }
  }

  /** Reserves what a rename may add. Gives what is to be called when it is over. Nothing may change the names meanwhile. */
  function* beginMove(from: string, to: string): Task<Outcome<() => void>> {
    const source = yield* sizeOf(from);
    if (!source.ok) return source;
    const target = yield* sizeOf(to);
    if (!target.ok) return target;
    const uncounted = yield* counts.countFault(to);
    if (uncounted !== undefined) return uncounted;
    const move = { from, to, moved: source.value, replaced: target.value };
    for (const rule of rulesFor(to)) {
      const tally = ledger.tallies.get(rule.prefix);
      const refusal = tally && whyNotMore(rule, ledger.renameNeed(move, tally));
      if (refusal !== undefined) return refusal;
    }
    return ok(ledger.beginRename(move));
  }

  askForRules();

  return {
    durable: store.durable,
    resume: (upload) => store.resume(upload),
    cancel: (upload) => store.cancel(upload),
    unfinished: () => store.unfinished(),
    open: (name) => store.open(name),
    stat: (name) => store.stat(name),
    list: (options) => store.list(options),
    close: () => store.close(),
    put: (name, options) => run(put(name, options)),
    remove: (name) => run(remove(name)),
    rename: (from, to, options) =>
      from === to ? store.rename(from, to, options) : run(rename(from, to, options)),
    usage: () =>
      rules.map((rule) => {
        const tally = ledger.tallies.get(rule.prefix);
        return { ...rule, used: tally?.counted ? tally.used : undefined, reserved: tally?.reserved ?? 0 };
      }),
  };
}

/** @param over is called when the answer is a failure, or a bug. */
function* answeredOr<T>(over: () => void, ask: () => MaybeAsync<T>): Task<Outcome<T>> {
  let isOk = false;
  try {
    const outcome = yield* awaitOutcome(ask());
    isOk = outcome.ok;
    return outcome;
  } finally {
    if (!isOk) over();
  }
}
