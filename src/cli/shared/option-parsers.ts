/** Numbers given on the command line: read strictly, refused with what they may be. */
import { InvalidArgumentError } from 'commander';
import { time } from '../settings/setting-types.ts';

/** A whole number within bounds, for an option of commander. */
export const wholeNumber =
  (from: number, to: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };

export const portNumber = wholeNumber(0, 65_535);

/**
 * A time as everywhere: seconds, perhaps with a fraction, or with a unit (`500ms`, `2m`). Answers milliseconds.
 *
 * @param bare what a number without a unit is in.
 */
export function duration(from: number, to: number, bare: 's' | 'ms' = 's'): (text: string) => number {
  const kind = time(from, to, bare);
  return (text) => {
    const read = kind.read(text);
    if (read !== undefined) return read;
    throw new InvalidArgumentError(`It must be ${kind.mustBe}.`);
  };
}
