/** Bytes as hexadecimal digits and as ASCII. */

const two = (byte: number): string => byte.toString(16).padStart(2, '0');

export const asciiOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');

export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, two).join('');

/** Sixteen bytes a line: where they are, in hexadecimal, and as ASCII. */
export function hexDump(bytes: Uint8Array, position: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const cells = Array.from(row, two);
    const hex = `${cells.slice(0, 8).join(' ').padEnd(23)}  ${cells.slice(8).join(' ').padEnd(23)}`;
    lines.push(`${(position + at).toString(16).padStart(8, '0')}  ${hex}  ${asciiOf(row)}`);
  }
  return lines.join('\n');
}
