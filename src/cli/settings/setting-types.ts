/**
 * The kinds of values that a setting may have: how each is read from the text of a flag or a variable and from JSON,
 * how an error message describes it, and how it is printed so that it reads back the same.
 */
import { BINARY_UNITS, formatExactBytes } from '../../base/units.ts';

export type JsonValue = string | number | null;

export interface Kind<T> {
  /** Stands for a value in the help: `SIZE`. */
  readonly placeholder: string;
  /** The words behind "must be" in an error message. */
  readonly mustBe: string;
  /** Reads the text of a flag or a variable; undefined when it is no such value, or out of bounds. */
  readonly read: (text: string) => T | undefined;
  /** The same for a value of a JSON file. */
  readonly readJson: (value: unknown) => T | undefined;
  /** Prints a value so that `readJson` reads the same value. */
  readonly print: (value: T) => JsonValue;
  /** A few characters for the help. */
  readonly show: (value: T) => string;
  /** A path, which is relative to where it was written. */
  readonly path?: true;
  /** What is given may hold a secret, also when it is wrong: no message shows it. */
  readonly isSecret?: true;
  /** The only words that there are; absent when there are others. */
  readonly words?: readonly string[];
  /** What the flag means without a value. Absent: it must have one. */
  readonly preset?: string;
}

const fromString =
  <T>(read: (text: string) => T | undefined) =>
  (value: unknown): T | undefined =>
    typeof value === 'string' ? read(value) : undefined;

/** A number in JSON is the same as its digits on the command line. */
const fromEither =
  <T>(read: (text: string) => T | undefined) =>
  (value: unknown): T | undefined =>
    typeof value === 'number' || typeof value === 'string' ? read(String(value)) : undefined;

/** The path of a file or folder, as it was written. */
export const path = (placeholder: 'DIR' | 'FILE' | 'PATH'): Kind<string> => {
  const read = (text: string) => (text !== '' && !text.includes('\0') ? text : undefined);
  const mustBe = placeholder === 'DIR' ? 'the path of a folder' : 'the path of a file';
  return {
    placeholder,
    mustBe: placeholder === 'PATH' ? 'a path' : mustBe,
    read,
    readJson: fromString(read),
    print: (value) => value,
    show: (value) => value,
    path: true,
  };
};

const readHost = (text: string) => (/^[^\s/\0]+$/.test(text) ? text.replace(/^\[(.*)\]$/, '$1') : undefined);

/** A name or an address, IPv6 with or without brackets. */
export const host: Kind<string> = {
  placeholder: 'HOST',
  mustBe: 'a host name or an address, without a port',
  read: readHost,
  readJson: fromString(readHost),
  print: (value) => value,
  show: (value) => value,
};

/** A text that is read by a function of its own, and kept as it was written. */
export const text = (placeholder: string, mustBe: string, isOne: (text: string) => boolean): Kind<string> => {
  const read = (given: string) => (isOne(given) ? given : undefined);
  const show = (value: string) => value;
  return { placeholder, mustBe, read, readJson: fromString(read), print: show, show };
};

/** One that may hold a secret. @param show answers it without. */
export const secretText = (
  placeholder: string,
  mustBe: string,
  isOne: (text: string) => boolean,
  show: (value: string) => string,
): Kind<string> => ({ ...text(placeholder, mustBe, isOne), print: show, show, isSecret: true });

/** Where to listen: a host and a port. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** An address to listen on: `PORT`, on this machine alone, or `HOST:PORT`. The flag alone means a default. */
export const place = (fallback: Place): Kind<Place> => {
  const read = (text: string): Place | undefined => {
    const [, , name, digits] = /^((\[[^\]\s]+\]|[^:\s/\0]+):)?(\d{1,5})$/.exec(text) ?? [];
    const host = readHost(name ?? fallback.host);
    const port = digits === undefined ? undefined : within(Number(digits), 0, 65_535);
    return host === undefined || port === undefined ? undefined : { host, port };
  };
  const show = ({ host, port }: Place) => `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    placeholder: 'HOST:PORT',
    mustBe: `HOST:PORT or PORT, such as ${show(fallback)}`,
    read,
    readJson: fromEither(read),
    print: show,
    show,
    preset: show(fallback),
  };
};

/** One of some words. */
export const choice = <T extends string>(placeholder: string, ...words: readonly T[]): Kind<T> => {
  const read = (text: string) => words.find((word) => word === text);
  return {
    placeholder,
    words,
    mustBe: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    read,
    readJson: fromString(read),
    print: (value) => value,
    show: (value) => value,
  };
};

/** Yes or no. The flag alone means yes. */
export const yesNo: Kind<'yes' | 'no'> = { ...choice('WORD', 'yes', 'no'), preset: 'yes' };

const within = (value: number, from: number, to: number): number | undefined =>
  value >= from && value <= to ? value : undefined;

/** A whole number within bounds, in JSON a number too. */
export const whole = (from: number, to: number, placeholder = 'NUMBER'): Kind<number> => {
  const read = (text: string) => (/^\d+$/.test(text) ? within(Number(text), from, to) : undefined);
  return {
    placeholder,
    mustBe: `a whole number from ${from} to ${to}`,
    read,
    readJson: (value) => (typeof value === 'number' ? read(String(value)) : undefined),
    print: (value) => value,
    show: String,
  };
};

const readMode = (text: string) => (/^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined);

/** The permissions of a file, as in `chmod`. */
export const mode: Kind<number> = {
  placeholder: 'MODE',
  mustBe: 'three octal digits, such as 600 or 660',
  read: readMode,
  readJson: fromEither(readMode),
  print: (value) => value.toString(8).padStart(3, '0'),
  show: (value) => value.toString(8).padStart(3, '0'),
};

const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ...DECIMAL_UNITS.map((unit, power) => [unit.toLowerCase(), 1000 ** power] as const),
  ...BINARY_UNITS.map((unit, power) => [unit.toLowerCase(), 1024 ** power] as const),
]);

/** Bytes: plain, or with a unit (`10MiB`, `1.5 GB`). Units of a thousand and of 1,024 both, in any case. */
export const size = (from: number, to: number): Kind<number> => {
  const read = (text: string) => {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]+)?$/i.exec(text) ?? [];
    const factor = unit === '' ? 1 : BYTES_PER_UNIT.get(unit.toLowerCase());
    if (number === undefined || factor === undefined) return undefined;
    const bytes = Number(number) * factor;
    // Half a byte is a mistake; a fraction of a mebibyte is rounded to bytes.
    return factor === 1 && !Number.isInteger(bytes) ? undefined : within(Math.round(bytes), from, to);
  };
  return {
    placeholder: 'SIZE',
    mustBe: `a size from ${formatExactBytes(from)} to ${formatExactBytes(to)}, such as 1048576, 10MiB or 1GiB`,
    read,
    readJson: fromEither(read),
    print: (value) => value,
    show: formatExactBytes,
  };
};

const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['d', DAY_MS],
  ['h', HOUR_MS],
  ['m', MINUTE_MS],
  ['s', SECOND_MS],
  ['ms', 1],
]);

const TIME_EXAMPLES = { s: '30 (seconds), 0.5, 500ms, 2m or 24h', ms: '50 (milliseconds), 50ms or 0.5s' };

/** @example timeInWords(90_000) // '90s' */
export function timeInWords(millis: number): string {
  for (const [unit, factor] of MS_PER_UNIT) {
    const value = millis / factor;
    // 24h and 60s read better than 1d and 1m.
    if (Number.isInteger(value) && (value > 1 || factor <= SECOND_MS)) return `${value}${unit}`;
  }
  return `${millis}ms`;
}

/**
 * Milliseconds; written in seconds, perhaps with a fraction, or with a unit: `500ms`, `30s`, `2m`, `24h`, `7d`.
 *
 * @param bare the unit of a number without one.
 */
export const time = (from: number, to: number, bare: 's' | 'ms' = 's'): Kind<number> => {
  const read = (text: string) => {
    const [, number, unit = bare] = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)?$/.exec(text) ?? [];
    if (number === undefined) return undefined;
    const millis = Math.round(Number(number) * MS_PER_UNIT.get(unit)!);
    return within(millis, from, to);
  };
  return {
    placeholder: 'TIME',
    mustBe: `a time from ${timeInWords(from)} to ${timeInWords(to)}, such as ${TIME_EXAMPLES[bare]}`,
    read,
    readJson: fromEither(read),
    print: (value) => value / MS_PER_UNIT.get(bare)!,
    show: timeInWords,
  };
};

const NONE = 'none';

/** A bound that need not be: `none`, or 0 where a bound of 0 would make no sense, is `Infinity`. */
export const orUnbounded = (kind: Kind<number>): Kind<number> => {
  const unbounded = kind.read('0') === undefined ? [NONE, '0', 0] : [NONE];
  const or = (read: (value: never) => number | undefined) => (value: unknown) =>
    unbounded.includes(value as string) ? Number.POSITIVE_INFINITY : read(value as never);
  return {
    ...kind,
    mustBe: `${kind.mustBe}, or none`,
    read: or(kind.read),
    readJson: or(kind.readJson),
    print: (value) => (value === Number.POSITIVE_INFINITY ? NONE : kind.print(value)),
    show: (value) => (value === Number.POSITIVE_INFINITY ? NONE : kind.show(value)),
  };
};

/** A value that `none` switches off: it is null then. */
export const orOff = <T>(kind: Kind<T>): Kind<T | null> => ({
  ...kind,
  mustBe: `${kind.mustBe}, or none`,
  read: (text) => (text === NONE ? null : kind.read(text)),
  readJson: (value) => (value === NONE ? null : kind.readJson(value)),
  print: (value) => (value === null ? NONE : kind.print(value)),
  show: (value) => (value === null ? NONE : kind.show(value)),
});

/** A number that may be left to the machine. It stays the word `auto` until it is used. */
export const orAuto = (kind: Kind<number>): Kind<number | 'auto'> => {
  const or = (read: (value: never) => number | undefined) => (value: unknown) =>
    value === 'auto' ? 'auto' : read(value as never);
  return {
    ...kind,
    mustBe: `${kind.mustBe}, or auto`,
    read: or(kind.read),
    readJson: or(kind.readJson),
    print: (value) => (value === 'auto' ? value : kind.print(value)),
    show: (value) => (value === 'auto' ? value : kind.show(value)),
  };
};

/** A value that is null unless it is set. In JSON, null is the same as not set. */
export const orUnset = <T>(kind: Kind<T>): Kind<T | null> => ({
  ...kind,
  readJson: (value) => (value === null ? null : kind.readJson(value)),
  print: (value) => (value === null ? null : kind.print(value)),
  show: (value) => (value === null ? '' : kind.show(value)),
});
