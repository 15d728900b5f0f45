import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { compareNames } from '../../src/store/name-order.ts';

const name = fc.string({
  unit: fc.constantFrom('a', 'b', '.', '/', '0', 'é', '中', '\uffff', '\ue000', '😀', '\u{10ffff}'),
});

test.prop([name, name])('names are ordered as the bytes of their UTF-8', (a, b) => {
  expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
});

test.prop([fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })])('whatever is in them', (a, b) => {
  expect(Math.sign(compareNames(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
});
