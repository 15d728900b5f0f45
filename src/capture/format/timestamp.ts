/**
 * Times of capture files as nanoseconds since 1970, exactly.
 *
 * Every packet has one, so the usual resolutions make one `bigint` and no others on the way: they are put together
 * as two words of 32 bits, in numbers.
 */

const words = new DataView(new ArrayBuffer(8));

const TWO_32 = 2 ** 32;

/** A whole number of 64 bits out of its halves. */
export function fromWords(high: number, low: number): bigint {
  words.setUint32(0, low, true);
  words.setUint32(4, high, true);
  return words.getBigUint64(0, true);
}

/**
 * Seconds and nanoseconds as nanoseconds.
 *
 * @param seconds an integer from 0 to 2^34 - 1 (the year 2514).
 * @param nanoseconds an integer from 0 to 2^52; a second or more is carried over.
 */
export function nanosecondsOf(seconds: number, nanoseconds: number): bigint {
  // seconds * 10^9 has up to 64 bits, and a number 53: so its upper part is counted in units of 2^16.
  const upper = Math.floor(seconds / 65_536) * 1e9;
  const lower = (seconds & 0xffff) * 1e9 + nanoseconds;
  const rest = (upper % 65_536) * 65_536 + lower;
  const high = Math.floor(upper / 65_536) + Math.floor(rest / TWO_32);
  return fromWords(high, rest % TWO_32);
}

/** Converts a timestamp of 64 bits, given as its two halves, into nanoseconds since 1970. */
export type TimestampReader = (high: number, low: number) => bigint;

const NANOS_PER_SECOND = 1_000_000_000n;

/**
 * Makes the function that converts the timestamps of a pcapng interface.
 *
 * @param resolution `if_tsresol`: 10^-n seconds, or 2^-n with the highest bit set (the other seven are n).
 * @param offset `if_tsoffset`: seconds to add.
 * @example timestampReader(6, 0n)(0, 1_000_000) // 1_000_000_000n
 */
export function timestampReader(resolution: number, offset: bigint): TimestampReader {
  const exponent = BigInt(resolution & 0x7f);
  const unitsPerSecond = (resolution & 0x80) === 0 ? 10n ** exponent : 2n ** exponent;
  const base = offset * NANOS_PER_SECOND;
  const exactly: TimestampReader = (high, low) =>
    base + (fromWords(high, low) * NANOS_PER_SECOND) / unitsPerSecond;
  if (offset !== 0n) return exactly;
  if (resolution === 9) return fromWords;
  if (resolution === 6) {
    // Below 2^53 units, which is up to the year 2255.
    return (high, low) => {
      if (high >= 0x20_0000) return exactly(high, low);
      const units = high * TWO_32 + low;
      const seconds = Math.floor(units / 1e6);
      return nanosecondsOf(seconds, (units - seconds * 1e6) * 1000);
    };
  }
  return exactly;
}
