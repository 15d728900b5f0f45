/**
 * The options of a length field, checked once.
 *
 * ```text
 *  |<- offset ->|<- width ->|
 *  +------------+-----------+---------------------+
 *  | lead       | length    | body                |
 *  +------------+-----------+---------------------+
 *                           |<------ 'body' ----->|   counts
 *               |<------------- 'field' --------->|
 *  |<------------------ 'frame' ----------------->|
 * ```
 *
 * The bytes that `counts` names are the value in the field plus `adjustment`.
 */
import { checkNames } from '../base/option-names.ts';
import { check, inWords, RECORD } from './argument.ts';
import type { Delivery } from './framing.ts';

/** The bytes before a body: the length field, and what lies before it. */
export interface Prefix {
  /** The value of the length field, as it was on the wire: from 0 to 2^53 - 1. */
  readonly value: number;
  /**
   * The `offset` bytes before the field (a message type, a marker, a channel), always a copy, so a header can be
   * kept without keeping the chunk it came in. Empty, at no cost, when `offset` is 0.
   */
  readonly lead: Uint8Array;
}

/**
 * The layout of a length field: what `lengthField`, `enframe`, `encodeFrame` and `encodeLength` take. `width` and
 * `maxLength` are needed, all others have defaults.
 */
export interface LengthFieldOptions {
  /**
   * Bytes of the field. `varint`: unsigned LEB128, seven bits a byte, the least significant first, as in Protocol
   * Buffers and MQTT. Longer encodings of a value than the shortest are accepted too.
   */
  readonly width: 1 | 2 | 3 | 4 | 8 | 'varint';
  /** The order of the field's bytes; default `big` (network order). A varint has only its own. */
  readonly endian?: 'big' | 'little';
  /** Whether the field is two's complement; default false. A negative value is always a fault. Not for a varint. */
  readonly signed?: boolean;
  /** The most bytes a varint may have, 1 to 10; default 10. MQTT: 4. */
  readonly maxVarint?: number;
  /** Bytes before the field, 0 to 65,536; default 0. */
  readonly offset?: number;
  /**
   * The bytes that the value counts: the bytes after the field (`body`, the default), the field too (`field`:
   * PostgreSQL), or the whole frame from its first byte, `offset` bytes included (`frame`: BGP).
   */
  readonly counts?: 'body' | 'field' | 'frame';
  /**
   * The bytes that `counts` names are the value plus this; default 0. MySQL's length leaves out the sequence number
   * after it: 1.
   */
  readonly adjustment?: number;
  /** The largest body: bytes after the field, 0 to 2^53 - 1. */
  readonly maxLength: number;
  /** The smallest body, 0 to `maxLength`; default 0. A smaller one is the fatal fault `length-too-small`. */
  readonly minLength?: number;
  /**
   * How bodies are handed on, or a function that says it for each, by its prefix and length in bytes; default always
   * `whole`.
   */
  readonly delivery?: Delivery | ((prefix: Prefix, length: number) => Delivery);
  /** The largest body delivered whole, in bytes; default 1 MiB, or `maxLength` if that is less. */
  readonly maxWhole?: number;
}

/** Checked options, and the numbers that follow from them. */
export interface LengthLayout {
  /** 0 for a varint. */
  readonly width: number;
  readonly little: boolean;
  readonly signed: boolean;
  readonly maxVarint: number;
  readonly offset: number;
  /** The least and the most bytes of prefix. */
  readonly minHead: number;
  readonly maxHead: number;
  /** Body length = value + shift, or value + shift - (width of the field) if it counts itself. */
  readonly shift: number;
  readonly countsField: boolean;
  readonly maxLength: number;
  readonly minLength: number;
  /** The largest value that the field can hold and that is an exact number. */
  readonly maxValue: number;
}

const WIDTHS: readonly unknown[] = [1, 2, 3, 4, 8, 'varint'];
const NAMES: { readonly [Name in keyof Required<LengthFieldOptions>]: true } = {
  width: true,
  endian: true,
  signed: true,
  maxVarint: true,
  offset: true,
  counts: true,
  adjustment: true,
  maxLength: true,
  minLength: true,
  delivery: true,
  maxWhole: true,
};
const OFFSET_BYTES_MAX = 65_536;
const ADJUSTMENT_MAX = 2 ** 32;

/**
 * Checks options. Wrong ones are a mistake in the program, not in the bytes, hence the throw.
 *
 * @throws RangeError that names the option; TypeError when they are no object.
 * @internal
 */
export function layoutOf(options: LengthFieldOptions): LengthLayout {
  check('the options of a length field', options, RECORD);
  checkNames('a length field', options, NAMES);
  const { width, endian = 'big', signed = false, maxVarint = 10, offset = 0 } = options;
  const { counts = 'body', adjustment = 0, maxLength, minLength = 0 } = options;
  const isVarint = width === 'varint';
  must(WIDTHS.includes(width), 'width must be 1, 2, 3, 4, 8 or varint', width);
  must(endian === 'big' || endian === 'little', 'endian must be big or little', endian);
  must(!(isVarint && signed), 'signed must not be set for a varint', signed);
  mustBeWithin('maxVarint', maxVarint, 1, 10);
  mustBeWithin('offset', offset, 0, OFFSET_BYTES_MAX);
  must(['body', 'field', 'frame'].includes(counts), 'counts must be body, field or frame', counts);
  mustBeWithin('adjustment', adjustment, -ADJUSTMENT_MAX, ADJUSTMENT_MAX);
  mustBeWithin('maxLength', maxLength, 0, Number.MAX_SAFE_INTEGER);
  mustBeWithin('minLength', minLength, 0, maxLength);
  const bits = isVarint ? 7 * maxVarint : 8 * width - (signed ? 1 : 0);
  return {
    width: isVarint ? 0 : width,
    little: endian === 'little',
    signed,
    maxVarint,
    offset,
    minHead: offset + (isVarint ? 1 : width),
    maxHead: offset + (isVarint ? maxVarint : width),
    shift: adjustment - (counts === 'frame' ? offset : 0),
    countsField: counts !== 'body',
    maxLength,
    minLength,
    maxValue: Math.min(2 ** bits - 1, Number.MAX_SAFE_INTEGER),
  };
}

function must(holds: boolean, rule: string, value: unknown): void {
  if (!holds) throw new RangeError(`${rule}, and is ${inWords(value)}`);
}

/** @internal */
export function mustBeWithin(name: string, value: number, least: number, most: number): void {
  must(
    Number.isInteger(value) && value >= least && value <= most,
    `${name} must be ${least} to ${most}`,
    value,
  );
}
