import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { headerCost } from '../../src/runtime/header-cost.ts';

test('an ordinary header costs eight times its bytes', () => {
  expect(headerCost({ cmd: 'ping' }, 20)).toBe(160);
});

test('a header of nested arrays costs what they do, not what their text does', () => {
  let nested: unknown = [];
  for (let depth = 1; depth < 10_000; depth++) nested = [nested];
  expect(headerCost({ nested }, 20_020)).toBeGreaterThan(10_000 * 60);
  expect(headerCost({ many: Array.from({ length: 10_000 }, () => []) }, 30_010)).toBeGreaterThan(10_000 * 60);
});

property.prop([fc.dictionary(fc.string(), fc.jsonValue())])('is never less than the text', (header) => {
  const text = JSON.stringify(header).length;
  expect(headerCost(header, text)).toBeGreaterThanOrEqual(text);
});
