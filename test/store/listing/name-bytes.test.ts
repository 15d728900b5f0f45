/** Names as strings of their bytes. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { fromBytes, isWellFormed, toBytes } from '../../../src/store/listing/name-bytes.ts';

const name = fc.string({
  unit: fc.constantFrom('a', 'b', '.', '/', '0', 'é', '中', '\ufffd', '\uffff', '\ue000', '😀', '\u{10ffff}'),
});
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

test.prop([name, name])('are ordered by the engine as the bytes of their UTF-8 are', (a, b) => {
  expect(order(toBytes(a), toBytes(b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
});

test.prop([fc.string({ unit: 'binary' })])('are a character a byte, and the same names again', (text) => {
  const bytes = toBytes(text);
  expect(bytes).toBe(Buffer.from(text).toString('latin1'));
  expect(fromBytes(bytes)).toBe(isWellFormed(text) ? text : Buffer.from(text).toString());
});

test.prop([fc.uint8Array({ maxLength: 8 })])('are no names when they are not UTF-8', (raw) => {
  const isUtf8 = Buffer.from(Buffer.from(raw).toString('utf8')).equals(raw);
  const found = fromBytes(Buffer.from(raw).toString('latin1'));
  expect(found).toBe(isUtf8 ? Buffer.from(raw).toString('utf8') : undefined);
});
