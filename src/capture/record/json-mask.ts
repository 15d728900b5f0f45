/**
 * Finds the values in the JSON of a header that must not be written. They can then be replaced byte for byte: the
 * lengths stay, and the JSON stays valid.
 *
 * The header was parsed before, so it is known to be JSON, and an object.
 */

/** Bytes to be replaced, all by the same one. */
export interface Mask {
  /** Offsets in the stream. */
  readonly from: number;
  readonly to: number;
  readonly byte: number;
}

/** The bytes that replace those of a string and of a number: a number of ones is a number again. */
const [STAR, ONE] = [0x2a, 0x31];
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [MINUS, ZERO, NINE] = [0x2d, 0x30, 0x39];

const decoder = new TextDecoder();

/**
 * Finds every string and number in the values of some keys, however those are spelled (`"\u0074oken"`), and however
 * often they come.
 *
 * @param isSecret whether what is under this path of keys must not be written: `['token']`, `['error', 'hex']`. Asked
 *   of every key; the items of lists have the path of the list.
 * @param position the offset in the stream of `bytes[start]`.
 */
export function jsonMasks(
  bytes: Uint8Array,
  start: number,
  end: number,
  position: number,
  isSecret: (path: readonly string[]) => boolean,
): Mask[] {
  const masks: Mask[] = [];
  /** The keys that lead here, and for every level whether it is an object. */
  const path: string[] = [];
  const levels: boolean[] = [];
  let expectsKey = false;
  /** The level whose value is secret; what is inside of it is so too. */
  let secretSince = Number.POSITIVE_INFINITY;
  const hide = (from: number, to: number, byte: number): void => {
    if (levels.length < secretSince) return;
    masks.push({ from: position + from - start, to: position + to - start, byte });
  };
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      const close = endOfString(bytes, at + 1, end);
      if (expectsKey && levels.length < secretSince) {
        path[path.length - 1] = JSON.parse(decoder.decode(bytes.subarray(at, close + 1)));
        if (isSecret(path)) secretSince = levels.length;
      } else if (!expectsKey || levels.length > secretSince) hide(at + 1, close, STAR);
      at = close;
    } else if (byte === COLON) {
      expectsKey = false;
    } else if (byte === COMMA) {
      expectsKey = levels.at(-1) === true;
      if (levels.length === secretSince) secretSince = Number.POSITIVE_INFINITY;
    } else if (byte === OPEN || byte === OPEN_LIST) {
      levels.push(byte === OPEN);
      if (byte === OPEN) path.push('');
      expectsKey = byte === OPEN;
    } else if (byte === CLOSE || byte === CLOSE_LIST) {
      if (levels.length === secretSince) secretSince = Number.POSITIVE_INFINITY;
      if (levels.pop()) path.pop();
      expectsKey = false;
    } else if (byte === MINUS || isDigit(byte)) {
      const close = endOfNumber(bytes, at, end);
      hide(at, close, ONE);
      at = close - 1;
    }
  }
  return masks;
}

/** Where the closing quote is. */
function endOfString(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE;

/** Behind digits, signs, a point and an exponent. */
function endOfNumber(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && /[-+.\deE]/.test(String.fromCharCode(bytes[at]!))) at++;
  return at;
}
