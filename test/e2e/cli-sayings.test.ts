/** What the command line says of what a newcomer may not expect, as built and as processes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, sluice, startServe } from '../support/cli.ts';
import { tempFolder, writeTree } from '../support/temp-folder.ts';

afterEach(endAll);

async function served() {
  const folder = tempFolder();
  const root = join(folder, 'root');
  const { server } = await startServe(root);
  return { folder, root, run: (...args: string[]) => sluice([...args, '--server', server], { cwd: folder }) };
}

describe('what is said', () => {
  test('of a folder to rm: how; with -r all below it goes', async () => {
    const { root, run } = await served();
    writeTree(root, { 'd/a': 'A', 'd/b/c': 'C', e: 'E' });
    expect(await run('rm', 'd/')).toMatchObject({
      status: 1,
      stderr: 'sluice: d/: it names a folder: -r removes all that is below it\n',
    });
    expect((await run('rm', '-r', 'd', 'none')).stderr).toBe('sluice: none: there is no such file\n');
    expect((await run('ls', '--json')).stdout).toContain('"name":"e"');
    expect(jsonLines((await run('ls', '--json')).stdout).length).toBe(1);
  });

  test('of a move names the name that is wrong', async () => {
    const { root, run } = await served();
    writeTree(root, { a: 'A', b: 'B' });
    expect((await run('mv', 'none', 'c')).stderr).toBe('sluice: none: there is no such file\n');
    expect((await run('mv', 'a', 'b', '--no-clobber')).stderr).toBe(
      'sluice: b: there is a file of that name already\n',
    );
  });

  test('of an empty folder: that it is skipped', async () => {
    const { folder, run } = await served();
    writeTree(folder, { 'd/a': 'A' });
    mkdirSync(join(folder, 'd/empty'));
    expect((await run('put', 'd')).stderr).toBe('sluice: d/empty: skipped, an empty folder\n');
  });
});
