/**
 * Integers of a fixed width and varints, in bytes. They are exact, however large; this file checks no limits.
 *
 * ```text
 *  width 4, big       12 34 56 78          0x12345678
 *  width 4, little    78 56 34 12          0x12345678
 *  varint             AC 02                0x12C = 300:  1 0101100  0 0000010
 *                                                        ^ more     ^ last
 * ```
 */
import type { LengthLayout } from './length-options.ts';

/** A number when it is within ±(2^53 - 1), else a bigint. */
export function exactly(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The integer of `layout.width` bytes at `at`. */
export function readFixed(layout: LengthLayout, bytes: Uint8Array, at: number): number | bigint {
  const { width, little, signed } = layout;
  if (width === 8) return readEight(layout, bytes, at);
  let value = 0;
  if (little) for (let i = at + width - 1; i >= at; i--) value = value * 256 + bytes[i]!;
  else for (let i = at; i < at + width; i++) value = value * 256 + bytes[i]!;
  const span = 2 ** (8 * width);
  return signed && value >= span / 2 ? value - span : value;
}

function readEight({ little, signed }: LengthLayout, bytes: Uint8Array, at: number): number | bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  return exactly(signed ? view.getBigInt64(0, little) : view.getBigUint64(0, little));
}

/** The varint `bytes[at..end)`, whose last byte is the one without the continuation bit. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number | bigint {
  // Seven bytes hold 49 bits, which a number does exactly.
  if (end - at > 7) return readLongVarint(bytes, at, end);
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = value * 128 + (bytes[i]! & 0x7f);
  return value;
}

function readLongVarint(bytes: Uint8Array, at: number, end: number): number | bigint {
  let value = 0n;
  for (let i = end - 1; i >= at; i--) value = (value << 7n) | BigInt(bytes[i]! & 0x7f);
  return exactly(value);
}

/** Writes `value` at `at` as an unsigned integer of `width` bytes. It must fit. */
export function writeFixed(
  bytes: Uint8Array,
  at: number,
  width: number,
  little: boolean,
  value: number,
): void {
  const [first, step] = little ? [at, 1] : [at + width - 1, -1];
  // Bits where they are enough: numbers beyond 32 of them have no shifts.
  if (value <= 0xffff_ffff) {
    for (let i = 0, rest = value; i < width; i++, rest >>>= 8) bytes[first + i * step] = rest;
    return;
  }
  let rest = value;
  for (let i = 0; i < width; i++) {
    bytes[first + i * step] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** How many bytes the shortest varint of `value` (0 to 2^53 - 1) has. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes `value` (0 to 2^53 - 1) at `at` as a varint of `size` bytes, at least as many as it needs. */
export function writeVarint(bytes: Uint8Array, at: number, size: number, value: number): void {
  const last = at + size - 1;
  let rest = value;
  for (let i = at; i <= last; i++) {
    bytes[i] = (rest % 128) | (i === last ? 0 : 0x80);
    rest = Math.floor(rest / 128);
  }
}
