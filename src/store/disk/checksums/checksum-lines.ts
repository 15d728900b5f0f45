/** Checksums as lines of text, one JSON array each. Invalid lines are skipped. */
import { explainBadFilename } from '../../../files/protocol/filename.ts';
import type { Checksum } from './checksum-cache.ts';

/** The most bytes of a line: a name has at most 1,024, and escaping at worst doubles them. */
const LINE_BYTES_MAX = 4096;
const NEWLINE = 10;

export const formatLine = (name: string, { crc32, size, mtime, ino, since, until }: Checksum): string =>
  `${JSON.stringify([name, size, mtime, ino, crc32, since, until])}\n`;

/** The name and checksum of a line; undefined when the line is invalid. */
function parseLine(line: string): readonly [string, Checksum] | undefined {
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

/**
 * Reads a text in pieces of bytes, cut anywhere, and calls `each` for every valid line. Buffers at most one
 * line.
 */
export function createLineReader(each: (name: string, checksum: Checksum) => void): (piece: Buffer) => void {
  /** The beginning of a line whose end has not arrived. */
  let partialLine = Buffer.alloc(0);
  return (piece) => {
    const last = piece.lastIndexOf(NEWLINE);
    if (last >= 0) {
      const lines = Buffer.concat([partialLine, piece.subarray(0, last)])
        .toString('utf8')
        .split('\n');
      for (const line of lines) {
        const found = line.length > 0 && line.length <= LINE_BYTES_MAX ? parseLine(line) : undefined;
        if (found !== undefined) each(...found);
      }
      partialLine = Buffer.alloc(0);
    }
    // One byte more than allowed shows that the line is invalid.
    partialLine = Buffer.concat([partialLine, piece.subarray(last + 1)]).subarray(0, LINE_BYTES_MAX + 1);
  };
}
