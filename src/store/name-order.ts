/** The order of names: ascending by their UTF-8 bytes, which is that of code points and not of UTF-16 units. */

/**
 * Compares two names; negative when `a` comes first. Both must be well-formed (no half of a surrogate pair).
 *
 * @example
 * names.sort(compareNames)
 */
export function compareNames(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for what is above U+FFFF, so they come after U+E000 to U+FFFF, not before. */
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
