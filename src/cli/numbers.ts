/** Numbers given on the command line: read strictly, refused with what they may be. */
import { InvalidArgumentError } from 'commander';

/** A whole number within bounds, for an option of commander. */
export const wholeNumber =
  (from: number, to: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };

export const portNumber = wholeNumber(0, 65_535);

/** Seconds, perhaps with a fraction, up to a day; answers milliseconds. */
export const seconds = (text: string): number => {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 86_400) return Math.round(value * 1000);
  throw new InvalidArgumentError('It must be a number of seconds from 0 to 86400.');
};
