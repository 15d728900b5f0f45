/** The options of `inspect` for how the reader wants frames to be found. */

import { httpWire } from '../../../capture/inspect/http-wire.ts';
import type { InspectOptions } from '../../../capture/inspect/inspect.ts';
import { sluiceWire } from '../../../capture/inspect/sluice-wire.ts';
import { lengthField } from '../../../wire/length-field.ts';
import { lengthFieldText } from '../../../wire/length-field-text.ts';
import { presetList, presetNamed } from '../../../wire/presets.ts';
import type { FramingAsk } from './messages.ts';

/** What can be chosen, by its name: how it is called. */
export const framings: readonly (readonly [name: string, title: string])[] = [
  ['automatic', 'Frames by port or first bytes'],
  ...presetList.map(({ name, title }) => [name, `${name}: ${title}`] as const),
  [sluiceWire.name, `${sluiceWire.name}: ${sluiceWire.title}`],
  [httpWire.name, `${httpWire.name}: ${httpWire.title}`],
  ['length-field', 'By a length field…'],
  ['none', 'No frames'],
];

/** @throws RangeError for a length field that cannot be. */
export function inspectOptionsOf({ by, fields }: FramingAsk): Pick<InspectOptions, 'preset' | 'framing'> {
  if (by === 'automatic') return {};
  if (by === 'none') return { preset: 'none' };
  if (by === 'length-field')
    return { framing: lengthField({ ...lengthFieldText(fields), delivery: () => 'skip' }) };
  if (by === httpWire.name) return { preset: httpWire };
  return { preset: presetNamed(by) ?? sluiceWire };
}
