/** What `--find` looks for. */
import { InvalidArgumentError } from 'commander';
import { NEEDLE_BYTES_MAX } from '../../capture/inspect/find-bytes.ts';

export interface Needle {
  /** As it was asked for. */
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly indexOf: (bytes: Uint8Array, from: number) => number;
}

/** Parses text, whose bytes are those of UTF-8, or bytes in hexadecimal digits behind `0x`. */
export function needle(text: string): Needle {
  const bytes = /^0x/i.test(text) ? hexBytes(text.slice(2)) : Buffer.from(text);
  if (bytes.length === 0) throw new InvalidArgumentError('It must have at least one byte.');
  if (bytes.length > NEEDLE_BYTES_MAX) {
    throw new InvalidArgumentError(`It must have no more than ${NEEDLE_BYTES_MAX} bytes.`);
  }
  const indexOf = (all: Uint8Array, from: number): number =>
    Buffer.from(all.buffer, all.byteOffset, all.length).indexOf(bytes, from);
  return { text, bytes, indexOf };
}

function hexBytes(digits: string): Buffer {
  if (!/^[\da-f]*$/i.test(digits)) {
    throw new InvalidArgumentError('Behind 0x there must be hexadecimal digits alone.');
  }
  if (digits.length % 2 !== 0) {
    throw new InvalidArgumentError('Behind 0x there must be two hexadecimal digits for each byte.');
  }
  return Buffer.from(digits, 'hex');
}
