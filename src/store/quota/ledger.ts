/**
 * The numbers of quotas: how many bytes the files of each prefix have, and how many more they may have once
 * the puts under way are committed. The ledger uses no store; its callers report the changes.
 */

/** The count of one prefix. */
export interface Tally {
  readonly prefix: string;
  /** Bytes of the files whose names start with it. Valid only once it is `counted`. */
  used: number;
  /** Bytes that the puts and renames under way can add. */
  reserved: number;
  counted: boolean;
}

/** The puts under way to one name. */
interface PendingPuts {
  /** Bytes of the file that has the name now; 0 when none has. */
  currentSize: number;
  /** The sizes of the puts. */
  readonly sizes: number[];
}

export interface QuotaLedger {
  readonly tallies: ReadonlyMap<string, Tally>;
  /** The tallies whose prefix one of the names has. */
  talliesOf(...names: readonly string[]): Tally[];
  /**
   * Follows these prefixes and no others. Returns the tallies that are new: not counted, but with the bytes
   * that are reserved already.
   */
  setPrefixes(prefixes: ReadonlySet<string>): readonly Tally[];
  /** Bytes of the file of that name, if puts to it are under way; else the ledger does not know. */
  sizeOf(name: string): number | undefined;
  /**
   * The most bytes that the name can have after the puts under way.
   *
   * @param size of the current file, unless the ledger knows it.
   */
  maxSizeOf(name: string, size: number): number;
  /**
   * A put begins.
   *
   * @param now bytes of the file that has the name.
   */
  addPut(name: string, now: number, size: number): void;
  /** Such a put has ended, with or without success. */
  removePut(name: string, size: number): void;
  /** The file of that name has this many bytes now. */
  setSize(name: string, size: number): void;
  /** Bytes that a rename can add to a tally of the new name. Negative where the old name frees some. */
  renameNeed(beginRename: RenameSizes, tally: Tally): number;
  /**
   * A rename begins. No other call may begin anything with its two names until it has ended.
   *
   * @returns a function to call once the rename has ended and its result is known.
   */
  beginRename(beginRename: RenameSizes): () => void;
}

/** A rename, and the bytes of the files that have its names before it; 0 where none has. */
export interface RenameSizes {
  readonly from: string;
  readonly to: string;
  readonly moved: number;
  readonly replaced: number;
}

/** It has an entry for each name with puts under way, and one for each quota: the caller bounds both. */
export function createQuotaLedger(): QuotaLedger {
  const tallies = new Map<string, Tally>();
  const pending = new Map<string, PendingPuts>();
  /**
   * The sizes of puts that ended while their name was in a rename, by the name. They are removed after it:
   * the bytes that the rename needs include them, and must stay right until it has ended.
   */
  const endedDuringRename = new Map<string, number[]>();

  const maxOf = (puts: readonly number[], min: number) => {
    let max = min;
    for (const size of puts) max = Math.max(max, size);
    return max;
  };
  // Of several puts to one name one remains, so the largest counts, and not their sum.
  const growth = ({ currentSize, sizes }: PendingPuts) => maxOf(sizes, currentSize) - currentSize;

  const talliesOf = (...names: readonly string[]) =>
    [...tallies.values()].filter(({ prefix }) => names.some((name) => name.startsWith(prefix)));

  const change = (name: string, entry: PendingPuts, act: () => void) => {
    const before = growth(entry);
    act();
    const by = growth(entry) - before;
    if (by !== 0) for (const tally of talliesOf(name)) tally.reserved += by;
  };

  const maxSizeOf = (name: string, size: number) => {
    const entry = pending.get(name);
    return entry === undefined ? size : maxOf(entry.sizes, entry.currentSize);
  };
  const maxPutSizeOf = (name: string, size: number) => maxOf(pending.get(name)?.sizes ?? [], size);

  function removePut(name: string, size: number): void {
    const deferred = endedDuringRename.get(name);
    if (deferred !== undefined) {
      deferred.push(size);
      return;
    }
    const entry = pending.get(name);
    const at = entry?.sizes.indexOf(size) ?? -1;
    if (entry === undefined || at < 0) return;
    change(name, entry, () => entry.sizes.splice(at, 1));
    if (entry.sizes.length === 0) pending.delete(name);
  }

  function renameNeed({ from, to, moved, replaced }: RenameSizes, { prefix }: Tally): number {
    const atNewName = maxPutSizeOf(to, moved) - maxSizeOf(to, replaced);
    return from.startsWith(prefix) ? atNewName - (maxSizeOf(from, moved) - maxPutSizeOf(from, 0)) : atNewName;
  }

  return {
    tallies,
    talliesOf,
    setPrefixes(prefixes) {
      for (const prefix of tallies.keys()) if (!prefixes.has(prefix)) tallies.delete(prefix);
      const added: Tally[] = [];
      for (const prefix of prefixes) {
        if (tallies.has(prefix)) continue;
        let reserved = 0;
        for (const [name, entry] of pending) if (name.startsWith(prefix)) reserved += growth(entry);
        const tally = { prefix, used: 0, reserved, counted: false };
        tallies.set(prefix, tally);
        added.push(tally);
      }
      return added;
    },
    sizeOf: (name) => pending.get(name)?.currentSize,
    maxSizeOf,
    addPut(name, now, size) {
      const entry = pending.get(name) ?? { currentSize: now, sizes: [] };
      pending.set(name, entry);
      change(name, entry, () => entry.sizes.push(size));
    },
    removePut,
    setSize(name, size) {
      const entry = pending.get(name);
      if (entry === undefined) return;
      change(name, entry, () => {
        entry.currentSize = size;
      });
    },
    renameNeed,
    beginRename(move) {
      const names = [move.from, move.to];
      const needs = talliesOf(move.to).map((tally) => ({
        tally,
        need: Math.max(0, renameNeed(move, tally)),
      }));
      for (const { tally, need } of needs) tally.reserved += need;
      for (const name of names) endedDuringRename.set(name, []);
      return () => {
        for (const { tally, need } of needs) tally.reserved -= need;
        for (const name of names) {
          const sizes = endedDuringRename.get(name) ?? [];
          endedDuringRename.delete(name);
          for (const size of sizes) removePut(name, size);
        }
      };
    },
  };
}
