/**
 * MQTT control packets: a type, flags, and the length as a varint of at most 4 bytes.
 *
 * ```text
 *  type, flags  remaining length  variable header, payload
 *  30           ac 02             (300 bytes)
 * ```
 */
import { headFault } from '../fault.ts';
import { readVarint } from '../integer-codec.ts';
import { prefixSize } from '../length-codec.ts';
import { layoutOf } from '../length-options.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf } from './message-head.ts';

const types: readonly (string | null)[] = [
  null,
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
];

/** The largest value of four bytes with seven bits each. */
const MAX_LENGTH = 2 ** 28 - 1;
const layout = layoutOf({ width: 'varint', offset: 1, maxVarint: 4, maxLength: MAX_LENGTH });

export const mqtt: Preset = {
  name: 'mqtt',
  title: 'MQTT 3.1 to 5',
  source: 'OASIS MQTT 5.0, section 2.1',
  ports: [1883],
  framing: (options) =>
    headFraming(
      {
        maxHead: layout.maxHead,
        maxLength: MAX_LENGTH,
        size: (bytes, start, end) => prefixSize(layout, bytes, start, end),
        length(bytes, start, end) {
          if (bytes[start]! >= 0x10) return Number(readVarint(bytes, start + 1, end));
          return headFault('header-invalid', "the packet's type is 0, and MQTT has types 1 to 15");
        },
      },
      options,
    ),
  label: (header) => types[(headOf(header)?.[0] ?? 0) >> 4] ?? null,
};
