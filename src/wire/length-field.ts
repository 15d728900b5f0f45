/**
 * Frames whose length is a number before the body: nearly every binary protocol.
 *
 * ```text
 *  protocol          options besides maxLength
 *  plain 4-byte      { width: 4 }
 *  Kafka             { width: 4, signed: true }
 *  Protocol Buffers  { width: 'varint' }
 *  PostgreSQL        { width: 4, offset: 1, counts: 'field' }
 *  MySQL             { width: 3, endian: 'little', adjustment: 1 }
 *  MQTT              { width: 'varint', offset: 1, maxVarint: 4 }
 *  BGP               { width: 2, offset: 16, counts: 'frame' }
 *  DNS over TCP      { width: 2 }
 *  HTTP/2            { width: 3, adjustment: 6 }
 * ```
 */

import { check, either, FUNCTION, oneOf, RECORD } from './argument.ts';
import { type BytesLike, bytesOf, owned } from './bytes.ts';
import type { Codec, DecodedMessage } from './codec.ts';
import { framingDecoder, type TakeWhole } from './codecs/framing-decoder.ts';
import type { HeadFault } from './fault.ts';
import type { Framing, ParsedHead } from './framing.ts';
import { bodyLength, encodePrefix, fieldSize, fieldValue, prefixSize, writePrefix } from './length-codec.ts';
import {
  type LengthFieldOptions,
  type LengthLayout,
  layoutOf,
  mustBeWithin,
  type Prefix,
} from './length-options.ts';

export type { LengthFieldOptions, Prefix } from './length-options.ts';

const WHOLE_BYTES_DEFAULT = 1024 * 1024;
const NO_LEAD = new Uint8Array(0);
const DELIVERIES = oneOf('stream', 'whole', 'skip');

/**
 * Frames by length field, in both directions: a framing for `deframe`, and a codec for actors, `frames` and `framed`.
 *
 * A message is the body of a frame: bytes. With `offset` it is a `PrefixedBody`, which has the bytes before the length
 * field too. `encode` throws a RangeError for a body out of the bounds.
 *
 * Faults, all fatal: `length-negative`, `length-too-large`, `length-too-small`, `varint-too-long`. Not fatal:
 * `body-too-large`, for a body over `maxWhole` that is to be delivered whole.
 *
 * @throws RangeError when an option is out of its bounds; TypeError when it is of the wrong kind.
 * @example
 * const postgres = lengthField({ width: 4, offset: 1, counts: 'field', maxLength: 1024 * 1024 });
 * chunks$.pipe(deframe(postgres)); // a frame's header.lead[0] is the message type
 */
export function lengthField(
  options: LengthFieldOptions & { readonly offset?: never; readonly delivery?: 'whole' },
): Framing<Prefix> & Codec<Uint8Array, BytesLike>;
export function lengthField(
  options: LengthFieldOptions & { readonly offset?: never },
): Framing<Prefix> & Codec<Uint8Array, BytesLike, Prefix>;
export function lengthField(
  options: LengthFieldOptions & { readonly delivery?: 'whole' },
): Framing<Prefix> & Codec<PrefixedBody>;
export function lengthField(
  options: LengthFieldOptions,
): Framing<Prefix> & Codec<PrefixedBody, PrefixedBody, Prefix>;
// biome-ignore lint/suspicious/noExplicitAny: the overloads above say which messages which options have.
export function lengthField(options: LengthFieldOptions): Framing<Prefix> & Codec<any, any, any> {
  const layout = layoutOf(options);
  const framing = framingOf(layout, options);
  return options.offset === undefined ? bareCodec(layout, framing, options) : prefixedCodec(layout, framing);
}

const heldMaxOf = ({ maxHead, maxWhole }: Framing<Prefix>): number => maxHead + maxWhole;

/** The codec of frames that have nothing before their length field. */
function bareCodec(
  layout: LengthLayout,
  framing: Framing<Prefix>,
  { delivery = 'whole' }: LengthFieldOptions,
) {
  const lengthOf = (body: BytesLike): number => bytesOf(body, 'a message').length;
  const toMessage = (_: Prefix, body: Uint8Array) => owned(body);
  const takeWhole = delivery === 'whole' ? takeBodies(layout, framing.maxWhole) : null;
  return {
    ...framing,
    decoder: framingDecoder<Prefix, Uint8Array, Prefix>(framing, toMessage, undefined, takeWhole),
    heldMax: heldMaxOf(framing),
    encode: (message: BytesLike, bodyLength = 0) =>
      chunksOf(layout, NO_LEAD, bytesOf(message, 'a message'), bodyLength),
    direct: {
      sizeOf: (message: BytesLike) => {
        const length = lengthOf(message);
        return sizeOrThrow(layout, length, NO_LEAD) + length;
      },
      write: (message: BytesLike, size: number, target: Uint8Array, at: number) => {
        const body = bytesOf(message, 'a message');
        const field = size - body.length;
        writePrefix(layout, body.length, NO_LEAD, field, target, at);
        target.set(body, at + field);
        return at + field + body.length;
      },
    },
  };
}

/** The codec of frames whose length field has bytes before it. */
function prefixedCodec(layout: LengthLayout, framing: Framing<Prefix>) {
  const toMessage = ({ lead }: Prefix, body: Uint8Array) => ({ lead, body: owned(body) });
  return {
    ...framing,
    decoder: framingDecoder<Prefix, PrefixedBody, Prefix>(framing, toMessage),
    heldMax: heldMaxOf(framing),
    encode: (message: PrefixedBody, bodyLength = 0) => {
      check('a message', message, RECORD);
      const { lead, body } = message;
      return chunksOf(layout, bytesOf(lead, 'the lead'), bytesOf(body, 'a body'), bodyLength);
    },
  };
}

/** The most bodies, and the most bytes of their frames, that are copied together. */
const [TOGETHER_MAX, TOGETHER_BYTES_MAX] = [64, 4 * 1024];
/** Up to so many bytes an array with memory of its own costs little: JavaScript keeps the bytes in the object. */
const TINY_BYTES = 64;

/**
 * Finds bodies that lie whole in a chunk.
 *
 * They are copied out of it. Short ones, if they are not tiny, are copied together, and are views of one copy: memory of
 * its own for each body costs more than all else that is done with it.
 */
function takeBodies(layout: LengthLayout, maxWhole: number): TakeWhole<Uint8Array> {
  /** Where the bodies begin that are copied together, and where they end. */
  const [starts, ends]: [number[], number[]] = [[], []];
  /** How many of them are not tiny. */
  let larger = 0;

  /** Finds the next bodies to copy together from `from` on. Returns how many there are. */
  function find(chunk: Uint8Array, from: number, most: number): number {
    const { length: end } = chunk;
    let count = 0;
    larger = 0;
    for (let at = from; at < end && count < most; count++) {
      const size = prefixSize(layout, chunk, at, end);
      if (typeof size !== 'number' || size > end - at) break;
      const length = bodyLength(layout, fieldValue(layout, chunk, at, at + size), size);
      if (typeof length !== 'number' || length > maxWhole || length > end - at - size) break;
      const to = at + size + length;
      if (count > 0 && to - from > TOGETHER_BYTES_MAX) break;
      starts[count] = at + size;
      ends[count] = to;
      if (length > TINY_BYTES) larger++;
      at = to;
    }
    return count;
  }

  return (chunk, from, most, position, decoded) => {
    let at = from;
    for (;;) {
      const count = find(chunk, at, Math.min(most - decoded.length, TOGETHER_MAX));
      if (count === 0) return at;
      const first = at;
      const memory = larger > 1 ? copyOf(chunk, first, ends[count - 1]!).buffer : null;
      for (let i = 0; i < count; i++) {
        const start = starts[i]!;
        const end = ends[i]!;
        decoded.push(
          memory === null
            ? messageAt(copyOf(chunk, start, end), position + at - from)
            : sharedAt(memory, start - first, end - start, position + at - from),
        );
        at = end;
      }
    }
  };
}

const messageAt = (message: Uint8Array, position: number): DecodedMessage<Uint8Array> => ({
  type: 'message',
  message,
  cost: message.length,
  position,
});

const sharedAt = (
  memory: ArrayBufferLike,
  at: number,
  length: number,
  position: number,
): DecodedMessage<Uint8Array> => ({
  type: 'message',
  message: new Uint8Array(memory, at, length),
  cost: length,
  position,
  memory,
});

const copyOf = (chunk: Uint8Array, from: number, to: number): Uint8Array =>
  Uint8Array.prototype.slice.call(chunk, from, to);

function chunksOf(
  layout: LengthLayout,
  lead: Uint8Array,
  body: Uint8Array,
  bodyLength: number,
): readonly Uint8Array[] {
  const encoded = encodePrefix(layout, body.length + bodyLength, lead, 0);
  if (!encoded.ok) throw new RangeError(encoded.fault.message);
  return body.length === 0 ? [encoded.bytes] : [encoded.bytes, body];
}

function sizeOrThrow(layout: LengthLayout, length: number, lead: Uint8Array): number {
  const size = fieldSize(layout, length, lead);
  if (typeof size !== 'number') throw new RangeError(size.message);
  return size;
}

/** A message of a protocol that has bytes before its length field: a type, a channel, a marker. */
export interface PrefixedBody {
  /** The `offset` bytes before the length field. */
  readonly lead: Uint8Array;
  /** The bytes behind the length field. */
  readonly body: Uint8Array;
}

function framingOf(layout: LengthLayout, options: LengthFieldOptions): Framing<Prefix> {
  const { offset, maxLength, maxHead } = layout;
  const { delivery = 'whole', maxWhole = Math.min(maxLength, WHOLE_BYTES_DEFAULT) } = options;
  mustBeWithin('maxWhole', maxWhole, 0, Number.MAX_SAFE_INTEGER);
  check('lengthField: delivery', delivery, either(FUNCTION, DELIVERIES));
  const fixed = typeof delivery === 'function' ? null : delivery;
  const deliveryOf = typeof delivery === 'function' ? delivery : () => delivery;

  return {
    maxHead,
    maxWhole,
    headLength(bytes: Uint8Array, start: number, end: number): number | HeadFault {
      const size = prefixSize(layout, bytes, start, end);
      if (typeof size !== 'number' || size > end - start) return size;
      const length = bodyLength(layout, fieldValue(layout, bytes, start, start + size), size - offset);
      return typeof length === 'number' ? size : length;
    },
    parseHead(bytes: Uint8Array, start: number, end: number): ParsedHead<Prefix> | HeadFault {
      const value = fieldValue(layout, bytes, start, end);
      const length = bodyLength(layout, value, end - start - offset);
      if (typeof length !== 'number') return length;
      const lead = offset === 0 ? NO_LEAD : new Uint8Array(bytes.subarray(start, start + offset));
      const header: Prefix = { value: Number(value), lead };
      return { header, length, delivery: fixed ?? deliveryOf(header, length) };
    },
  };
}
