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
import { headFraming, headOf, type MessageHead } from './message-head.ts';

const TYPES: readonly (string | null)[] = [
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

/** The largest value of a varint of four bytes. */
const LENGTH_MAX = 2 ** 28 - 1;
const LAYOUT = layoutOf({ width: 'varint', offset: 1, maxVarint: 4, maxLength: LENGTH_MAX });

/**
 * MQTT 3.1 to 5 (OASIS MQTT 5.0, section 2.1): control packets, whose length is a varint of at most four bytes. Usual
 * port: 1883.
 *
 * @example presets.mqtt.label(header); // 'CONNECT', 'PUBLISH', …
 */
export const mqtt: Preset<MessageHead> = {
  name: 'mqtt',
  title: 'MQTT 3.1 to 5',
  source: 'OASIS MQTT 5.0, section 2.1',
  ports: [1883],
  framing: (options) =>
    headFraming(
      {
        maxHead: LAYOUT.maxHead,
        maxLength: LENGTH_MAX,
        size: (bytes, start, end) => prefixSize(LAYOUT, bytes, start, end),
        length(bytes, start, end) {
          if (bytes[start]! >= 0x10) return Number(readVarint(bytes, start + 1, end));
          return headFault('header-invalid', "the packet's type is 0, and MQTT has types 1 to 15");
        },
      },
      options,
    ),
  label: (header) => TYPES[(headOf(header)?.[0] ?? 0) >> 4] ?? null,
};
