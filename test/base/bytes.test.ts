import { describe, expect, test } from 'vitest';
import { unshared } from '../../src/base/bytes.ts';

describe('unshared', () => {
  test('bytes that no other thread can change are not copied', () => {
    const bytes = new Uint8Array(8).subarray(2, 5);
    expect(unshared(bytes)).toBe(bytes);
  });

  test('bytes in shared memory are copied, and only they', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 3).fill(7);
    const copy = unshared(shared);
    shared.fill(0);
    expect(copy).toEqual(Uint8Array.of(7, 7, 7));
    expect(new Blob([copy]).size).toBe(3);
    expect(copy.buffer.byteLength).toBe(3);
  });
});
