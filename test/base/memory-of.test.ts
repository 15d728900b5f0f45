import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { memoryOf } from '../../src/base/memory-of.ts';

test('an ordinary header costs a few hundred bytes', () => {
  const cost = memoryOf({ cmd: 'put', filename: 'photos/cat.jpg', filesize: 12_345, id: 7 });
  expect(cost).toBeGreaterThan(200);
  expect(cost).toBeLessThan(600);
});

test('a header of nested arrays costs what they do, not what their text does', () => {
  let nested: unknown = [];
  for (let depth = 1; depth < 10_000; depth++) nested = [nested];
  expect(memoryOf({ nested })).toBeGreaterThan(10_000 * 60);
  expect(memoryOf({ many: Array.from({ length: 10_000 }, () => []) })).toBeGreaterThan(10_000 * 60);
  expect(memoryOf({ many: Array.from({ length: 10_000 }, () => 1) })).toBeGreaterThan(10_000 * 60);
});

property.prop([fc.dictionary(fc.string(), fc.jsonValue())])(
  'a header never costs less than its text',
  (header) => {
    // Escapes make text longer than what it stands for.
    const text = JSON.stringify(header).replace(/\\u[0-9a-f]{4}|\\./g, '.').length;
    expect(memoryOf(header)).toBeGreaterThanOrEqual(text);
  },
);
