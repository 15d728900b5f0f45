/** Times, numbers and bytes of a recording in words. Times are in nanoseconds since 1970. */

const NANOS = 1_000_000_000n;

/** @example isoTime(1_700_000_000_123_456_789n) // '2023-11-14T22:13:20.123456789Z' */
export function isoTime(nanos: bigint): string {
  const date = new Date(Number(nanos / 1_000_000n));
  if (Number.isNaN(date.getTime())) return '?';
  return `${date.toISOString().slice(0, 19)}.${String(nanos % NANOS).padStart(9, '0')}Z`;
}

/** @example elapsed(1_500_000n) // '0.001500' */
export function elapsed(nanos: bigint): string {
  return (Number(nanos) / 1e9).toFixed(6);
}

/** @example tookInWords(1_500_000n) // '1.5 ms' */
export function tookInWords(nanos: bigint): string {
  const value = Number(nanos);
  if (value < 1e3) return `${value} ns`;
  if (value < 999.5e3) return `${short(value / 1e3)} µs`;
  if (value < 999.5e6) return `${short(value / 1e6)} ms`;
  return `${short(value / 1e9)} s`;
}

const short = (value: number): string => (value < 9.95 ? value.toFixed(1) : value.toFixed(0));

/** @example grouped(1234567) // '1,234,567' */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** @example counted(2, 'frame') // '2 frames' */
export const counted = (count: number, noun: string): string =>
  `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;

/** With a dot for what is not printable. */
export const asciiOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');

/** Text in lines of so many columns, cut between words. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
