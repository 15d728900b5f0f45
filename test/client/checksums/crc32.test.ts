import { crc32 as crc32OfZlib } from 'node:zlib';
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { crc32 } from '../../../src/client/checksums/crc32.ts';

test('the CRC-32 of the check input is that of the catalogue', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
});

test.prop([fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 })])(
  'the CRC-32 is that of zlib, continued too',
  (head, tail) => {
    expect(crc32(tail, crc32(head))).toBe(crc32OfZlib(tail, crc32OfZlib(head)));
  },
);
