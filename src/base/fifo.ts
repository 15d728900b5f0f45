/**
 * A first-in, first-out queue that takes its first value in constant time: `Array.shift` moves all others.
 *
 * It is not bounded. Each file that creates one says what bounds it.
 */

export interface Fifo<T> extends Iterable<T> {
  readonly length: number;
  readonly push: (value: T) => void;
  readonly first: () => T | undefined;
  readonly shift: () => T | undefined;
  /** Puts another value in the place of the first. */
  readonly replaceFirst: (value: T) => void;
  readonly clear: () => void;
}

export function createFifo<T>(): Fifo<T> {
  let values: (T | undefined)[] = [];
  let head = 0;
  return {
    get length() {
      return values.length - head;
    },
    push: (value) => void values.push(value),
    first: () => values[head],
    shift() {
      if (head === values.length) return undefined;
      const value = values[head];
      values[head++] = undefined;
      if (head === values.length) {
        values.length = 0;
        head = 0;
      } else if (head >= 1024 && head * 2 >= values.length) {
        values = values.slice(head);
        head = 0;
      }
      return value;
    },
    replaceFirst(value) {
      values[head] = value;
    },
    clear() {
      values = [];
      head = 0;
    },
    [Symbol.iterator]: () => (values.slice(head) as T[])[Symbol.iterator](),
  };
}
