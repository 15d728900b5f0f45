/** The names that this process has published lately, for lists in other processes that go on with what they have read. */

/** By how much the clock that all processes of a machine have in common is ahead of `performance.now` of this one. */
const CLOCK_AHEAD_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The time on the clock that all processes have in common, of a time of this one's `performance.now`. */
export const commonTime = (time = performance.now()): number => time + CLOCK_AHEAD_MS;

/** The most names that are known of. */
const NAMES_MAX = 16_384;
/** The most names of an answer: with more the folder had better be read again. */
const ANSWER_MAX = 4096;

export interface AddedNames {
  note(name: string): void;
  /** The names below a folder since a time that all have in common; null when it is not known of all. */
  since(folder: string, time: number): readonly string[] | null;
}

export function createAddedNames(): AddedNames {
  /** A ring: the entry at `last` is the newest. */
  const names: string[] = [];
  const times: number[] = [];
  let last = -1;
  /** The time of the last entry that was overwritten. */
  let lostUntil = Number.NEGATIVE_INFINITY;
  return {
    note(name) {
      last = (last + 1) % NAMES_MAX;
      lostUntil = times[last] ?? lostUntil;
      names[last] = name;
      times[last] = commonTime();
    },
    since(folder, time) {
      if (lostUntil >= time) return null;
      const base = folder === '' ? '' : `${folder}/`;
      const found: string[] = [];
      for (let i = 0, at = last; i < names.length && times[at]! >= time; i++) {
        if (names[at]!.startsWith(base)) found.push(names[at]!);
        if (found.length > ANSWER_MAX) return null;
        at = (at + names.length - 1) % names.length;
      }
      return found;
    },
  };
}
