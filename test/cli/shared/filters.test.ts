/** `--exclude`, `--include` and `--filter-from`, held to what git does with the same lines. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addFilterOptions, type FilterFlags, filterOf } from '../../../src/cli/shared/filters.ts';
import { planPut } from '../../../src/cli/transfer/put-plan.ts';
import { tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

const parse = (...args: string[]): FilterFlags =>
  addFilterOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parse(args, { from: 'user' })
    .opts();

const names = [
  'a.tmp',
  'A.TMP',
  'keep.tmp',
  'build/x',
  'src/build/x',
  'src/a.tmp',
  'src/keep.tmp',
  '!bang',
  '#hash',
  'cache',
  'deep/cache/x/y',
  'a/b',
  'a/x/y/b',
  'with space ',
  'back\\slash',
  '..dots',
  '照片.jpg',
];

/** The names that git leaves out by these lines. */
function leftOutByGit(lines: readonly string[]): string[] {
  const folder = tempFolder();
  writeTree(folder, Object.fromEntries(names.map((name) => [name, ''])));
  execFileSync('git', ['init', '-q'], { cwd: folder });
  writeFileSync(join(folder, '.git/info/exclude'), lines.join('\n'));
  const listed = execFileSync('git', ['ls-files', '-o', '-i', '--exclude-standard', '-z'], { cwd: folder });
  return listed.toString().split('\0').filter(Boolean).sort();
}

async function leftOut(flags: FilterFlags): Promise<string[]> {
  const filter = await filterOf(flags);
  return names.filter((name) => filter?.(name)).sort();
}

describe('filters', () => {
  test.each([
    [['*.tmp']],
    [['*.tmp', '!keep.tmp']],
    [['!keep.tmp', '*.tmp']],
    [['/build']],
    [['build/', '!build/x']],
    [['cache/']],
    [['a/**/b']],
    [['*', '!*/', '!*.jpg']],
    [['\\!bang', '\\#hash']],
    [['# a comment', '', 'with space\\ ', 'back\\\\slash']],
    [['..dots', '照*']],
    [['[a-c]*', '!?.tmp']],
  ])('the lines %j leave out what git leaves out', async (lines) => {
    expect(await leftOut({ filterFrom: lines })).toEqual(leftOutByGit(lines));
  });

  test('the options are lines in the order of the command line, whichever of the three they are', async () => {
    const file = join(tempFolder(), 'patterns');
    writeFileSync(file, '\ufeff*.tmp\r\n# no more\r\n');
    const filter = ['--filter-from', file];
    expect(await leftOut(parse(...filter, '--include', 'keep.tmp'))).toEqual(['a.tmp', 'src/a.tmp']);
    expect(await leftOut(parse('--include', 'keep.tmp', ...filter, '--exclude', '/build'))).toEqual(
      ['a.tmp', 'build/x', 'keep.tmp', 'src/a.tmp', 'src/keep.tmp'].sort(),
    );
  });

  test('a pattern of the command line is no comment and no exception, whatever it begins with', async () => {
    expect(await leftOut(parse('--exclude', '#hash', '--exclude', '!bang'))).toEqual(['!bang', '#hash']);
    expect(await leftOut(parse('--exclude', '*bang', '--include', '!bang'))).toEqual([]);
  });

  test('without any of them there is no filter', async () => {
    expect(await filterOf(parse())).toBeNull();
  });

  test.each([
    [['--exclude', ''], /empty/],
    [['--include', 'a\nb'], /several lines/],
    [['--filter-from', '/nowhere/at/all'], /cannot be read: there is no such file/],
  ])('%j is refused with words that say what to do', (args, why) => {
    expect(() => parse(...args)).toThrow(why);
  });

  test('a folder that is left out is not looked into, and says nothing', async () => {
    const folder = tempFolder();
    writeTree(folder, { 'p/keep': '', 'p/out/x': '', 'p/link-out': '' });
    const filter = await filterOf(parse('--exclude', 'out/', '--exclude', '/link-out'));
    const asked: string[] = [];
    const { files, skipped } = planPut([join(folder, 'p')], undefined, (name) => {
      asked.push(name);
      return filter?.(name) === true;
    });
    expect(files.map(({ filename }) => filename)).toEqual(['p/keep']);
    expect(skipped).toEqual([]);
    expect(asked.sort()).toEqual(['keep', 'link-out', 'out/']);
  });
});
