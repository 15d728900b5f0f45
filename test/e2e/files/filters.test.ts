/** `--exclude`, `--include`, `--filter-from` in `put`, `get` and `sync`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, shareServe, sluiceInRunner } from '../../support/processes/cli.ts';
import { readStored, readTree, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

const tree = {
  'a.jpg': 'a',
  'a.tmp': 't',
  'build/out': 'o',
  'deep/build/in': 'i',
  'deep/b.jpg': 'b',
};

function served() {
  const { folder, root, server } = share();
  writeTree(join(folder, 'tree'), tree);
  return { folder, root, server, run: (...args: string[]) => sluiceInRunner(args, { cwd: folder }) };
}

describe('filters', () => {
  test('put and get leave out what is excluded, from the top of what is transferred', async () => {
    const { folder, root, server, run } = served();
    writeFileSync(join(folder, 'single.tmp'), 's');
    const excluded = ['--exclude', '*.tmp', '--exclude', '/build/'];
    const put = await run('put', 'tree', 'single.tmp', '--to', server, ...excluded);
    expect(put).toMatchObject({ status: 0, stdout: expect.stringMatching(/, 3 left out\n$/), stderr: '' });
    expect(Object.keys(readStored(root)).sort()).toEqual([
      'tree/a.jpg',
      'tree/deep/b.jpg',
      'tree/deep/build/in',
    ]);
    const only = ['--exclude', '*', '--include', '*/', '--include', '*.jpg'];
    const get = await run('get', 'tree/', '--from', server, '--out', 'back', ...only);
    expect(get).toMatchObject({ status: 0, stdout: expect.stringMatching(/, 1 left out\n$/), stderr: '' });
    expect(readTree(join(folder, 'back'))).toEqual({ 'a.jpg': 'a', 'deep/b.jpg': 'b' });
  });

  test('sync leaves out on both sides: what is excluded is neither sent nor removed', async () => {
    const { folder, root, server, run } = served();
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'patterns'), 'build/\n*.tmp\n');
    await run('put', 'tree', '--to', server, '--as', 'copy');
    const sync = await run('sync', 'empty', 'copy', '--to', server, '--delete', '--filter-from', 'patterns');
    expect(sync).toMatchObject({ status: 0 });
    expect(Object.keys(readStored(root)).sort()).toEqual([
      'copy/a.tmp',
      'copy/build/out',
      'copy/deep/build/in',
    ]);
  });

  test('a summary says how many files of the source were left out, and nothing where none were', async () => {
    const { folder, server, run } = served();
    const summaryOf = async (...args: string[]) =>
      jsonLines((await run(...args, '--exclude', '*.tmp', '--json')).stdout).at(-1);
    writeFileSync(join(folder, 'only.tmp'), 'o');
    expect(await summaryOf('put', 'only.tmp', '--to', server)).toMatchObject({ files: 0, leftOut: 1 });
    expect(await summaryOf('sync', 'tree', 'there', '--to', server)).toMatchObject({ files: 4, leftOut: 1 });
    const back = await summaryOf('sync', 'there', 'back', '--from', server);
    expect(back).toMatchObject({ files: 4 });
    expect(back).not.toHaveProperty('leftOut');
  });

  test('a file of patterns that is not there is a usage error that names it', async () => {
    const { server, run } = served();
    const { status, stderr } = await run('put', 'tree', '--to', server, '--filter-from', 'nowhere');
    expect(status).toBe(2);
    expect(stderr).toContain("'nowhere' is invalid. It cannot be read: there is no such file");
  });
});
