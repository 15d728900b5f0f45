/** A set of indices from 0 on, at one bit each: for as many conversations as a recording may have. */

export interface IndexSet {
  add(index: number): void;
  has(index: number): boolean;
  /** How many there are. */
  readonly size: number;
}

/**
 * @example
 * const seen = createIndexSet();
 * seen.add(7);
 * seen.has(7); // true
 */
export function createIndexSet(): IndexSet {
  let bits = new Uint8Array(64);
  let size = 0;
  const has = (index: number): boolean => ((bits[Math.floor(index / 8)] ?? 0) & (1 << (index % 8))) !== 0;
  return {
    add(index) {
      if (has(index)) return;
      const at = Math.floor(index / 8);
      if (at >= bits.length) {
        const grown = new Uint8Array(Math.max(at + 1, 2 * bits.length));
        grown.set(bits);
        bits = grown;
      }
      bits[at]! |= 1 << (index % 8);
      size++;
    },
    has: (index) => index >= 0 && has(index),
    get size() {
      return size;
    },
  };
}
