/**
 * A set whose oldest element is found in constant time, however many older ones were deleted. Whoever uses it says
 * what bounds it.
 *
 * A `Set` alone keeps the places of those that were deleted for a while, and whoever begins at its beginning steps
 * over them each time. An iterator that is kept steps over each place once.
 */

export interface OldestFirst<T> {
  readonly size: number;
  /** Adds it as the newest; one that is in it stays where it is. */
  readonly add: (value: T) => void;
  readonly delete: (value: T) => void;
  readonly oldest: () => T | undefined;
}

export function createOldestFirst<T>(): OldestFirst<T> {
  const values = new Set<T>();
  /** Behind all that were deleted in front, and right behind `oldest`. */
  let places: Iterator<T> | null = null;
  let oldest: T | undefined;
  return {
    get size() {
      return values.size;
    },
    add: (value) => void values.add(value),
    delete(value) {
      values.delete(value);
      if (value === oldest) oldest = undefined;
    },
    oldest() {
      if (oldest !== undefined || values.size === 0) return oldest;
      places ??= values.values();
      const { done, value } = places.next();
      // One that has come to its end finds nothing that is added later.
      if (done) {
        places = values.values();
        oldest = places.next().value;
      } else oldest = value;
      return oldest;
    },
  };
}
