/** Numbers with their units, in words for people. */

export const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Bytes in units of 1,024, in at most 8 characters. @example formatBytes(1234567) // '1.2 MiB' */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < BINARY_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${BINARY_UNITS[unit]}`;
}

/** Bytes without rounding, in the largest unit that leaves a whole number. @example formatExactBytes(65536) // '64KiB' */
export function formatExactBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && value % 1024 === 0 && unit < BINARY_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${BINARY_UNITS[unit]}`;
}

/** @example formatCount(1234567) // '1,234,567' */
export function formatCount(count: number): string {
  // Most counts are such, and the general way takes many times as long.
  if (!Number.isInteger(count) || count <= 0 || count >= 1e6) return count.toLocaleString('en-US');
  const last = count % 1000;
  return last === count ? String(count) : `${(count - last) / 1000},${String(last).padStart(3, '0')}`;
}

/** @example formatCountOf(2000, 'frame') // '2,000 frames' */
export const formatCountOf = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** For lines that programs may read as well. @example plainCountOf(2000, 'request') // '2000 requests' */
export const plainCountOf = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A time, with two digits or more. @param time nanoseconds. @example formatNanos(1_500_000n) // '1.5 ms' */
export function formatNanos(time: number | bigint): string {
  const nanos = Number(time);
  if (nanos < 1e3) return `${nanos} ns`;
  if (nanos < 999.5e3) return `${short(nanos / 1e3)} µs`;
  if (nanos < 999.5e6) return `${short(nanos / 1e6)} ms`;
  return `${short(nanos / 1e9)} s`;
}

const short = (value: number): string => (value < 9.95 ? value.toFixed(1) : value.toFixed(0));
