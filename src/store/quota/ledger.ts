/**
 * What quotas are reckoned with: how many bytes the files of each prefix have, and how many more they may have once
 * the puts under way are committed. It knows no store; it is told.
 */

/** The count of one prefix. */
export interface Tally {
  readonly prefix: string;
  /** Bytes of the files whose names start with it. Only once it is `counted`. */
  used: number;
  /** Bytes by which the puts and renames under way can add to that. */
  reserved: number;
  counted: boolean;
}

/** What is expected of a name that puts are under way to. */
interface Expected {
  /** Bytes of the file that has the name now; 0 when none has. */
  size: number;
  /** The sizes of the puts. */
  readonly puts: number[];
}

export interface QuotaLedger {
  readonly tallies: ReadonlyMap<string, Tally>;
  /** The tallies that one of the names belongs to. */
  concerning(...names: readonly string[]): Tally[];
  /** Keeps these tallies and no others. Gives those that are new: not counted, but with what is reserved already. */
  follow(prefixes: ReadonlySet<string>): readonly Tally[];
  /** Bytes of the file of that name, if puts are under way to it; otherwise it is not known here. */
  sizeOf(name: string): number | undefined;
  /** The most that the name can come to have. @param size what it has now, unless that is known. */
  mostOf(name: string, size: number): number;
  /** A put begins. @param now bytes of the file that has the name. */
  expect(name: string, now: number, size: number): void;
  /** Such a put is over, however it ended. */
  forget(name: string, size: number): void;
  /** The file of that name has so many bytes now. */
  sized(name: string, size: number): void;
  /** What a tally that has the new name could come to have more by a rename. Negative where the old name leaves room. */
  needOf(move: Move, tally: Tally): number;
  /**
   * A rename begins; nobody else may begin anything with its two names until it is over.
   *
   * @returns to be called once it is over, and what became of it is known.
   */
  move(move: Move): () => void;
}

/** A rename, and the bytes of the files that have its names before it; 0 where none has. */
export interface Move {
  readonly from: string;
  readonly to: string;
  readonly moved: number;
  readonly replaced: number;
}

/** It has an entry for each name that something is under way to, and one for each quota: both bounded by the caller. */
export function quotaLedger(): QuotaLedger {
  const tallies = new Map<string, Tally>();
  const expected = new Map<string, Expected>();
  /**
   * The sizes of puts that were over while their name was in a rename, by the name. They are forgotten after it: what a
   * rename needs is reckoned with them, and has to stay true until it is over.
   */
  const overMeanwhile = new Map<string, number[]>();

  const largest = (puts: readonly number[], least: number) => {
    let most = least;
    for (const size of puts) most = Math.max(most, size);
    return most;
  };
  // Of several puts to one name one remains, so the largest is what has to be reckoned with, and not their sum.
  const extra = ({ size, puts }: Expected) => largest(puts, size) - size;

  const concerning = (...names: readonly string[]) =>
    [...tallies.values()].filter(({ prefix }) => names.some((name) => name.startsWith(prefix)));

  const change = (name: string, entry: Expected, act: () => void) => {
    const before = extra(entry);
    act();
    const by = extra(entry) - before;
    if (by !== 0) for (const tally of concerning(name)) tally.reserved += by;
  };

  const mostOf = (name: string, size: number) => {
    const entry = expected.get(name);
    return entry === undefined ? size : largest(entry.puts, entry.size);
  };
  const mostWith = (name: string, size: number) => largest(expected.get(name)?.puts ?? [], size);

  function forget(name: string, size: number): void {
    const later = overMeanwhile.get(name);
    if (later !== undefined) {
      later.push(size);
      return;
    }
    const entry = expected.get(name);
    const at = entry?.puts.indexOf(size) ?? -1;
    if (entry === undefined || at < 0) return;
    change(name, entry, () => entry.puts.splice(at, 1));
    if (entry.puts.length === 0) expected.delete(name);
  }

  function needOf({ from, to, moved, replaced }: Move, { prefix }: Tally): number {
    const comes = mostWith(to, moved) - mostOf(to, replaced);
    return from.startsWith(prefix) ? comes - (mostOf(from, moved) - mostWith(from, 0)) : comes;
  }

  return {
    tallies,
    concerning,
    follow(prefixes) {
      for (const prefix of tallies.keys()) if (!prefixes.has(prefix)) tallies.delete(prefix);
      const added: Tally[] = [];
      for (const prefix of prefixes) {
        if (tallies.has(prefix)) continue;
        let reserved = 0;
        for (const [name, entry] of expected) if (name.startsWith(prefix)) reserved += extra(entry);
        const tally = { prefix, used: 0, reserved, counted: false };
        tallies.set(prefix, tally);
        added.push(tally);
      }
      return added;
    },
    sizeOf: (name) => expected.get(name)?.size,
    mostOf,
    expect(name, now, size) {
      const entry = expected.get(name) ?? { size: now, puts: [] };
      expected.set(name, entry);
      change(name, entry, () => entry.puts.push(size));
    },
    forget,
    sized(name, size) {
      const entry = expected.get(name);
      if (entry === undefined) return;
      change(name, entry, () => {
        entry.size = size;
      });
    },
    needOf,
    move(move) {
      const names = [move.from, move.to];
      const needs = concerning(move.to).map((tally) => ({ tally, need: Math.max(0, needOf(move, tally)) }));
      for (const { tally, need } of needs) tally.reserved += need;
      for (const name of names) overMeanwhile.set(name, []);
      return () => {
        for (const { tally, need } of needs) tally.reserved -= need;
        for (const name of names) {
          const sizes = overMeanwhile.get(name) ?? [];
          overMeanwhile.delete(name);
          for (const size of sizes) forget(name, size);
        }
      };
    },
  };
}
