/** The heads of MQTT packets, told from other bytes, with the first bytes of what is behind them. */
import { uint16 } from '../../../wire/presets/message-head.ts';
import type { PlausibleHead, PlausibleHeads } from './plausible-heads.ts';

const [CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK] = [1, 2, 3, 8, 9, 10, 11];
const [PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ, PINGRESP, DISCONNECT] = [4, 5, 6, 7, 12, 13, 14];

/** The flags that each type has, but for PUBLISH, whose quality of service is not 3. */
const FLAGS: Readonly<Record<number, number>> = { [PUBREL]: 2, [SUBSCRIBE]: 2, [UNSUBSCRIBE]: 2 };
const QUALITY_3 = 0b0110;

const isFirst = (byte: number): boolean => {
  const type = byte >> 4;
  if (type === PUBLISH) return (byte & QUALITY_3) !== QUALITY_3;
  return type !== 0 && (byte & 15) === (FLAGS[type] ?? 0);
};
/** Whether a packet may begin with a byte: with 26 of them. */
const FIRST = Uint8Array.from({ length: 256 }, (_, byte) => (isFirst(byte) ? 1 : 0));
const FIRST_BITS = 3;

const HEAD_BYTES_MAX = 5;
/** How many bytes of a topic are looked at, and count: a body of text has such bytes as well. */
const TOPIC_BYTES = 40;
const TOPIC_BITS_MAX = 8;
/** The most reason codes in front of which an acknowledgement is looked at, and the most bytes of one. */
const ACK_BYTES_MAX = 256;
const PUBLISH_BYTES_MAX = 1024 * 1024;

/** How many bits the body is worth from `at` on, of `length` bytes; null when it cannot be one. */
function bodyBits(bytes: Uint8Array, first: number, at: number, end: number, length: number): number | null {
  switch (first >> 4) {
    case CONNECT:
      return isAt(bytes, at, end, '\0\x04MQTT') || isAt(bytes, at, end, '\0\x06MQIsdp') ? 24 : null;
    case CONNACK:
      return length >= 2 && length < ACK_BYTES_MAX && at + 1 < end && bytes[at]! <= 1 ? 12 : null;
    case PUBLISH: {
      const id = (first & QUALITY_3) === 0 ? 0 : 2;
      if (length > PUBLISH_BYTES_MAX) return null;
      return topicBits(bytes, at, end, length - id, false);
    }
    case PUBACK:
    case PUBREC:
    case PUBREL:
    case PUBCOMP:
      return (length === 2 || length === 3 || length === 4) && hasId(bytes, at, end) ? 6 : null;
    case SUBSCRIBE:
    case UNSUBSCRIBE: {
      if (!hasId(bytes, at, end)) return null;
      // MQTT 5 has properties here; none is a single zero.
      const five = at + 2 < end && bytes[at + 2] === 0 && bytes[at + 3] === 0 ? 1 : 0;
      return topicBits(bytes, at + 2 + five, end, length - 2 - five, true);
    }
    case SUBACK:
    case UNSUBACK: {
      if (length < 2 || length > ACK_BYTES_MAX || !hasId(bytes, at, end)) return null;
      const code = at + length - 1 < end ? bytes[at + length - 1]! : 0;
      return code <= 2 || code >= 0x80 ? 2 : null;
    }
    case PINGREQ:
    case PINGRESP:
      return length === 0 ? 7 : null;
    case DISCONNECT:
      return length <= ACK_BYTES_MAX ? 0 : null;
    default:
      return length < ACK_BYTES_MAX ? 0 : null;
  }
}

const isAt = (bytes: Uint8Array, at: number, end: number, text: string): boolean =>
  at + text.length <= end && [...text].every((each, i) => bytes[at + i] === each.charCodeAt(0));

/** A packet's id is never 0. */
const hasId = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + 1 < end && uint16(bytes, at) !== 0;

/** A topic: its length, and characters of UTF-8 that are none of control, and no wildcards but in a filter. */
function topicBits(
  bytes: Uint8Array,
  at: number,
  end: number,
  most: number,
  isFilter: boolean,
): number | null {
  if (at + 2 > end) return null;
  const length = uint16(bytes, at);
  // An empty topic is one of MQTT 5 that was said before, by a number.
  if (length === 0 || length + 2 > most) return null;
  const to = Math.min(end, at + 2 + Math.min(length, TOPIC_BYTES));
  for (let i = at + 2; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < 0x20 || byte === 0x7f || byte === 0xc0 || byte === 0xc1 || byte > 0xf4) return null;
    if (!isFilter && (byte === 0x23 || byte === 0x2b)) return null;
  }
  const highBits = length < 256 ? 7 : 0;
  return highBits + Math.min(TOPIC_BITS_MAX, Math.max(0, to - at - 2));
}

/**
 * A type with its flags, the shortest varint of the length, and what the type has behind it: 3 bits, and 6 to 24. A
 * PUBLISH with a topic of eight characters or more has 18, a PINGREQ 10, an acknowledgement 9.
 */
export const plausibleMqtt: PlausibleHeads = {
  look: HEAD_BYTES_MAX + 4 + TOPIC_BYTES,
  next(bytes, from, to) {
    let at = from;
    while (at < to && FIRST[bytes[at]!] === 0) at++;
    return at;
  },
  headAt(bytes, at, end): PlausibleHead | null {
    const first = bytes[at]!;
    let length = 0;
    for (let i = 1; i < HEAD_BYTES_MAX && at + i < end; i++) {
      const byte = bytes[at + i]!;
      length += (byte & 127) * 128 ** (i - 1);
      if (byte >= 128) continue;
      // A varint that ends with 0 could have been shorter.
      if (byte === 0 && i > 1) return null;
      const bits = bodyBits(bytes, first, at + i + 1, end, length);
      return bits === null ? null : { size: 1 + i + length, bits: FIRST_BITS + bits };
    }
    return null;
  },
};
