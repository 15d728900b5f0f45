/** Writes Zstandard data (RFC 8878), as not every version of Node can compress. */
import { bytesOf } from './packet-bytes.ts';

export interface ZstdFields {
  /** Bytes in a block; default 128 KiB, the maximum. */
  readonly blockSize?: number;
  /** The lengths of blocks of one repeated byte, in front of the other blocks. */
  readonly repeated?: readonly number[];
  /** The bits of the descriptor. With 0x04 a checksum follows, which is wrong. */
  readonly descriptor?: number;
  /** The bytes between the descriptor and the first block; default a window of 128 KiB. */
  readonly header?: readonly number[];
}

const block = (type: number, size: number, last: boolean): readonly number[] => {
  const value = (size << 3) | (type << 1) | (last ? 1 : 0);
  return [value & 0xff, (value >>> 8) & 0xff, value >>> 16];
};

/** A frame whose content is not compressed. */
export function zstdFrame(content: Uint8Array, fields: ZstdFields = {}): Uint8Array {
  const { blockSize = 128 * 1024, repeated = [], descriptor = 0, header = [0x38] } = fields;
  const parts: (Uint8Array | readonly number[])[] = [[0x28, 0xb5, 0x2f, 0xfd, descriptor, ...header]];
  for (const size of repeated) parts.push(block(1, size, false), [7]);
  for (let at = 0; at === 0 || at < content.length; at += blockSize) {
    const piece = content.subarray(at, at + blockSize);
    parts.push(block(0, piece.length, at + blockSize >= content.length), piece);
  }
  if ((descriptor & 0x04) !== 0) parts.push([1, 2, 3, 4]);
  return bytesOf(...parts);
}

/** A frame that decompressors skip. */
export function skippableFrame(length: number, kind = 0): Uint8Array {
  const size = [length & 0xff, (length >>> 8) & 0xff, (length >>> 16) & 0xff, length >>> 24];
  return bytesOf([0x50 | kind, 0x2a, 0x4d, 0x18, ...size], new Uint8Array(length).fill(0x28));
}
