/**
 * The prefix of a frame, which ends with its length field: read and written. Both directions accept exactly the same
 * lengths, so every prefix that is encoded can be decoded.
 */
import { inWords } from './argument.ts';
import { type BytesLike, bytesOf } from './bytes.ts';
import { type HeadFault, headFault } from './fault.ts';
import { exactly, readFixed, readVarint, varintSize, writeFixed, writeVarint } from './integer-codec.ts';
import { type LengthFieldOptions, type LengthLayout, layoutOf } from './length-options.ts';

/** The bytes of the prefix, as far as `bytes[start..end)` show. The value is not checked. */
export function prefixSize(
  layout: LengthLayout,
  bytes: Uint8Array,
  start: number,
  end: number,
): number | HeadFault {
  const { width, offset, minHead } = layout;
  if (width !== 0 || end - start < minHead) return minHead;
  const field = start + offset;
  const most = Math.min(end, field + layout.maxVarint);
  for (let i = field; i < most; i++) if (bytes[i]! < 0x80) return i + 1 - start;
  if (most - field < layout.maxVarint) return end - start + 1;
  return headFault('varint-too-long', `the length is a varint of more than ${layout.maxVarint} bytes`);
}

/** The value of the field in the complete prefix `bytes[start..end)`. */
export function fieldValue(
  layout: LengthLayout,
  bytes: Uint8Array,
  start: number,
  end: number,
): number | bigint {
  const field = start + layout.offset;
  return layout.width === 0 ? readVarint(bytes, field, end) : readFixed(layout, bytes, field);
}

/**
 * The length of the body when the field holds `value`, or the fault.
 *
 * @param size the bytes of the field.
 */
export function bodyLength(layout: LengthLayout, value: number | bigint, size: number): number | HeadFault {
  const { minLength, maxLength } = layout;
  const shift = layout.countsField ? layout.shift - size : layout.shift;
  if (typeof value === 'number' && value >= 0) {
    const length = value + shift;
    if (length >= minLength && length <= maxLength) return length;
  }
  return outOfBounds(value, shift, layout);
}

function outOfBounds(
  value: number | bigint,
  shift: number,
  { minLength, maxLength }: LengthLayout,
): HeadFault {
  if (value < 0)
    return headFault('length-negative', `the length field says ${value}, a negative number`, value, 0);
  const length = exactly(BigInt(value) + BigInt(shift));
  const says = `the length field says ${value}`;
  const least = minLength - shift;
  if (length < minLength)
    return headFault('length-too-small', `${says}, and the least is ${least}`, value, least);
  if (length > maxLength) {
    const body = shift === 0 ? '' : `, so the body has ${length} bytes`;
    return headFault('length-too-large', `${says}${body}, and the most is ${maxLength}`, length, maxLength);
  }
  // The body would be within bounds, but the value of the field is too large for an exact number.
  const most = Number.MAX_SAFE_INTEGER;
  return headFault('length-too-large', `${says}, and the most that can be counted is ${most}`, value, most);
}

/** The bytes, or the fault of the length or the header that cannot be encoded. */
export type Encoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly fault: HeadFault };

const NO_LEAD = new Uint8Array(0);

/**
 * The prefix of a body of `length` bytes: the lead, then the length field.
 *
 * @param lead the bytes before the field, exactly `offset` of them; default none.
 * @throws RangeError when an option is out of its bounds; TypeError when the length is no number, or the lead is not
 *   bytes. The refusal of a number is a value.
 * @example encodeLength({ width: 4, maxLength: 1024 }, 5) // { ok: true, bytes: 00 00 00 05 }
 * @example encodeLength({ width: 1, maxLength: 1024 }, 300) // { ok: false, fault: { code: 'length-too-large', limit: 255, … } }
 */
export function encodeLength(
  options: LengthFieldOptions,
  length: number,
  lead: BytesLike = NO_LEAD,
): Encoded {
  const layout = layoutOf(options);
  if (typeof length !== 'number') {
    throw new TypeError(`the length must be a number, and is ${inWords(length)}`);
  }
  return encodePrefix(layout, length, bytesOf(lead, 'the lead'), 0);
}

/**
 * As `encodeLength`, with checked options, into an array with room for `extra` bytes after the prefix.
 *
 * @internal
 */
export function encodePrefix(layout: LengthLayout, length: number, lead: Uint8Array, extra: number): Encoded {
  const size = fieldSize(layout, length, lead);
  if (typeof size !== 'number') return refused(size);
  const bytes = new Uint8Array(layout.offset + size + extra);
  writePrefix(layout, length, lead, size, bytes, 0);
  return { ok: true, bytes };
}

/**
 * The bytes of the length field for a body of `length` bytes, or why it cannot be said.
 *
 * @internal
 */
export function fieldSize(layout: LengthLayout, length: number, lead: Uint8Array): number | HeadFault {
  const { offset, width } = layout;
  if (lead.length !== offset) {
    const message = `there are ${lead.length} bytes before the length field, and must be ${offset}`;
    return headFault('header-invalid', message, lead.length, offset);
  }
  const fault = lengthFault(layout, length);
  if (fault !== null) return fault;
  const size = width === 0 ? varintSizeFor(layout, length) : width;
  const value = fieldValueFor(layout, length, size);
  return typeof value === 'number' ? size : value;
}

/**
 * Writes the lead and a length field of `size` bytes, as `fieldSize` has said, to `bytes[at..)`.
 *
 * @internal
 */
export function writePrefix(
  layout: LengthLayout,
  length: number,
  lead: Uint8Array,
  size: number,
  bytes: Uint8Array,
  at: number,
): void {
  const { offset, width } = layout;
  if (offset > 0) bytes.set(lead, at);
  const value = fieldValueFor(layout, length, size) as number;
  if (width === 0) writeVarint(bytes, at + offset, size, value);
  else writeFixed(bytes, at + offset, width, layout.little, value);
}

const refused = (fault: HeadFault): Encoded => ({ ok: false, fault });

/**
 * The fault of a length that no body has, or may have. It is checked first, since `varintSize` would not end for
 * infinity.
 */
function lengthFault({ minLength, maxLength }: LengthLayout, length: number): HeadFault | null {
  if (length < 0)
    return headFault('length-negative', `the length is ${length}, a negative number`, length, 0);
  if (length < minLength) {
    const message = `the length is ${length}, and the least is ${minLength}`;
    return headFault('length-too-small', message, length, minLength);
  }
  if (length > maxLength) {
    return headFault(
      'length-too-large',
      `the length is ${length}, and the most is ${maxLength}`,
      length,
      maxLength,
    );
  }
  if (!Number.isInteger(length)) {
    return headFault('body-length-invalid', `the length is ${length}, not a whole number`, length);
  }
  return null;
}

/** The value of the field for a body of `length` bytes, when the field has `size` bytes itself. */
function fieldValueFor(layout: LengthLayout, length: number, size: number): number | HeadFault {
  const { maxValue } = layout;
  const shift = layout.countsField ? layout.shift - size : layout.shift;
  const value = length - shift;
  if (value < 0) {
    return headFault(
      'length-too-small',
      `the length is ${length}, and the least that can be said is ${shift}`,
      length,
      shift,
    );
  }
  if (value > maxValue) {
    const most = maxValue + shift;
    const message = `the length is ${length}, and the most that can be said in ${size} bytes is ${most}`;
    return headFault('length-too-large', message, length, most);
  }
  return value;
}

/**
 * How many bytes the varint has: the fewest that can hold the value. When the length counts the varint itself, a longer
 * varint has a larger value, so the sizes are tried in turn.
 */
function varintSizeFor({ countsField, shift, maxVarint }: LengthLayout, length: number): number {
  for (let size = 1; size < maxVarint; size++) {
    const value = length - shift + (countsField ? size : 0);
    if (value >= 0 && varintSize(value) <= size) return size;
  }
  return maxVarint;
}
