/** Files that are no captures: the message names what they are, and what to do. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { captureOf } from '../../src/capture/capture.ts';
import { pcapBytes } from '../support/captures/capture-bytes.ts';
import { inBlocks, readCapture } from '../support/captures/read-capture.ts';

const text = (characters: string): Uint8Array => Buffer.from(characters, 'latin1');
const zeros = new Uint8Array(24);

const cases: readonly (readonly [name: string, bytes: Uint8Array, says: string])[] = [
  ['nothing', new Uint8Array(0), 'the file is empty'],
  ['a byte', Uint8Array.of(0xd4), 'the file has only 1 byte'],
  ['three bytes of a magic', Uint8Array.of(0xd4, 0xc3, 0xb2), 'the file has only 3 bytes'],
  ['gzip', gzipSync(pcapBytes({ packets: [] })), 'it is compressed with gzip: gunzip it first'],
  [
    'zstd',
    Buffer.concat([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), zeros]),
    'Zstandard: decompress it first (zstd -d)',
  ],
  ['LZ4', text('\x04\x22\x4d\x18\0'), 'LZ4: decompress it first (lz4 -d)'],
  ['LZ4 of old', text('\x02\x21\x4c\x18\0'), 'LZ4: decompress it first (lz4 -d)'],
  ['bzip2', text('BZh91AY'), 'bzip2: decompress it first (bzip2 -d)'],
  ['LZMA', text('\x5d\0\0\x80\0'), 'LZMA: decompress it first (xz -d)'],
  ['lzip', text('LZIP\x01'), 'lzip: decompress it first (lzip -d)'],
  ['lzop', text('\x89LZO\0\r\n'), 'lzop: decompress it first (lzop -d)'],
  ['compress', text('\x1f\x9d\x90\0'), 'compress: decompress it first (gzip -d)'],
  ['Snappy', text('\xff\x06\0\0sNaPpY'), 'Snappy: decompress it first (snzip -d)'],
  ['a 7z archive', text('7z\xbc\xaf\x27\x1c'), 'a 7z archive: unpack it first'],
  ['xz', text('\xfd7zXZ\0\0\x04'), 'xz -d'],
  ['a zip archive', text('PK\x03\x04\x14\0'), 'unpack it'],
  ['text', text('No.  Time  Source  Destination'), 'it is text, and begins with "No.  Time  Source  Desti"'],
  ['a snoop file', text('snoop\0\0\0\0\0\0\x02\0\0\0\x04'), 'a snoop capture (Solaris): convert it'],
  ['an unknown pcap variant', Uint8Array.of(0xa1, 0xb2, 0xff, 0xff), 'a pcap variant that is not known'],
  [
    'an ERF file',
    Uint8Array.of(0, 0, 0, 0, 0, 0xf1, 0x53, 0x65, 2, 4, 0, 78, 0, 0, 0, 60, ...zeros),
    'an ERF capture',
  ],
  ['anything else', Uint8Array.of(1, 2, 3, 0xff, 5, 6, 7, 8, 9), 'it begins with 01 02 03 ff 05 06 07 08'],
];

test.each(cases)('a file that is no capture is explained: %s', async (_, bytes, says) => {
  for (const capture of [captureOf(bytes, 'x.pcap'), inBlocks(bytes, [1, 1, 0, 2])]) {
    const { packets, fault } = await readCapture(capture);
    expect(packets).toEqual([]);
    expect(fault).toMatchObject({ code: 'not-a-capture', position: 0, after: 0 });
    expect(fault!.message).toContain(`${capture.name}: `);
    expect(fault!.message).toContain(says);
  }
});

test('a file that ends within its header is cut, not unknown', async () => {
  const { fault } = await readCapture(captureOf(pcapBytes({ packets: [] }).subarray(0, 10), 'x.pcap'));
  expect(fault).toMatchObject({
    code: 'truncated',
    message: 'x.pcap: at byte 0: the file ends 10 bytes into the file header',
    position: 0,
    after: 0,
  });
});
