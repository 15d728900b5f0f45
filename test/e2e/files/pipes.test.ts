/** `put -`: what a pipe brings is stored as a file. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  endAll,
  main,
  type RunOptions,
  shareServe,
  sluiceInRunner,
  start,
  startSluice,
} from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { readStored, tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const share = shareServe();

/** Runs it with its own folder for temporary files. */
async function piped(
  args: readonly string[],
  pieces: readonly Uint8Array[],
  { cwd, env }: Pick<RunOptions, 'cwd' | 'env'> = {},
) {
  const temporary = tempFolder();
  const running = startSluice(args, {
    ...(cwd && { cwd }),
    input: 'open',
    env: { ...env, TMPDIR: temporary },
  });
  const { stdin } = running.child;
  // A command that refuses its options ends before it has read anything.
  stdin!.on('error', () => {});
  for (const piece of pieces) stdin!.write(piece);
  stdin!.end();
  return { ...(await running.done), temporary };
}

describe('put -', () => {
  test('stores what stdin brings under the name of --as, and leaves nothing behind', async () => {
    const { root, server } = share();
    const small = await piped(
      ['put', '-', '--as', 'd/x', '--to', server],
      [Buffer.from('hel'), Buffer.from('lo')],
    );
    expect(small).toMatchObject({ status: 0, stderr: '' });
    expect(small.stdout).toMatch(/^stored d\/x \(5 B\)\n/);
    const large = bytesFrom(1, 20 * 1024 * 1024 + 7);
    const stored = await piped(['put', '-', '--as', 'large', '--to', server, '--quiet'], [large]);
    expect(stored).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(readdirSync(stored.temporary)).toEqual([]);
    expect(Buffer.compare(readFileSync(join(root, 'large')), large)).toBe(0);
    const empty = await piped(['put', '-', '--as', 'empty', '--to', server], []);
    expect(empty).toMatchObject({ status: 0 });
    expect(readStored(root)).toMatchObject({ 'd/x': 'hello', empty: '' });
  });

  test.each([
    ['in memory', 5],
    ['on the disk', 9 * 1024 * 1024],
  ])(
    'what was taken up %s and could not be sent is kept, and the command that is printed sends it',
    async (_, size) => {
      const { root, server } = share();
      const bytes = bytesFrom(2, size);
      const { status, stderr, temporary } = await piped(
        ['put', '-', '--as', 'x.tar', '--to', '127.0.0.1:1', '--retries', '0'],
        [bytes],
      );
      expect(status).toBe(3);
      const [, command = ''] =
        /what stdin brought is kept: "sluice ([^"]+)" goes on with it/.exec(stderr) ?? [];
      expect(command).toContain(temporary);
      expect(command).toMatch(/ --as x\.tar --to 127\.0\.0\.1:1$/);
      expect(await sluiceInRunner([...command.split(' '), '--to', server])).toMatchObject({ status: 0 });
      expect(Buffer.compare(readFileSync(join(root, 'x.tar')), bytes)).toBe(0);
      rmSync(temporary, { recursive: true });
    },
  );

  test('the command that is printed leads to the same server in the same way, and has no token', async () => {
    const { folder } = share();
    writeFileSync(join(folder, 'my token'), 'secret-of-file');
    const { stderr, temporary } = await piped(
      [
        ...[
          'put',
          '-',
          '--as',
          "it's",
          '--to',
          '[::1]:1',
          '--token-file',
          'my token',
          '--no-clobber',
          '--tls',
        ],
        ...['--retries', '0', '--verify', 'sha256', '--bwlimit', '512K'],
      ],
      [Buffer.from('x')],
      { cwd: folder, env: { SLUICE_TOKEN: 'secret-of-environment', SLUICE_TLS_NAME: 'files.example.org' } },
    );
    expect(stderr).toContain(
      `/stdin --as 'it'\\''s' --to '[::1]:1' --tls-name files.example.org --token-file 'my token' --tls --no-clobber --bwlimit 524288 --verify sha256" goes on`,
    );
    expect(stderr).not.toContain('secret');
    rmSync(temporary, { recursive: true });
  });

  test('a stdin that cannot be read stores nothing, and what is there stays', async () => {
    const { root, folder, server } = share();
    await piped(['put', '-', '--as', 'c', '--to', server], [Buffer.from('precious')]);
    const put = [process.execPath, main, 'put', '-', '--as', 'c', '--to', server];
    const { status, stderr } = await start('sh', ['-c', '"$@" < /tmp', 'sh', ...put], { cwd: folder }).done;
    expect([status, stderr]).toEqual([1, expect.stringContaining('stdin cannot be read')]);
    expect(readStored(root)).toEqual({ c: 'precious' });
    const inspect = [process.execPath, main, 'inspect', '-'];
    const inspected = await start('sh', ['-c', '"$@" < /tmp', 'sh', ...inspect], { cwd: folder }).done;
    expect([inspected.status, inspected.stderr]).toEqual([1, expect.stringContaining('it is a directory')]);
  });

  test('a name that is taken, or not allowed, leaves no copy of what stdin brought', async () => {
    const { server } = share();
    await piped(['put', '-', '--as', 'c', '--to', server], [Buffer.from('x')]);
    const taken = await piped(['put', '-', '--as', 'c', '--to', server, '--no-clobber'], [Buffer.from('y')]);
    expect([taken.status, readdirSync(taken.temporary)]).toEqual([4, []]);
    expect(taken.stderr).toMatch(/^sluice: c: there is/);
    const large = [Buffer.alloc(9 * 1024 * 1024)];
    const spooled = await piped(['put', '-', '--as', 'c', '--to', server, '--no-clobber'], large);
    expect([spooled.status, spooled.stderr]).toEqual([4, taken.stderr]);
    const bad = await piped(['put', '-', '--as', '../c', '--to', server], [Buffer.from('y')]);
    expect([bad.status, readdirSync(bad.temporary)]).toEqual([2, []]);
  });

  test.each([
    [['-'], /--as NAME says which one it gets/],
    [['-', '--as', 'folder/'], /--as NAME says which one it gets/],
    [['-', 'other', '--as', 'folder/'], /- is stdin, and is sent alone/],
    [['-', '--as', 'x', '--update'], /--update compares times, and stdin has none/],
  ])('put %j is refused with words that say what to do', async (args, why) => {
    const { server } = share();
    const { status, stderr } = await piped(['put', ...args, '--to', server], []);
    expect(status).toBe(2);
    expect(stderr).toMatch(why);
  });
});
