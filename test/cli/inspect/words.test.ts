/** Times in words. */
import { expect, test } from 'vitest';
import { isoTime } from '../../../src/capture/inspect/words.ts';

test('a time is formatted by itself, whichever was formatted before it', () => {
  const times = [300_000_000n, -300_000_000n, 400_000_000n, 1_000_000_000n, -(2n ** 80n), 1_000_000_001n];
  const alone = ['1970-01-01T00:00:00.300000000Z', '1970-01-01T00:00:00.400000000Z'];
  const texts = times.map(isoTime);
  expect([texts[0], texts[2]]).toEqual(alone);
  expect(texts[1]!.slice(0, 19)).toBe('1969-12-31T23:59:59');
  expect(texts.slice(3)).toEqual(['1970-01-01T00:00:01.000000000Z', '?', '1970-01-01T00:00:01.000000001Z']);
});
