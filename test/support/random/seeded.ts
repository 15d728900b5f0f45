/** Numbers that look random and are the same for the same seed, so that a failed test can be run again. */
export { randomFrom } from '../../../src/base/random.ts';

/** A whole number from `least` to `most`, both included. */
export const between = (random: () => number, least: number, most: number): number =>
  least + Math.floor(random() * (most - least + 1));

/** One of them. */
export const oneOf = <T>(random: () => number, choices: readonly [T, ...T[]]): T =>
  choices[Math.floor(random() * choices.length)] ?? choices[0];

/** Bytes that differ from those of every other seed: no two contents can be taken for one another. */
export function bytesFrom(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed ^ 0x9e3779b9) | 1;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    // xorshift32: a few operations for four bytes.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state, at);
  }
  for (; at < length; at++) bytes[at] = (state >>> (8 * (at & 3))) ^ seed;
  return bytes;
}
