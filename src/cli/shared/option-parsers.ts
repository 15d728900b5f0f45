/** Parsers for numbers and times on the command line. An error says which values are allowed. */
import { InvalidArgumentError } from 'commander';
import { formatExactBytes } from '../../base/units.ts';
import { size, time } from '../settings/setting-types.ts';

/** Parses a whole number within bounds, for an option of commander. */
export const wholeNumber =
  (from: number, to: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };

export const portNumber = wholeNumber(0, 65_535);

const RATE_MAX = 1024 ** 4;

/** Parses bytes a second: `512K`, `1.5M` or `1G`, in units of 1,024, or as any other size. */
export function byteRate(least: number): (text: string) => number {
  const kind = size(least, RATE_MAX);
  return (text) => {
    const read = kind.read(text.replace(/^([\d.]+ ?[kmg])$/i, '$1iB'));
    if (read !== undefined) return read;
    const from = formatExactBytes(least).replace('iB', '');
    throw new InvalidArgumentError(
      `It must be bytes a second, ${from} or more, such as 512K, 1.5M or 10MiB.`,
    );
  };
}

/**
 * Parses a time: seconds, perhaps with a fraction, or with a unit (`500ms`, `2m`). Answers milliseconds.
 *
 * @param bare the unit of a number without one.
 */
export function duration(from: number, to: number, bare: 's' | 'ms' = 's'): (text: string) => number {
  const kind = time(from, to, bare);
  return (text) => {
    const read = kind.read(text);
    if (read !== undefined) return read;
    throw new InvalidArgumentError(`It must be ${kind.mustBe}.`);
  };
}
