/**
 * What quotas are reckoned with: how many bytes the files of each prefix have, and how many more they may have once
 * the puts under way are committed. It knows no store; it is told.
 */

/** The count of one prefix. */
export interface Tally {
  readonly prefix: string;
  /** Bytes of the files whose names start with it. Only once it is `counted`. */
  used: number;
  /** Bytes by which the puts under way can add to that. */
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
  /** The same once it has `size` bytes. */
  mostWith(name: string, size: number): number;
  /** A put begins. @param now bytes of the file that has the name. */
  expect(name: string, now: number, size: number): void;
  /** Such a put is over, however it ended. */
  forget(name: string, size: number): void;
  /** The file of that name has so many bytes now. */
  sized(name: string, size: number): void;
}

/** It has an entry for each name that a put is under way to, and one for each quota: both bounded by the caller. */
export function quotaLedger(): QuotaLedger {
  const tallies = new Map<string, Tally>();
  const expected = new Map<string, Expected>();

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
    mostOf: (name, size) => {
      const entry = expected.get(name);
      return entry === undefined ? size : largest(entry.puts, entry.size);
    },
    mostWith: (name, size) => largest(expected.get(name)?.puts ?? [], size),
    expect(name, now, size) {
      const entry = expected.get(name) ?? { size: now, puts: [] };
      expected.set(name, entry);
      change(name, entry, () => entry.puts.push(size));
    },
    forget(name, size) {
      const entry = expected.get(name);
      const at = entry?.puts.indexOf(size) ?? -1;
      if (entry === undefined || at < 0) return;
      change(name, entry, () => entry.puts.splice(at, 1));
      if (entry.puts.length === 0) expected.delete(name);
    },
    sized(name, size) {
      const entry = expected.get(name);
      if (entry === undefined) return;
      change(name, entry, () => {
        entry.size = size;
      });
    },
  };
}
