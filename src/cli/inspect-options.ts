/** What `sluice inspect` can be told, as it is written on the command line. */
import { InvalidArgumentError } from 'commander';
import type { InspectOptions } from '../capture/inspect.ts';
import type { Framing } from '../wire/framing.ts';
import { type LengthFieldOptions, lengthField } from '../wire/length-field.ts';
import { presetNamed, presets } from '../wire/presets.ts';

/** The names that `--preset` takes. */
export const presetNames: readonly string[] = [...presets.map(({ name }) => name), 'sluice', 'none'];

/** @param name one of `presetNames`. */
export function presetOf(name: string): NonNullable<InspectOptions['preset']> {
  return name === 'sluice' || name === 'none' ? name : presetNamed(name)!;
}

/** What `--presets` prints, a line each. */
export function presetLines(): string[] {
  const own = [
    { name: 'sluice', title: 'Sluice, requests and replies', ports: [], source: 'its protocol document' },
  ];
  return [...presets, ...own].map(({ name, title, ports, source }) =>
    [name.padEnd(11), title.padEnd(30), ports.join(', ').padEnd(18), source].join(' ').trimEnd(),
  );
}

/** The index of a conversation, or an address, host or port of one of its ends; may be given again. */
export function only(text: string, before: readonly (number | string)[] = []): (number | string)[] {
  if (text === '') throw new InvalidArgumentError('It must be a number, an address, a host or a :PORT.');
  return [...before, /^\d+$/.test(text) ? Number(text) : text];
}

/** The largest body believed, unless `max` says otherwise: a greater length is a sign that the framing is wrong. */
const MAX_LENGTH = 2 ** 30;

const asNumber = (text: string): number => (/^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN);

/** What each key of `--length-field` sets. */
const keys: Readonly<Record<string, (text: string) => Partial<LengthFieldOptions>>> = {
  width: (text) => ({ width: (text === 'varint' ? text : asNumber(text)) as LengthFieldOptions['width'] }),
  endian: (text) => ({ endian: text as 'big' }),
  signed: (text) => ({ signed: text === 'true' }),
  offset: (text) => ({ offset: asNumber(text) }),
  counts: (text) => ({ counts: text as 'body' }),
  adjustment: (text) => ({ adjustment: asNumber(text) }),
  max: (text) => ({ maxLength: asNumber(text) }),
};

/**
 * A framing by length field, as `KEY=VALUE,…`.
 *
 * @example lengthFieldOf('width=4,endian=little,counts=frame')
 */
export function lengthFieldOf(text: string): Framing<unknown> {
  let options: Partial<LengthFieldOptions> = {};
  for (const part of text.split(',')) {
    const [key = '', value, ...rest] = part.split('=');
    if (!Object.hasOwn(keys, key) || value === undefined || rest.length > 0) {
      throw new InvalidArgumentError(`It must be KEY=VALUE,… with ${Object.keys(keys).join(', ')}.`);
    }
    options = { ...options, ...keys[key]!(value) };
  }
  if (options.width === undefined)
    throw new InvalidArgumentError('It must say width=1, 2, 3, 4, 8 or varint.');
  try {
    const { width, maxLength = MAX_LENGTH, ...others } = options;
    return lengthField({ ...others, width, maxLength, delivery: () => 'skip' });
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}
