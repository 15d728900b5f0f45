import { createHash } from 'node:crypto';
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { Hasher } from '../../../src/client/checksums/hasher.ts';
import { paddingOf, sha256 } from '../../../src/client/checksums/sha256.ts';

const hashed = (hasher: Hasher, pieces: Iterable<Uint8Array>): string => {
  for (const piece of pieces) hasher.update(piece);
  return hasher.digest();
};
const ofNode = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('the SHA-256 of the example of FIPS 180 is that of the standard', () => {
  expect(hashed(sha256(), [new TextEncoder().encode('abc')])).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('the SHA-256 of every length around the end of a block is that of Node', () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => at * 7 + length);
    expect(hashed(sha256(), [bytes])).toBe(ofNode(bytes));
  }
});

test.prop([fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 })])(
  'the SHA-256 is that of Node, in whatever pieces the bytes come',
  (pieces) => {
    expect(hashed(sha256(), pieces)).toBe(ofNode(Buffer.concat(pieces)));
  },
);

test('the memory of a piece may be used again as soon as it is taken', () => {
  const room = new Uint8Array(100);
  function* pieces() {
    for (let fill = 0; fill < 5; fill++) yield room.subarray(0, 30 + fill).fill(fill);
  }
  const whole = Buffer.concat([...pieces()].map((piece, fill) => Buffer.alloc(piece.length, fill)));
  expect(hashed(sha256(), pieces())).toBe(ofNode(whole));
});

test.prop([fc.maxSafeNat()])(
  'the padding ends with the length in bits, also where that has more than 32, and completes a block',
  (length) => {
    const padding = Buffer.from(paddingOf(length));
    expect(padding.readBigUInt64BE(padding.length - 8)).toBe(BigInt(length) * 8n);
    expect((BigInt(length) + BigInt(padding.length)) % 64n).toBe(0n);
    expect(padding.length).toBeLessThanOrEqual(72);
  },
);
