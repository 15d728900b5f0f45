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
   * Notes that a put begins.
   *
   * @param currentSize bytes of the file that has the name.
   */
  addPut(name: string, currentSize: number, size: number): void;
  /** Notes that such a put has ended, with or without success. */
  removePut(name: string, size: number): void;
  /** Notes that the file of that name has this many bytes now. */
  setSize(name: string, size: number): void;
  /** Bytes that a rename can add to a tally of the new name. Negative where the old name frees some. */
  renameNeed(sizes: RenameSizes, tally: Tally): number;
  /**
   * Notes that a rename begins. No other call may begin anything with its two names until it has ended.
   *
   * @returns a function to call once the rename has ended and its result is known.
   */
  beginRename(sizes: RenameSizes): () => void;
}

/** A rename, and the bytes of the files that have its names before it; 0 where none has. */
export interface RenameSizes {
  readonly from: string;
  readonly to: string;
  readonly moved: number;
  readonly replaced: number;
}

interface LedgerState {
  /** By prefix: an entry for each quota, which the caller bounds. */
  readonly tallies: Map<string, Tally>;
  /** By name: an entry for each name with puts under way, which the caller bounds. */
  readonly pending: Map<string, PendingPuts>;
  /**
   * The sizes of puts that ended while their name was in a rename, by the name. They are removed after it:
   * the bytes that the rename needs include them, and must stay right until it has ended.
   */
  readonly endedDuringRename: Map<string, number[]>;
}

export function createQuotaLedger(): QuotaLedger {
  const tallies = new Map<string, Tally>();
  const state: LedgerState = { tallies, pending: new Map(), endedDuringRename: new Map() };
  return {
    tallies,
    talliesOf: (...names) => talliesOf(state, names),
    setPrefixes: (prefixes) => setPrefixes(state, prefixes),
    sizeOf: (name) => state.pending.get(name)?.currentSize,
    maxSizeOf: (name, size) => maxSizeOf(state, name, size),
    addPut: (name, currentSize, size) => addPut(state, name, currentSize, size),
    removePut: (name, size) => removePut(state, name, size),
    setSize: (name, size) => setSize(state, name, size),
    renameNeed: (sizes, tally) => renameNeed(state, sizes, tally),
    beginRename: (sizes) => beginRename(state, sizes),
  };
}

const talliesOf = ({ tallies }: LedgerState, names: readonly string[]): Tally[] =>
  [...tallies.values()].filter(({ prefix }) => names.some((name) => name.startsWith(prefix)));

function setPrefixes({ tallies, pending }: LedgerState, prefixes: ReadonlySet<string>): readonly Tally[] {
  for (const prefix of tallies.keys()) if (!prefixes.has(prefix)) tallies.delete(prefix);
  const added: Tally[] = [];
  for (const prefix of prefixes) {
    if (tallies.has(prefix)) continue;
    let reserved = 0;
    for (const [name, puts] of pending) if (name.startsWith(prefix)) reserved += growth(puts);
    const tally = { prefix, used: 0, reserved, counted: false };
    tallies.set(prefix, tally);
    added.push(tally);
  }
  return added;
}

function addPut(state: LedgerState, name: string, currentSize: number, size: number): void {
  const puts = state.pending.get(name) ?? { currentSize, sizes: [] };
  state.pending.set(name, puts);
  change(state, name, puts, () => puts.sizes.push(size));
}

function removePut(state: LedgerState, name: string, size: number): void {
  const { pending, endedDuringRename } = state;
  const deferred = endedDuringRename.get(name);
  if (deferred !== undefined) {
    deferred.push(size);
    return;
  }
  const puts = pending.get(name);
  const at = puts?.sizes.indexOf(size) ?? -1;
  if (puts === undefined || at < 0) return;
  change(state, name, puts, () => puts.sizes.splice(at, 1));
  if (puts.sizes.length === 0) pending.delete(name);
}

function setSize(state: LedgerState, name: string, size: number): void {
  const puts = state.pending.get(name);
  if (puts === undefined) return;
  change(state, name, puts, () => {
    puts.currentSize = size;
  });
}

/** Changes the puts of a name, and what the tallies have reserved for them. */
function change(state: LedgerState, name: string, puts: PendingPuts, act: () => void): void {
  const before = growth(puts);
  act();
  const by = growth(puts) - before;
  if (by !== 0) for (const tally of talliesOf(state, [name])) tally.reserved += by;
}

/**
 * Bytes that the puts can add. Of several puts to one name one remains, so the largest counts, and not their
 * sum.
 */
const growth = ({ currentSize, sizes }: PendingPuts): number => largest(sizes, currentSize) - currentSize;

function maxSizeOf({ pending }: LedgerState, name: string, size: number): number {
  const puts = pending.get(name);
  return puts === undefined ? size : largest(puts.sizes, puts.currentSize);
}

/** The size of the largest put to the name; at least `min`. */
const maxPutSizeOf = ({ pending }: LedgerState, name: string, min: number): number =>
  largest(pending.get(name)?.sizes ?? [], min);

function largest(sizes: readonly number[], min: number): number {
  let max = min;
  for (const size of sizes) max = Math.max(max, size);
  return max;
}

function renameNeed(
  state: LedgerState,
  { from, to, moved, replaced }: RenameSizes,
  { prefix }: Tally,
): number {
  const atNewName = maxPutSizeOf(state, to, moved) - maxSizeOf(state, to, replaced);
  if (!from.startsWith(prefix)) return atNewName;
  return atNewName - (maxSizeOf(state, from, moved) - maxPutSizeOf(state, from, 0));
}

function beginRename(state: LedgerState, sizes: RenameSizes): () => void {
  const { endedDuringRename } = state;
  const names = [sizes.from, sizes.to];
  const needs = talliesOf(state, [sizes.to]).map((tally) => ({
    tally,
    need: Math.max(0, renameNeed(state, sizes, tally)),
  }));
  for (const { tally, need } of needs) tally.reserved += need;
  for (const name of names) endedDuringRename.set(name, []);
  return () => {
    for (const { tally, need } of needs) tally.reserved -= need;
    for (const name of names) {
      const ended = endedDuringRename.get(name) ?? [];
      endedDuringRename.delete(name);
      for (const size of ended) removePut(state, name, size);
    }
  };
}
