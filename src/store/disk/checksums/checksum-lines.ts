/** Checksums as lines of text, one JSON array each; whatever is no such line is skipped. */
import { explainBadFilename } from '../../../files/protocol/filename.ts';
import type { Sum } from './checksum-cache.ts';

/** Bytes of the longest line there is: a name has at most 1,024, and escaping doubles them at worst. */
const LINE_BYTES_MAX = 4096;
const newline = 10;

export const lineOf = (name: string, { crc32, size, mtime, ino, since, until }: Sum): string =>
  `${JSON.stringify([name, size, mtime, ino, crc32, since, until])}\n`;

/** What a line says; undefined when it is none. */
function parsed(line: string): readonly [string, Sum] | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || fields.length !== 7) return undefined;
  const [name, ...numbers] = fields as readonly unknown[];
  if (typeof name !== 'string' || explainBadFilename(name) !== null) return undefined;
  if (!numbers.every((number): number is number => typeof number === 'number')) return undefined;
  const [size, mtime, ino, crc32, since, until] = numbers as [number, number, number, number, number, number];
  if (!Number.isInteger(crc32) || crc32 < 0 || crc32 > 0xffff_ffff) return undefined;
  return [name, { crc32, size, mtime, ino, since, until }];
}

/** Takes a text in pieces of bytes, cut anywhere, and hands out what its lines say. Holds one line at most. */
export function lineReader(each: (name: string, sum: Sum) => void): (piece: Buffer) => void {
  /** The beginning of a line whose end has not come. */
  let begun = Buffer.alloc(0);
  return (piece) => {
    const last = piece.lastIndexOf(newline);
    if (last >= 0) {
      const lines = Buffer.concat([begun, piece.subarray(0, last)])
        .toString('utf8')
        .split('\n');
      for (const line of lines) {
        const found = line.length > 0 && line.length <= LINE_BYTES_MAX ? parsed(line) : undefined;
        if (found !== undefined) each(...found);
      }
      begun = Buffer.alloc(0);
    }
    // One byte too many is enough to see that it is no line.
    begun = Buffer.concat([begun, piece.subarray(last + 1)]).subarray(0, LINE_BYTES_MAX + 1);
  };
}
