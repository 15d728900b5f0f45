/** What is told of changes that a full log drops. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { dropped } from '../../../src/server/sinks/dropped.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('changes that are dropped are told together, those before the first look are not, and a look that fails is passed over', async () => {
  const counts: (number | Error)[] = [7, 7, 9, new Error('away'), 10, 10];
  let looks = 0;
  const told: number[] = [];
  const telling = dropped(async () => {
    const count = counts[looks++] ?? 10;
    if (count instanceof Error) throw count;
    return { dropped: count };
  }).subscribe((more) => told.push(more));
  await vi.advanceTimersByTimeAsync(4_999);
  expect([looks, told]).toEqual([1, []]);
  await vi.advanceTimersByTimeAsync(60_001);
  telling.unsubscribe();
  expect(told).toEqual([2, 1]);
  const before = looks;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toBe(before);
});
