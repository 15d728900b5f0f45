/**
 * A first-in, first-out queue that takes its first value in constant time: `Array.shift` moves all others.
 *
 * It is not bounded. Each file that creates one says what bounds it.
 */

export interface Fifo<T> extends Iterable<T> {
  readonly length: number;
  push(value: T): void;
  first(): T | undefined;
  shift(): T | undefined;
  /** Puts another value in the place of the first. */
  replaceFirst(value: T): void;
  clear(): void;
}

/** From so many values that were taken on, the rest is moved to the front: the array would grow for ever. */
const MOVED_MIN = 1024;

/** A class, since a server has many queues for each connection, and closures would cost a kilobyte each. */
class ArrayFifo<T> implements Fifo<T> {
  #values: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#values.length - this.#head;
  }

  push(value: T): void {
    this.#values.push(value);
  }

  first(): T | undefined {
    return this.#values[this.#head];
  }

  shift(): T | undefined {
    const values = this.#values;
    if (this.#head === values.length) return undefined;
    const value = values[this.#head];
    values[this.#head++] = undefined;
    if (this.#head === values.length) {
      values.length = 0;
      this.#head = 0;
    } else if (this.#head >= MOVED_MIN && this.#head * 2 >= values.length) {
      this.#values = values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  replaceFirst(value: T): void {
    this.#values[this.#head] = value;
  }

  clear(): void {
    this.#values = [];
    this.#head = 0;
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#values.slice(this.#head) as T[])[Symbol.iterator]();
  }
}

export const createFifo = <T>(): Fifo<T> => new ArrayFifo();
