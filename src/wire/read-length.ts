/**
 * A length field read: how long the prefix is, and what it says of the body.
 *
 * The other direction is `encode-length`; the two accept exactly the same lengths.
 */
import type { HeadFault } from './fault.ts';
import { headFault } from './fault.ts';
import { exactly, readFixed, readVarint } from './integer-field.ts';
import type { LengthLayout } from './length-options.ts';

/** How many bytes of prefix there are, as far as `bytes[start..end)` tell. The value is not looked at. */
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

/** What the field of the complete prefix `bytes[start..end)` holds. */
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
 * The length of the body when the field holds `value`, or what is wrong with it.
 *
 * @param size bytes of the field.
 */
export function bodyLength(layout: LengthLayout, value: number | bigint, size: number): number | HeadFault {
  const { maxLength } = layout;
  const shift = layout.countsField ? layout.shift - size : layout.shift;
  if (typeof value === 'number' && value >= 0) {
    const length = value + shift;
    if (length >= 0 && length <= maxLength) return length;
  }
  return outOfBounds(value, shift, maxLength);
}

function outOfBounds(value: number | bigint, shift: number, maxLength: number): HeadFault {
  if (value < 0)
    return headFault('length-negative', `the length field says ${value}, a negative number`, value, 0);
  const length = exactly(BigInt(value) + BigInt(shift));
  const says = `the length field says ${value}`;
  if (length < 0) return headFault('length-too-small', `${says}, and the least is ${-shift}`, value, -shift);
  if (length > maxLength) {
    const body = shift === 0 ? '' : `, so the body has ${length} bytes`;
    return headFault('length-too-large', `${says}${body}, and the most is ${maxLength}`, length, maxLength);
  }
  // The body would be within bounds, but what the field says is not a number that can be counted with.
  const most = Number.MAX_SAFE_INTEGER;
  return headFault('length-too-large', `${says}, and the most that can be counted is ${most}`, value, most);
}
