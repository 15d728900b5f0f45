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

const TEXT = 'x'.repeat(1000);

test.each<[string, unknown]>([
  ['the values of a Map', new Map([['key', TEXT]])],
  ['the keys of a Map', new Map([[TEXT, 1]])],
  ['the values of a Set', new Set([TEXT])],
  ['a Map in an array in a Map', new Map([[1, [new Map([[2, { text: TEXT }]])]]])],
  ['an ArrayBuffer', new ArrayBuffer(2000)],
  ['a SharedArrayBuffer', { shared: new SharedArrayBuffer(2000) }],
  ['a DataView', [new DataView(new ArrayBuffer(2000))]],
  ['a typed array of 8 bytes each', new Set([new Float64Array(250)])],
  ['the text of an error', new Error(TEXT)],
  ['what an error has as its cause', new Error('failed', { cause: TEXT })],
  ['a large BigInt', 1n << 16_000n],
  [
    'the fields of an object of a class',
    new (class Note {
      readonly text = TEXT;
    })(),
  ],
  ['the fields that a Map has besides its entries', Object.assign(new Map(), { text: TEXT })],
])('%s counts', (_, value) => {
  expect(memoryOf(value)).toBeGreaterThanOrEqual(2000);
  expect(memoryOf(value)).toBeLessThan(10_000);
});

test('entries of a Map or a Set cost what elements of an array do', () => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => i);
  expect(memoryOf(new Set(numbers))).toBe(memoryOf(numbers));
  expect(memoryOf(new Map(numbers.map((i) => [i, i])))).toBeGreaterThanOrEqual(2 * 10_000 * 64);
});

test('a value that contains itself is counted a few times at the most', () => {
  const room: { name: string; members: Set<unknown> } = { name: TEXT, members: new Set() };
  for (let i = 0; i < 10; i++) room.members.add({ name: TEXT, room });
  expect(memoryOf(room)).toBeGreaterThan(11 * 2000);
  expect(memoryOf(room)).toBeLessThan(2_000_000);
});

test('a value of very many parts is not looked at to its end, and costs more than any window', () => {
  const places: number[] = [];
  const many = new Proxy(new Array<number>(3_000_000).fill(0), {
    get: (target, key) => {
      if (typeof key === 'string' && key !== 'length') places.push(Number(key));
      return Reflect.get(target, key);
    },
  });
  expect(memoryOf(many)).toBeGreaterThanOrEqual(64_000_000);
  expect(places.length).toBeLessThan(1_000_010);
});

test.each<[string, () => object]>([
  [
    'a field that throws',
    () => ({
      get row(): string {
        throw new Error('a lazy column');
      },
    }),
  ],
  [
    'a proxy that was revoked',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  ],
])('%s cannot be looked at, and the rest of the value counts all the same', (_, make) => {
  expect(memoryOf(make())).toBeGreaterThan(0);
  const around = memoryOf({ text: TEXT, inner: make(), more: { text: TEXT } });
  expect(around).toBeGreaterThanOrEqual(4000);
  expect(around).toBeLessThan(10_000);
});
