/** Names as strings of their bytes. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { fromBytes, isWellFormed, toBytes } from '../../../src/store/listing/name-bytes.ts';

const name = fc.string({
  unit: fc.constantFrom('a', 'b', '.', '/', '0', 'é', '中', '\ufffd', '\uffff', '\ue000', '😀', '\u{10ffff}'),
});
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

test.prop([name, name])('the engine orders name bytes as the UTF-8 of the names', (a, b) => {
  expect(order(toBytes(a), toBytes(b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
});

test.prop([fc.string({ unit: 'binary' })])(
  'name bytes have one character a byte and convert back to the same name',
  (text) => {
    const bytes = toBytes(text);
    expect(bytes).toBe(Buffer.from(text).toString('latin1'));
    expect(fromBytes(bytes)).toBe(isWellFormed(text) ? text : Buffer.from(text).toString());
  },
);

test.prop([fc.uint8Array({ maxLength: 8 })])('bytes that are not UTF-8 are no name', (raw) => {
  const isUtf8 = Buffer.from(Buffer.from(raw).toString('utf8')).equals(raw);
  const found = fromBytes(Buffer.from(raw).toString('latin1'));
  expect(found).toBe(isUtf8 ? Buffer.from(raw).toString('utf8') : undefined);
});
