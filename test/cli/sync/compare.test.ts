/** What a sync decides: the result of comparing two trees by name. */
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { byTime, compareTrees, type TreeFile } from '../../../src/cli/sync/compare.ts';

const TIMES = { why: 'time', content: byTime } as const;

const names = (files: readonly TreeFile[]) => files.map(({ name }) => name);
const file = (name: string, size = 1, mtime = 1000): TreeFile => ({ name, size, mtime });

test('a file is transferred when it is not there, or has another size or time', async () => {
  const source = [
    file('new'),
    file('same'),
    file('size', 2),
    file('time', 1, 1002),
    file('rounded', 1, 1001),
  ];
  const there = [file('same'), file('size'), file('time'), file('rounded'), file('extra')];
  const { transfers, extra, unchanged } = await compareTrees(source, there, TIMES);
  expect(transfers.map((each) => [each.file.name, each.reason])).toEqual([
    ['new', 'new'],
    ['size', 'size'],
    ['time', 'time'],
  ]);
  expect(names(extra)).toEqual(['extra']);
  expect(unchanged).toBe(2);
});

test('what is extra is in the way where a file comes to be a folder, or a folder a file', async () => {
  const source = [file('a/b/c'), file('d'), file('e/f')];
  const there = [file('a/b'), file('d/x'), file('d/y/z'), file('dd'), file('e/g')];
  const { inTheWay } = await compareTrees(source, there, TIMES);
  expect(names(inTheWay)).toEqual(['a/b', 'd/x', 'd/y/z']);
});

test('the content is asked about only when the sizes are the same', async () => {
  const asked: string[] = [];
  const plan = await compareTrees(
    [file('a'), file('b'), file('c', 2), file('d')],
    [file('a'), file('b'), file('c')],
    {
      why: 'checksum',
      content: async (pairs) => {
        asked.push(...pairs.map(({ source }) => source.name));
        return [true, false];
      },
    },
  );
  expect(asked).toEqual(['a', 'b']);
  expect(plan.transfers.map((each) => [each.file.name, each.reason])).toEqual([
    ['b', 'checksum'],
    ['c', 'size'],
    ['d', 'new'],
  ]);
});

const tree = fc.uniqueArray(
  fc.record({ name: fc.constantFrom(...'abcdefgh'), size: fc.nat(2), mtime: fc.nat(3).map((s) => s * 1000) }),
  { selector: ({ name }) => name },
);

property.prop([tree, tree])(
  'when the plan is carried out and nothing extra is left, the destination is the source, and a second plan is empty',
  async (source, destination) => {
    const { transfers, extra, unchanged } = await compareTrees(source, destination, TIMES);
    const result = new Map(destination.map((each) => [each.name, each]));
    for (const each of transfers) result.set(each.file.name, each.file);
    for (const { name } of extra) result.delete(name);
    expect(new Map(source.map((each) => [each.name, each]))).toEqual(result);
    expect(transfers.length + unchanged).toBe(source.length);
    const second = await compareTrees(source, [...result.values()], TIMES);
    expect(second).toMatchObject({ transfers: [], extra: [], unchanged: source.length });
  },
);
