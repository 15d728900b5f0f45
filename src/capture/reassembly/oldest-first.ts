/**
 * A set whose oldest element is found in constant time, however many older ones were deleted. The caller bounds it.
 *
 * A plain `Set` keeps the slots of deleted elements for a while, and a new iterator steps over them each time. An
 * iterator that is kept steps over each slot once.
 */

export interface OldestFirst<T> {
  readonly size: number;
  /** Adds a value as the newest; a value that is in the set keeps its place. */
  readonly add: (value: T) => void;
  readonly delete: (value: T) => void;
  readonly oldest: () => T | undefined;
}

export function createOldestFirst<T>(): OldestFirst<T> {
  const values = new Set<T>();
  /** Stands behind all slots that were deleted in front, and right behind `oldest`. */
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
      // An iterator at its end does not see values that are added later.
      if (done) {
        places = values.values();
        oldest = places.next().value;
      } else oldest = value;
      return oldest;
    },
  };
}
