/** Where frames of Zstandard data begin and end, however the data comes. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createZstdFrames, isZstd } from '../../../src/capture/format/zstd-frames.ts';
import { bytesOf } from '../../support/captures/packet-bytes.ts';
import { skippableFrame, type ZstdFields, zstdFrame } from '../../support/captures/zstd-bytes.ts';

/** The frames in what comes in blocks of these lengths, in turns, and whether it may end there. */
function framesIn(bytes: Uint8Array, lengths: readonly number[] = [bytes.length]) {
  const frames = createZstdFrames();
  const found: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let pieces = 0;
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const block = bytes.subarray(at, at + lengths[turn % lengths.length]!);
    at += block.length;
    for (const piece of frames.take(block)) {
      pieces++;
      parts.push(piece.bytes);
      if (!piece.last) continue;
      found.push(bytesOf(...parts));
      parts = [];
    }
  }
  return { found, rest: bytesOf(...parts), isWhole: frames.isWhole(), pieces };
}

const content = (length: number) => Uint8Array.from({ length }, (_, at) => at * 7);

/** Each kind of header: by the flags of its descriptor, and its length. */
const headers: readonly (readonly [number, number])[] = [
  [0x00, 1],
  [0x20, 1],
  [0x40, 3],
  [0x60, 2],
  [0x80, 5],
  [0xa0, 4],
  [0xc0, 9],
  [0xe0, 8],
  [0x01, 2],
  [0x02, 3],
  [0x03, 5],
  [0xe3, 12],
];
const anyFields = fc
  .record({
    kind: fc.constantFrom(...headers),
    checksum: fc.boolean(),
    blockSize: fc.integer({ min: 1, max: 40 }),
    repeated: fc.array(fc.nat({ max: 1000 }), { maxLength: 12 }),
  })
  .map(
    ({ kind: [flags, length], checksum, ...others }): ZstdFields => ({
      ...others,
      descriptor: flags | (checksum ? 0x04 : 0),
      header: new Array<number>(length).fill(0xfd),
    }),
  );
const anyFrame = fc
  .tuple(fc.nat({ max: 300 }), anyFields)
  .map(([length, fields]) => zstdFrame(content(length), fields));
const anySkippable = fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 15 })).map((of) => skippableFrame(...of));
const anyParts = fc.array(
  fc.oneof(
    anyFrame.map((bytes) => ({ bytes, skippable: false })),
    anySkippable.map((bytes) => ({ bytes, skippable: true })),
  ),
  { maxLength: 6 },
);
const anyLengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

property.prop([anyParts, anyLengths])(
  'all frames are found, byte for byte and without those to be skipped, however the data is cut',
  (parts, lengths) => {
    const { found, isWhole } = framesIn(bytesOf(...parts.map(({ bytes }) => bytes)), lengths);
    expect(found).toEqual(parts.filter(({ skippable }) => !skippable).map(({ bytes }) => bytes));
    expect(isWhole).toBe(true);
  },
);

property.prop([fc.oneof(anyFrame, anySkippable), fc.nat(), anyLengths])(
  'data that ends within a frame is not whole',
  (frame, random, lengths) => {
    const { found, isWhole } = framesIn(frame.subarray(0, 1 + (random % (frame.length - 1))), lengths);
    expect(found).toEqual([]);
    expect(isWhole).toBe(false);
  },
);

property.prop([fc.uint8Array({ maxLength: 200 }), anyLengths])(
  'no bytes make it throw, nor give more than came and the beginnings of frames',
  (bytes, lengths) => {
    const { found, rest } = framesIn(bytes, lengths);
    const given = found.reduce((sum, { length }) => sum + length, rest.length);
    expect(given).toBeLessThanOrEqual(bytes.length);
  },
);

test('what follows the frames and is none is passed over', () => {
  const frame = zstdFrame(content(10));
  expect(framesIn(bytesOf(frame, 'something else', frame))).toMatchObject({ found: [frame], isWhole: true });
});

test('no piece has more blocks than become 1 MiB', () => {
  const repeated = new Array<number>(800).fill(128 * 1024);
  const { pieces } = framesIn(zstdFrame(content(10), { repeated }));
  expect(pieces).toBeGreaterThanOrEqual(100);
});

describe('Zstandard data is detected by its first four bytes', () => {
  test.each([
    ['a frame', zstdFrame(content(1)), true],
    ['a frame to be skipped', skippableFrame(1, 15), true],
    ['too little of it', zstdFrame(content(1)).subarray(0, 3), false],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), false],
  ])('Zstandard data is detected by its first four bytes: %s', (_name, bytes, is) => {
    expect(isZstd(bytes)).toBe(is);
  });
});
