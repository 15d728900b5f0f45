/** `--bwlimit` and `--parallel auto`, from the command line on. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { endAll, jsonLines, type Ran, shareServe, sluiceInRunner } from '../../support/processes/cli.ts';
import { readTree, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

/** The bytes a second of a run, by its summary. */
function rateOf(ran: Ran): number {
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  const { transferred, seconds } = jsonLines(ran.stdout).at(-1) as Record<string, number>;
  return transferred! / seconds!;
}

test('put, get and sync move no more than --bwlimit, over all connections together', async () => {
  const { folder, root, server } = share();
  const [rate, MiB] = [1024 ** 2, 1024 ** 2];
  writeTree(folder, {
    'd/a': randomBytes(MiB / 2),
    'd/b': randomBytes(MiB / 8),
    'd/c': randomBytes(MiB / 8),
  });
  const run = (args: string) =>
    sluiceInRunner([...args.split(' '), '--bwlimit', '1M', '--json'], { cwd: folder });
  const ran = [
    await run(`put d --parallel 2 --to ${server}`),
    await run(`get d/ --out back --parallel 2 --from ${server}`),
    await run(`sync d e --to ${server}`),
  ];
  // What was saved up, and a piece or a chunk for each connection, is on top of it; a busy machine only makes it less.
  for (const each of ran) expect(rateOf(each)).toBeLessThan(2 * rate);
  expect(readTree(join(folder, 'back'))).toEqual(readTree(join(folder, 'd')));
  expect(readTree(join(root, 'e'))).toEqual(readTree(join(folder, 'd')));
});

test('put, get and sync have as many connections as --parallel auto makes of them', async () => {
  const { folder, root, server } = share();
  writeTree(folder, { 'd/a': randomBytes(1024), 'd/b': randomBytes(3_000_000) });
  const run = (args: string) => sluiceInRunner([...args.split(' '), '--parallel', 'auto'], { cwd: folder });
  expect(await run(`put d --to ${server}`)).toMatchObject({ status: 0, stderr: '' });
  expect(await run(`get d/ --out back --from ${server}`)).toMatchObject({ status: 0, stderr: '' });
  expect(await run(`sync d e --to ${server}`)).toMatchObject({ status: 0, stderr: '' });
  expect(readTree(join(folder, 'back'))).toEqual(readTree(join(folder, 'd')));
  expect(readTree(join(root, 'e'))).toEqual(readTree(join(folder, 'd')));
});

test('a small --bwlimit bounds how many connections --parallel auto may make, and is refused to none', async () => {
  const { folder, server } = share();
  writeTree(folder, { 'd/a': 'a' });
  const limited = ['--parallel', 'auto', '--bwlimit', '100K'];
  for (const line of [`put d --to ${server}`, `sync d e --to ${server}`, `get d/ --out b --from ${server}`])
    expect(await sluiceInRunner([...line.split(' '), ...limited], { cwd: folder })).toMatchObject({
      ...{ status: 0, stderr: '' },
    });
});

test.each([
  ['put a --parallel many', "'many' is invalid"],
  ['put a --bwlimit 63K', "'63K' is invalid. It must be bytes a second, 64K or more"],
  ['get a --bwlimit fast', 'such as 512K, 1.5M or 10MiB'],
  ['sync a b --bwlimit 100K --parallel 2', '--bwlimit is less than 64K for each of 2 connections'],
])('%s is refused', async (line, why) => {
  const [command] = line.split(' ');
  const ran = await sluiceInRunner([...line.split(' '), command === 'get' ? '--from' : '--to', ':1']);
  expect(ran).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(why) });
});
