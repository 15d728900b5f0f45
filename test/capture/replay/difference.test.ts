import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { selects } from '../../../src/capture/inspect/selection.ts';
import { describeValue, differences, firstDifference } from '../../../src/capture/replay/difference.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';

describe('what differs between two values', () => {
  property.prop([fc.anything()])('is nothing between a value and a copy of it', (value) => {
    fc.pre(!hasOdd(value));
    expect(differences(value, structuredClone(value))).toEqual([]);
  });

  test.each([
    ['a field', { a: 1, b: { c: 2 } }, { a: 1, b: { c: 3 } }, [['b.c', 2, 3]]],
    ['an element', [1, [2]], [1, [3]], [['[1][0]', 2, 3]]],
    [
      'one too many, and one too few',
      { a: 1 },
      { b: 1 },
      [
        ['a', 1, undefined],
        ['b', undefined, 1],
      ],
    ],
    ['a type', { a: [] }, { a: {} }, [['a', [], {}]]],
    ['a number and its text', 1, '1', [['', 1, '1']]],
    ['null and nothing', { a: null }, {}, [['a', null, undefined]]],
    [
      'bytes',
      Uint8Array.of(1, 2, 3),
      Uint8Array.of(1, 9, 3),
      [['[1]', Uint8Array.of(2, 3), Uint8Array.of(9, 3)]],
    ],
    ['their length', Uint8Array.of(1), Uint8Array.of(1, 2), [['[1]', Uint8Array.of(), Uint8Array.of(2)]]],
    ['errors', new Error('a'), new Error('b'), [['', new Error('a'), new Error('b')]]],
  ])('a difference between two values is told with its place: %s', (_, expected, got, found) => {
    expect(differences(expected, got)).toEqual(
      found.map(([path, expected, got]) => ({ path, expected, got })),
    );
  });

  test('a difference between two values is not reported where it counts for nothing, by its path without indices', () => {
    const ignored = (path: string) => path === 'files.mtime';
    expect(
      differences({ files: [{ mtime: 1 }], mtime: 1 }, { files: [{ mtime: 2 }], mtime: 2 }, ignored),
    ).toEqual([{ path: 'mtime', expected: 1, got: 2 }]);
  });

  test('an undefined field and a missing field are no difference', () => {
    expect(differences({ a: undefined }, {})).toEqual([]);
  });

  test('differences between two values are reported up to a maximum', () => {
    expect(differences(Array(50).fill(1), Array(50).fill(2))).toHaveLength(10);
    expect(differences([1, 1], [2, 2], undefined, 1)).toHaveLength(1);
  });

  property.prop([fc.nat(20_000), fc.nat(20_000)])('in bytes is found wherever it is', (length, at) => {
    fc.pre(at < length);
    const left = new Uint8Array(length).fill(7);
    const right = left.slice();
    expect(firstDifference(left, right)).toBeNull();
    right[at] = 8;
    expect(firstDifference(left, right)).toBe(at);
    expect(firstDifference(left, left.subarray(0, at))).toBe(at);
  });

  test('a differing value is written in a line, as short as was asked for', () => {
    expect(describeValue({ a: 1n, b: Uint8Array.of(1, 255) })).toBe('{"a":"1n","b":"bytes 01 ff"}');
    expect(describeValue(undefined)).toBe('nothing');
    expect(describeValue('x'.repeat(100), 10)).toBe(`"${'x'.repeat(8)}…`);
    expect(describeValue(new Uint8Array(20))).toBe(`bytes ${'00 '.repeat(16)}… (20 in all)`);
  });
});

/** What is compared by more than its fields, which no header holds. */
function hasOdd(value: unknown): boolean {
  try {
    return (
      JSON.stringify(value) === undefined || JSON.stringify(value) !== JSON.stringify(structuredClone(value))
    );
  } catch {
    return true;
  }
}

describe('conversations are meant', () => {
  const ipv6 = { ...conversationEvents().conversation, client: '[2001:db8::1]:40000', server: '[::1]:8080' };

  test.each([
    ['::1', true],
    ['[::1]', true],
    ['[::1]:8080', true],
    [':8080', true],
    ['2001:db8::1', true],
    ['::2', false],
    [':808', false],
    ['8080', false],
  ])('a selection means conversations by addresses of IPv6: %s, %s', (only, expected) => {
    expect(selects(only)(ipv6)).toBe(expected);
  });
});
