/** Which worker gets a socket, and when one that has ended is started again. */
import { expect, test } from 'vitest';
import { createRestarts } from '../../../src/server/workers/restarts.ts';
import { createSpread } from '../../../src/server/workers/spread.ts';

test('each socket goes to the worker with the fewest, and in turns where several have as few', () => {
  const spread = createSpread<string>();
  for (const worker of ['a', 'b', 'c']) spread.add(worker);
  expect([1, 2, 3, 4].map(() => spread.pick())).toEqual(['a', 'b', 'c', 'a']);
  spread.over('c');
  expect([1, 2, 3].map(() => spread.pick())).toEqual(['c', 'b', 'c']);
});

test('a worker that is behind gets no socket while another one is not, and the fewest count where all are', () => {
  const behind = new Set(['a']);
  const spread = createSpread<string>((worker) => behind.has(worker));
  for (const worker of ['a', 'b', 'c']) spread.add(worker);
  expect([1, 2, 3].map(() => spread.pick())).toEqual(['b', 'c', 'b']);
  behind.add('b').add('c');
  expect([1, 2].map(() => spread.pick())).toEqual(['a', 'c']);
  behind.clear();
  expect([1, 2].map(() => spread.pick())).toEqual(['a', 'b']);
});

test('a worker that is gone gets no socket, and one that takes its place begins with none', () => {
  const spread = createSpread<string>();
  expect(spread.pick()).toBeUndefined();
  spread.add('a');
  spread.add('b');
  spread.pick();
  spread.pick();
  spread.remove('a');
  spread.over('a');
  expect([spread.pick(), spread.pick()]).toEqual(['b', 'b']);
  spread.add('a2');
  expect(spread.pick()).toBe('a2');
});

test('a worker that has served for long is replaced at once, and one that ends again and again ever later', () => {
  const restarts = createRestarts();
  expect([1, 2, 3, 4].map(() => restarts.ended(50))).toEqual([0, 100, 200, 400]);
  for (let i = 0; i < 20; i++) restarts.ended(50);
  expect(restarts.ended(50)).toBe(30_000);
  expect(restarts.ended(60_000)).toBe(0);
  expect(restarts.ended(50)).toBe(0);
});
