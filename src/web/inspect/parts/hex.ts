import { asciiOf, hexDigits } from '../../../base/bytes.ts';

/** Sixteen bytes a line: where they are, in hexadecimal, and as ASCII. */
export function hexDump(bytes: Uint8Array, position: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const cells = Array.from(row, (byte) => hexDigits(byte, 2));
    const hex = `${cells.slice(0, 8).join(' ').padEnd(23)}  ${cells.slice(8).join(' ').padEnd(23)}`;
    lines.push(`${hexDigits(position + at, 8)}  ${hex}  ${asciiOf(row)}`);
  }
  return lines.join('\n');
}
