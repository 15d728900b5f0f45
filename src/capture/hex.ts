/** Hexadecimal text, for messages. */

/** A number with a fixed count of digits. @example hexNumber(0x806, 4) // '0x0806' */
export const hexNumber = (value: number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`;

/** Bytes, two digits each. @example hexBytes(Uint8Array.of(1, 255)) // '01 ff' */
export const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
