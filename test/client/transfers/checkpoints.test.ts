import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { createCheckpoints } from '../../../src/client/transfers/checkpoints.ts';

const MiB = 1024 * 1024;

test('the last checkpoint before an offset is found, and offset 0 when there is none', () => {
  const checkpoints = createCheckpoints();
  for (let at = 1; at <= 5; at++) checkpoints.note(at * MiB, at);
  expect(checkpoints.before(3.5 * MiB)).toEqual({ offset: 3 * MiB, crc32: 3 });
  expect(checkpoints.before(3 * MiB)).toEqual({ offset: 3 * MiB, crc32: 3 });
  expect(checkpoints.before(MiB - 1)).toEqual({ offset: 0, crc32: 0 });
});

test('the checkpoint at the durable offset is kept, and none before it', () => {
  const checkpoints = createCheckpoints();
  for (let at = 1; at <= 5; at++) checkpoints.note(at * MiB, at);
  checkpoints.passed(3.5 * MiB);
  expect(checkpoints.before(3.5 * MiB).offset).toBe(3 * MiB);
  expect(checkpoints.before(2.5 * MiB).offset).toBe(0);
  expect(checkpoints.before(9 * MiB).offset).toBe(5 * MiB);
  checkpoints.clear();
  expect(checkpoints.before(9 * MiB).offset).toBe(0);
});

property.prop([fc.integer({ min: 1, max: 5000 })])(
  'the last checkpoint is not far, however many are noted',
  (count) => {
    const checkpoints = createCheckpoints();
    for (let at = 1; at <= count; at++) checkpoints.note(at * MiB, at);
    const { offset } = checkpoints.before(count * MiB);
    // At most 64 are kept, at least half as many: so no two are further apart than this.
    expect(count * MiB - offset).toBeLessThanOrEqual(Math.max(1, count / 16) * MiB);
  },
);
