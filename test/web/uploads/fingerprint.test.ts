/** What tells one content from another by its ends. */
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { endsOf, type Readable, uploadIdOf } from '../../../src/web/uploads/fingerprint.ts';
import { cases } from '../../support/random/cases.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

const END = 64 * 1024;

/** A file that counts what is read of it. */
function counted(bytes: Uint8Array): Readable & { read: number } {
  const file = {
    size: bytes.length,
    read: 0,
    slice: (start: number, end: number) => {
      const blob = new Blob([Uint8Array.from(bytes.subarray(start, end))]);
      file.read += blob.size;
      return blob;
    },
  };
  return file;
}

property.prop([fc.integer({ min: 1, max: 4 * END }), fc.nat()], { numRuns: cases(12) })(
  'a byte that changes in the first or last 64 KiB is noticed, and no more than those are read',
  async (size, at) => {
    const bytes = bytesFrom(1, size);
    const file = counted(bytes);
    const before = await endsOf(file);
    expect(file.read).toBe(Math.min(size, 2 * END));
    const changed = Uint8Array.from(bytes);
    const place = at % size;
    changed[place]! ^= 1;
    const isAtAnEnd = place < END || place >= size - END;
    expect((await endsOf(counted(changed))) !== before).toBe(isAtAnEnd);
  },
);

test('a file that cannot be read has no fingerprint', async () => {
  const gone: Readable = {
    size: 10,
    slice: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }),
  };
  await expect(endsOf(gone)).rejects.toThrow('gone');
});

test('each name, size, time and content has an upload of its own, which the protocol allows', () => {
  const source = { source: 'a.txt', size: 1, modified: 2 };
  const ids = [
    uploadIdOf(source, 'ends'),
    uploadIdOf({ ...source, source: 'b.txt' }, 'ends'),
    uploadIdOf({ ...source, size: 2 }, 'ends'),
    uploadIdOf({ ...source, modified: 3 }, 'ends'),
    uploadIdOf(source, 'others'),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  expect(uploadIdOf({ ...source }, 'ends')).toBe(ids[0]);
});
