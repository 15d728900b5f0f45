/** Bytes: several arrays joined to one, and bytes and numbers written out for people. */

/**
 * Joins chunks to one array.
 *
 * @param length the bytes of all chunks, where the caller knows it.
 * @returns a copy, which keeps none of the chunks in memory.
 */
export function concatBytes(chunks: readonly Uint8Array[], length = totalBytes(chunks)): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

export function totalBytes(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/** @example hexOf(new TextEncoder().encode('GET')) // '47 45 54' */
export function hexOf(bytes: Uint8Array, separator = ' '): string {
  return Array.from(bytes, (byte) => hexDigits(byte, 2)).join(separator);
}

/**
 * A string with a character for each byte, for keys of maps. At most some thousand bytes.
 *
 * @example binaryString(Uint8Array.of(71, 69, 84), 0, 2) // 'GE'
 */
export function binaryString(bytes: Uint8Array, at: number, length: number): string {
  // An array of bytes is as good as one of numbers there, whatever the types say.
  return String.fromCharCode.apply(null, bytes.subarray(at, at + length) as unknown as number[]);
}

/** A number with a fixed count of digits. @example hexNumber(0x806, 4) // '0x0806' */
export function hexNumber(value: number, digits: number): string {
  return `0x${hexDigits(value, digits)}`;
}

/** @example hexDigits(10, 4) // '000a' */
export function hexDigits(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/**
 * The bytes as ASCII text, with a dot for each byte that is not printable.
 *
 * @example asciiOf(Uint8Array.of(71, 69, 84, 0)) // 'GET.'
 */
export function asciiOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join(
    '',
  );
}

/**
 * The same bytes in memory that no other thread can change: themselves, or a copy. A `Blob`, a `fetch` and the streams
 * of the web take no others.
 */
export const unshared = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
