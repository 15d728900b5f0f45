/** The range of the names that begin with a prefix, in the order of their UTF-8 bytes, which is that of code points. */

const LAST_CODE_POINT = 0x10ffff;
const [FIRST_SURROGATE, BEHIND_SURROGATES] = [0xd800, 0xe000];

/** The first text behind all that begin with the prefix; undefined when there is none. */
export function upperBoundOf(prefix: string): string | undefined {
  const characters = [...prefix];
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const next = (last.codePointAt(0) ?? 0) + 1;
    if (next > LAST_CODE_POINT) continue;
    return characters.join('') + String.fromCodePoint(next === FIRST_SURROGATE ? BEHIND_SURROGATES : next);
  }
  return undefined;
}
