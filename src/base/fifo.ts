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

export const createFifo = <T>(): Fifo<T> => new ArrayFifo<T>();

/** From so many places on, those of values that were taken are given back while others wait. */
const TAKEN_PLACES_MAX = 1024;
/** The most places that an empty queue keeps. */
const EMPTY_PLACES_MAX = 64;

/** The places of all queues that nothing was added to: most connections have several of them. */
const NO_PLACES: never[] = [];

/** A class, so that all queues have one shape: each object literal with a getter has its own, and is slow to use. */
class ArrayFifo<T> implements Fifo<T> {
  /** The values are from `head` to `tail`. The places of others are empty. */
  private places: (T | undefined)[] = NO_PLACES;
  private head = 0;
  private tail = 0;

  get length(): number {
    return this.tail - this.head;
  }

  push(value: T): void {
    // One place, not the seventeen to which an empty array grows.
    if (this.places === NO_PLACES) this.places = [value];
    else this.places[this.tail] = value;
    this.tail++;
  }

  first(): T | undefined {
    return this.head === this.tail ? undefined : this.places[this.head];
  }

  shift(): T | undefined {
    const { places, head } = this;
    if (head === this.tail) return undefined;
    const value = places[head];
    places[head] = undefined;
    this.head = head + 1;
    if (this.head === this.tail) this.empty();
    else if (this.head >= TAKEN_PLACES_MAX && this.head * 2 >= this.tail) {
      this.places = places.slice(this.head, this.tail);
      this.tail -= this.head;
      this.head = 0;
    }
    return value;
  }

  replaceFirst(value: T): void {
    this.places[this.head] = value;
  }

  clear(): void {
    this.places = NO_PLACES;
    this.empty();
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.places.slice(this.head, this.tail) as T[])[Symbol.iterator]();
  }

  /** The places stay: to take new ones for each value that comes alone would cost more than the value. */
  private empty(): void {
    this.head = 0;
    this.tail = 0;
    if (this.places.length > EMPTY_PLACES_MAX) this.places = NO_PLACES;
  }
}
