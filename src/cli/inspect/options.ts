/** Parsers for the options of `sluice inspect`. */
import { InvalidArgumentError } from 'commander';
import { nearest } from '../../base/nearest.ts';
import { httpWire } from '../../capture/inspect/http-wire.ts';
import type { InspectOptions } from '../../capture/inspect/inspect.ts';
import type { Side } from '../../capture/stream-event.ts';
import { sluicePreset } from '../../files/protocol/sluice-preset.ts';
import type { Framing } from '../../wire/framing.ts';
import { type LengthFieldOptions, lengthField } from '../../wire/length-field.ts';
import { lengthFieldText } from '../../wire/length-field-text.ts';
import type { Preset } from '../../wire/preset.ts';
import { presetList, presetNamed } from '../../wire/presets.ts';
import { size } from '../settings/setting-types.ts';
import type { Followed } from './follow.ts';

/** The names that `--preset` takes. */
export const presetNames: readonly string[] = [...presetList, sluicePreset]
  .map(({ name }) => name)
  .concat('none');

/** Parses the name of a preset, in small letters or capitals. */
export const presetName = (text: string): string => nameIn(presetNames, text);

/** The same for `inspect`, which finds the messages of HTTP too: their framing depends on what was said before. */
export const inspectedName = (text: string): string => nameIn([...presetNames, httpWire.name], text);

function nameIn(names: readonly string[], text: string): string {
  const name = text.toLowerCase();
  if (names.includes(name)) return name;
  if (name === 'redis') {
    throw new InvalidArgumentError(
      'RESP puts no length before a message, so that its end is found only by reading all of it.',
    );
  }
  const near = nearest(name, names);
  const hint = near === undefined ? '' : `Did you mean ${near}? `;
  throw new InvalidArgumentError(`${hint}There are ${names.join(', ')}.`);
}

const bytes = size(0, 2 ** 30);

/** Parses how many bytes of a chunk are shown: a size, or infinite for `all`. */
export function chunkBytes(text: string): number {
  const read = text === 'all' ? Number.POSITIVE_INFINITY : bytes.read(text);
  if (read === undefined) throw new InvalidArgumentError(`It must be ${bytes.mustBe}, or all.`);
  return read;
}

/** Parses `3:client` or `3:server`, a side of a conversation. */
export function followed(text: string): Followed {
  const read = /^(\d{1,15}):(client|server)$/.exec(text);
  if (read !== null) return { conversation: Number(read[1]), side: read[2] as Side };
  throw new InvalidArgumentError('It must be the number of a conversation and a side, such as 3:server.');
}

/** @param name as `inspectedName` parses it. */
export function presetOf(name: string): NonNullable<InspectOptions['preset']> {
  if (name === httpWire.name) return httpWire;
  return name === 'none' ? name : (presetNamed(name) ?? sluicePreset);
}

/** The presets of ports. */
export type DecodeAs = ReadonlyMap<number, NonNullable<InspectOptions['preset']>>;

/**
 * Parses `PORT=PRESET`, or `PORT=KEYS` with those of a length field; may be given again.
 *
 * @example decodeAs('8443=kafka')
 */
export function decodeAs(text: string, before: DecodeAs = new Map()): DecodeAs {
  const [, digits, how] = /^:?(\d{1,5})=(.+)$/.exec(text) ?? [];
  const port = Number(digits ?? Number.NaN);
  if (how === undefined || !(port <= 65_535)) {
    throw new InvalidArgumentError(
      'It must be a port and a preset, such as 8443=kafka, or the keys of a length field, such as 7000=width=4.',
    );
  }
  return new Map([...before, [port, how.includes('=') ? ownPreset(how) : presetOf(inspectedName(how))]]);
}

/** A preset of a length field. */
function ownPreset(keys: string): Preset {
  const framing = lengthFieldOf(keys);
  const words = { name: 'custom', title: 'a length field', source: 'the command line' };
  return { ...words, ports: [], framing: () => framing, label: () => null };
}

/** The lines that `--presets` prints. */
export function presetLines(): string[] {
  const line = (name: string, title: string, when: string): string =>
    `${name.padEnd(12)}${title.padEnd(40)}${when}`.trimEnd();
  return [
    ...presetList.map(({ name, title, ports }) => {
      return line(name, title, `${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`);
    }),
    line(sluicePreset.name, sluicePreset.title, 'by its first bytes'),
    line(httpWire.name, httpWire.title, 'by its first bytes'),
    line('none', 'no frames, chunks alone', ''),
  ];
}

/**
 * A framing by length field, as `KEY=VALUE,…`.
 *
 * @example lengthFieldOf('width=4,endian=little,counts=frame')
 */
export const lengthFieldOf = (text: string): Framing<unknown> =>
  lengthField({ ...lengthFieldOptions(text), delivery: () => 'skip' });

/** The options of such a framing, which are checked. */
export function lengthFieldOptions(text: string): LengthFieldOptions {
  try {
    return lengthFieldText(text);
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
