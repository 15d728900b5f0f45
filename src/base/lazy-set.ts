/**
 * Sets in which mostly nothing is, of which a record has several: an empty one takes as much memory as one with four
 * values. So all that nothing was added to are one set, to which nothing is ever added.
 */
export type LazySet<T> = ReadonlySet<T>;

export const EMPTY_SET: LazySet<never> = new Set<never>();

/** Adds a value. Returns the set that has it from now on. */
export function addTo<T>(set: LazySet<T>, value: T): LazySet<T> {
  if (set === EMPTY_SET) return new Set([value]);
  (set as Set<T>).add(value);
  return set;
}

/** Removes a value, and returns whether it was there. */
export const deleteFrom = <T>(set: LazySet<T>, value: T): boolean => (set as Set<T>).delete(value);
