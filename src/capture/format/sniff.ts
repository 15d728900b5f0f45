/** Detects the format of a file by its first bytes, never by its name. */
import { hexOf } from '../../base/bytes.ts';
import { createPcapFormat, pcapVariant } from './pcap-format.ts';
import { createPcapngFormat, SECTION_HEADER } from './pcapng-format.ts';
import type { RecordFormat } from './record-format.ts';
import { byteView } from './record-format.ts';

/** The most bytes that `sniff` looks at. */
export const SNIFF_BYTES = 24;

/** Whether the first two bytes are those of gzip. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** First bytes of files that are mistaken for captures, and what to say about them. */
const KNOWN_OTHERS: readonly (readonly [bytes: readonly number[], is: string])[] = [
  [[0x1f, 0x8b], 'it is compressed with gzip: gunzip it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'it is compressed with Zstandard: decompress it first (zstd -d)'],
  [[0x04, 0x22, 0x4d, 0x18], 'it is compressed with LZ4: decompress it first (lz4 -d)'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'it is compressed with xz: decompress it first (xz -d)'],
  [[0x02, 0x21, 0x4c, 0x18], 'it is compressed with LZ4: decompress it first (lz4 -d)'],
  [[0x42, 0x5a, 0x68], 'it is compressed with bzip2: decompress it first (bzip2 -d)'],
  [[...'LZIP'].map(code), 'it is compressed with lzip: decompress it first (lzip -d)'],
  [[0x89, ...[...'LZO'].map(code)], 'it is compressed with lzop: decompress it first (lzop -d)'],
  [[0x5d, 0x00, 0x00], 'it is compressed with LZMA: decompress it first (xz -d)'],
  [[0x1f, 0x9d], 'it is compressed with compress: decompress it first (gzip -d)'],
  [
    [0xff, 0x06, 0x00, 0x00, ...[...'sNaPpY'].map(code)],
    'it is compressed with Snappy: decompress it first (snzip -d)',
  ],
  [[0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], 'it is a 7z archive: unpack it first'],
  [[0x50, 0x4b, 0x03, 0x04], 'it is a zip archive: unpack it first'],
  [[...'snoop'].map(code), convert('a snoop capture (Solaris)')],
  [[...'GMBU'].map(code), convert('a capture of Microsoft Network Monitor 2')],
  [[...'RTSS'].map(code), convert('a capture of Microsoft Network Monitor 1')],
  [[...'TRSNIFF data'].map(code), convert('a capture of a Sniffer')],
  [[...'XCP\0'].map(code), convert('a capture of NetXRay')],
  [[0x34, 0xcd, 0xb2, 0xa1], 'it looks like a pcap variant that is not known'],
  [[0xa1, 0xb2], 'it looks like a pcap variant that is not known'],
  [[0x7f, ...[...'ELF'].map(code)], 'it is a program'],
];

function code(character: string): number {
  return character.charCodeAt(0);
}

function convert(what: string): string {
  return `it is ${what}: convert it first (editcap -F pcapng)`;
}

/**
 * Returns the format of a file that begins with these bytes, or explains why it is none that Sluice reads.
 *
 * @param head the first `SNIFF_BYTES` bytes, or as many as there are.
 */
export function sniff(head: Uint8Array): RecordFormat | string {
  if (head.length === 0) return 'the file is empty';
  if (head.length < 4) return `the file has only ${head.length} ${head.length === 1 ? 'byte' : 'bytes'}`;
  const { view } = byteView(head);
  const variant = pcapVariant(view);
  if (variant !== null) return createPcapFormat(variant);
  if (view.getUint32(0, true) === SECTION_HEADER) return createPcapngFormat();
  return `neither pcap nor pcapng: ${describe(head)}`;
}

function describe(head: Uint8Array): string {
  for (const [bytes, is] of KNOWN_OTHERS) {
    if (bytes.every((byte, index) => head[index] === byte)) return is;
  }
  if (isText(head)) return `it is text, and begins with ${JSON.stringify(String.fromCharCode(...head))}`;
  if (isErf(head)) return convert('perhaps an ERF capture (Endace)');
  return `it begins with ${hexOf(head.subarray(0, 8))}`;
}

function isText(head: Uint8Array): boolean {
  return head.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
}

/**
 * ERF has no magic: a time (its upper half, seconds since 1970, little-endian), a type from 1 to 48 (the upper bit says
 * that more follows), flags, and the length of the record with its header of 16 bytes, in network order.
 */
function isErf(head: Uint8Array): boolean {
  if (head.length < 16) return false;
  const type = head[8]! & 0x7f;
  const length = head[10]! * 256 + head[11]!;
  return type >= 1 && type <= 48 && length > 16 && length < 16_384 && head[7]! > 0x20;
}
