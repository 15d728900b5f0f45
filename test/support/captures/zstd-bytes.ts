/** Zstandard data (RFC 8878) written by hand, as there are Nodes that cannot compress. */
import { bytesOf } from './packet-bytes.ts';

export interface ZstdFields {
  /** Bytes in a block; default 128 KiB, the most there may be. */
  readonly blockSize?: number;
  /** Blocks of one byte that is repeated, of so many bytes each, in front of the others. */
  readonly repeated?: readonly number[];
  /** Bits of the descriptor besides: 0x04 says that a checksum follows. The checksum itself is wrong. */
  readonly descriptor?: number;
  /** What stands between the descriptor and the first block; default a window of 128 KiB. */
  readonly header?: readonly number[];
}

const block = (type: number, size: number, last: boolean): readonly number[] => {
  const value = (size << 3) | (type << 1) | (last ? 1 : 0);
  return [value & 0xff, (value >>> 8) & 0xff, value >>> 16];
};

/** A frame that has its content as it is. */
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

/** What decompressors pass over. */
export function skippableFrame(length: number, kind = 0): Uint8Array {
  const size = [length & 0xff, (length >>> 8) & 0xff, (length >>> 16) & 0xff, length >>> 24];
  return bytesOf([0x50 | kind, 0x2a, 0x4d, 0x18, ...size], new Uint8Array(length).fill(0x28));
}
