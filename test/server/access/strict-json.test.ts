import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { DEPTH_MAX, STEPS_PER_TURN, strictJson } from '../../../src/server/access/strict-json.ts';
import { runCooperatively, runToEnd } from '../../../src/server/cooperative.ts';

const read = (text: string) => runToEnd(strictJson(text));

/** What `JSON.parse` makes of it; undefined when it refuses. */
function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** JSON as people write it: with white space, in lines. */
const written = fc
  .tuple(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'))
  .map(([value, indent]) => JSON.stringify(value, null, indent));

property.prop([written])('any JSON means what it means to JSON.parse', (text) => {
  expect(read(text)).toEqual({ ok: true, value: JSON.parse(text), duplicates: [] });
});

property.prop([
  written,
  fc.nat(),
  fc.constantFrom(
    '',
    '"',
    ',',
    '{',
    '}',
    '[',
    ']',
    ':',
    '\\',
    '\n',
    '0',
    '-',
    '.',
    'e',
    'null',
    '\u0000',
    'é',
  ),
  fc.nat(2),
])('what JSON.parse refuses is refused, and nothing else', (text, place, junk, cut) => {
  const at = place % (text.length + 1);
  const changed = text.slice(0, at) + junk + text.slice(at + cut);
  const wanted = parsed(changed);
  const got = read(changed);
  expect(got.ok).toBe(wanted !== undefined);
  if (got.ok) expect(got.value).toEqual(wanted?.value);
});

property.prop([fc.dictionary(fc.string(), fc.nat(9), { minKeys: 1 }), fc.nat(), fc.nat(3)])(
  'a key that an object has twice is reported with both lines, wherever the object is',
  (object, which, depth) => {
    const entries = Object.entries(object);
    const first = which % entries.length;
    const lines = [...entries, entries[first]!].map(([key, value]) => `${JSON.stringify(key)}: ${value}`);
    const text = `${'[0, {"in": '.repeat(depth)}{\n${lines.join(',\n')}}${'}]'.repeat(depth)}`;
    const above = Array.from({ length: depth }, () => [1, 'in']).flat();
    expect(read(text)).toMatchObject({
      duplicates: [{ path: [...above, entries[first]![0]], lines: [first + 2, entries.length + 2] }],
    });
  },
);

test('a key is the same however it is escaped, and another one in another object', () => {
  expect(read('{"a": 1, "\\u0061": 2}')).toMatchObject({ duplicates: [{ path: ['a'], lines: [1, 1] }] });
  expect(read('[{"a": 1}, {"a": {"a": 2}}]')).toMatchObject({ duplicates: [] });
});

test('a key named __proto__ is a key like any other', () => {
  const got = read('{"__proto__": {"a": 1}}');
  expect(got.ok && Object.keys(got.value as object)).toEqual(['__proto__']);
  expect(read('{"__proto__": 1, "__proto__": 1}')).toMatchObject({ duplicates: [{ path: ['__proto__'] }] });
});

test('a byte order mark may come first', () => {
  expect(read('\uFEFF{"a": 1}')).toMatchObject({ value: { a: 1 } });
});

describe('what is wrong is told by line and column, without anything of the text', () => {
  test.each([
    ['', 'line 1, column 1: the text ends too early'],
    ['{"a": 1', 'line 1, column 8: the text ends too early'],
    ['{\n  "a": 1\n  "b": 2\n}', 'line 3, column 3: there must be a comma or }'],
    ['[1 2]', 'line 1, column 4: there must be a comma or ]'],
    ['{a: 1}', 'line 1, column 2: there must be a key in double quotes'],
    ['{"a": 1,}', 'line 1, column 9: there must be a key in double quotes'],
    ['[\r\n1,\r\n]', 'line 3, column 1: there must be a value'],
    ['{"a" 1}', 'line 1, column 6: there must be a colon'],
    ['{} {}', 'line 1, column 4: there is more behind the value'],
    [
      '{"a": "secret,\n"b": 1}',
      'line 1, column 7: the string has no end in its line, or something in it must be escaped',
    ],
    ['"\\', 'line 1, column 3: the text ends too early'],
  ])('the text %j is refused with the line and the column', (text, problem) => {
    expect(read(text)).toEqual({ ok: false, problem });
  });

  test(`more than ${DEPTH_MAX} levels are refused, before they take memory`, () => {
    const nested = (depth: number) => read('['.repeat(depth) + ']'.repeat(depth));
    expect(nested(DEPTH_MAX).ok).toBe(true);
    expect(nested(DEPTH_MAX + 1)).toMatchObject({
      problem: `line 1, column ${DEPTH_MAX + 1}: more than ${DEPTH_MAX} lists and objects are in one another`,
    });
  });
});

test('a long text is read in as many turns as it is long, none of which reads more than another', async () => {
  let turns = 0;
  const turnsFor = async (values: number) => {
    turns = 0;
    await runCooperatively(strictJson(JSON.stringify(Array(values).fill(0))), async () => void turns++);
    return turns;
  };
  expect(await turnsFor(10 * STEPS_PER_TURN)).toBe(10);
  expect(await turnsFor(40 * STEPS_PER_TURN)).toBe(40);
});
