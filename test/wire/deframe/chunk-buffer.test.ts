import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { append, type ChunkBuffer, gather } from '../../../src/wire/deframe/chunk-buffer.ts';
import { cases } from '../../support/random/cases.ts';
import { bytesOf } from '../stream.ts';

const content = ({ room, length }: ChunkBuffer) => [...room.bytes.subarray(0, length)];

test('the newest value is appended to in place', () => {
  const first = gather(bytesOf(1, 2), 0, 2, 100);
  const second = append(first, bytesOf(3), 0, 1, 100);
  expect(second.room).toBe(first.room);
  expect([content(first), content(second)]).toEqual([
    [1, 2],
    [1, 2, 3],
  ]);
});

test('an older value is copied first, so the newer one keeps its bytes', () => {
  const first = gather(bytesOf(1, 2), 0, 2, 100);
  const second = append(first, bytesOf(3), 0, 1, 100);
  const other = append(first, bytesOf(4), 0, 1, 100);
  expect(other.room).not.toBe(second.room);
  expect([content(second), content(other)]).toEqual([
    [1, 2, 3],
    [1, 2, 4],
  ]);
});

test('the chunk is copied, never kept', () => {
  const chunk = bytesOf(1, 2, 3, 4);
  const held = gather(chunk, 1, 3, 2);
  chunk.fill(9);
  expect(content(held)).toEqual([2, 3]);
  expect(held.room.bytes.buffer).not.toBe(chunk.buffer);
});

test('the room ends up exactly as large as the limit', () => {
  let held = gather(bytesOf(0), 0, 1, 1000);
  for (let i = 1; i < 1000; i++) held = append(held, bytesOf(i), 0, 1, 1000);
  expect(held.room.bytes).toHaveLength(1000);
});

const limit = 400;
const actions = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 20 })), { maxLength: 20 });

test.prop([actions], { numRuns: cases(500) })(
  'any value may be appended to at any time, and none ever changes',
  (appends) => {
    const values = [gather(bytesOf(), 0, 0, limit)];
    const expected: number[][] = [[]];
    for (const [which, bytes] of appends) {
      const i = which % values.length;
      values.push(append(values[i]!, bytes, 0, bytes.length, limit));
      expected.push([...expected[i]!, ...bytes]);
    }
    expect(values.map(content)).toEqual(expected);
  },
);
