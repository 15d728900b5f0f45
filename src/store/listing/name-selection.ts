/**
 * Collects the first names after each of several positions, from names in any order, in bounded memory.
 *
 * When the names become too many, the last ones are dropped: the rest is complete as far as it goes.
 */
import { createSortedNames, lastNotAfter, type SortedNames } from './sorted-names.ts';

/** All names from `from` to before `to`, of those that exist; to the end where there is no `to`. */
export interface NameRange {
  readonly from: string;
  readonly to: string | undefined;
  readonly names: SortedNames;
}

export interface NameSelection {
  readonly bytes: number;
  /** Whether a name would be kept. */
  wants(name: string): boolean;
  /** Takes a name that is wanted. */
  add(name: string): void;
  /** Drops names until at most this many bytes are left, or one block for each position. */
  fitInto(bytes: number): void;
  /** The collected names, in order; the ranges do not overlap. */
  ranges(): readonly NameRange[];
}

/**
 * @param positions positions from which names are wanted; at least one, each once.
 * @param blockNamesMax the most names that are dropped together.
 */
export function createNameSelection(positions: readonly string[], blockNamesMax: number): NameSelection {
  const starts = positions.toSorted();
  const ranges = starts.map((from, i) => ({
    from,
    to: starts[i + 1],
    names: createSortedNames(blockNamesMax),
  }));
  const rangeOf = (name: string) => ranges[lastNotAfter(name, ranges.length, (i) => ranges[i]!.from)]!;
  const bytes = () => ranges.reduce((sum, { names }) => sum + names.bytes, 0);

  return {
    get bytes() {
      return bytes();
    },
    wants(name) {
      const { from, to } = rangeOf(name);
      return from <= name && (to === undefined || name < to);
    },
    add: (name) => rangeOf(name).names.add(name),
    fitInto(bytesMax) {
      const small = new Set<NameRange>();
      while (bytes() > bytesMax && small.size < ranges.length) {
        const large = ranges
          .filter((range) => !small.has(range))
          .reduce((a, b) => (b.names.bytes > a.names.bytes ? b : a));
        const dropped = large.names.dropLast();
        if (dropped === undefined) small.add(large);
        else large.to = dropped;
      }
    },
    ranges: () => ranges,
  };
}
