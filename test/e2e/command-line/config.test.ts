/** Named servers: `sluice config`, and the commands that take a name for a server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, type Ran, shareServe, sluiceInRunner } from '../../support/processes/cli.ts';
import { readStored, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const secret = 'a-long-enough-secret';
const outside = mkdtempSync(join(tmpdir(), 'sluice-config-'));
afterAll(() => rmSync(outside, { recursive: true }));
const rules = join(outside, 'access.json');
writeFileSync(
  rules,
  JSON.stringify({ tokens: [{ name: 'alice', token: secret, rights: ['read', 'write'] }] }),
  { mode: 0o600 },
);
const share = shareServe(undefined, ['--access', rules]);

function configured() {
  const { root, server } = share();
  const folder = tempFolder();
  writeTree(folder, { a: 'A', token: `${secret}\n` });
  const run = (args: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> =>
    sluiceInRunner(args.split(' '), { cwd: folder, env: { XDG_CONFIG_HOME: folder, ...env } });
  return { folder, root, server, run, file: join(folder, 'sluice/servers.json') };
}

describe('sluice config', () => {
  test('a server is named, listed, shown, used and forgotten, and its token is never printed', async () => {
    const { root, server, run, file } = configured();
    const told = [
      await run(`config set work ${server} --token-file token`),
      await run('config set here unix:sock'),
      await run('config list'),
      await run('config list --json'),
      await run('config show work'),
      await run('config show work: --json'),
    ];
    expect(told.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(told[0]!.stdout).toBe(`added work: ${server}, token\n`);
    expect(told[2]!.stdout).toMatch(/^here {2}unix:\/.*\/sock\nwork {2}127.*, token\n$/);
    expect(jsonLines(told[3]!.stdout)).toMatchObject([{ name: 'here' }, { name: 'work', address: server }]);
    expect(jsonLines(told[5]!.stdout)).toMatchObject([{ name: 'work', address: server }]);
    expect(`${JSON.stringify(told)}${readFileSync(file, 'utf8')}`).not.toContain(secret);
    expect(await run('put a --to work:')).toMatchObject({ status: 0, stderr: '' });
    expect(readStored(root)).toEqual({ a: 'A' });
    expect(await run('ls --from work: --json')).toMatchObject({ status: 0 });
    expect(await run('ls', { SLUICE_SERVER: 'work:' })).toMatchObject({ status: 0 });
    expect(await run('config remove work here')).toMatchObject({ stdout: 'removed work\nremoved here\n' });
    expect(await run('config list')).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('no server has a name yet'),
    });
  });

  test('an option of the command line counts more than the file, and the file more than the environment', async () => {
    const { folder, server, run } = configured();
    writeTree(folder, { wrong: 'another-long-secret\n' });
    await run(`config set work ${server} --token-file token`);
    const ls = 'ls --from work:';
    expect(await run(ls, { SLUICE_TOKEN_FILE: join(folder, 'wrong') })).toMatchObject({ status: 0 });
    expect(await run(ls, { SLUICE_TOKEN: 'another-long-secret' })).toMatchObject({ status: 0 });
    expect(await run(`${ls} --token-file wrong`)).toMatchObject({ status: 1 });
    await run(`config set bare ${server}`);
    expect(await run('ls --from bare:')).toMatchObject({ status: 1 });
    expect(await run('ls --from bare:', { SLUICE_TOKEN: secret })).toMatchObject({ status: 0 });
  });

  test.each([
    ['config set 8080 :1', 2, 'cannot be the name of a server'],
    ['config set a 8080', 2, 'is no server. It must be HOST:PORT'],
    ['config set a :1 --token-file none', 2, '--token-file none cannot be read'],
    ['config set a unix:/s --tls', 2, 'leave --tls away'],
    ['config show wrok', 1, 'no server is named wrok; did you mean work?'],
    ['config remove work zz', 1, 'no server is named zz; there are work'],
    ['ls --from wrok:', 2, '--from wrok: no server is named wrok; did you mean work?'],
    ['put token --to zz:', 2, '--to zz: no server is named zz; there are work'],
    ['sync . x --from zz:', 2, '--from zz: no server is named zz; there are work'],
    ['replay token --to zz:', 2, '--to zz: no server is named zz; there are work'],
  ])('%s is refused, and the file stays as it was', async (line, status, why) => {
    const { run, file } = configured();
    await run('config set work :1');
    const before = readFileSync(file, 'utf8');
    expect(await run(line)).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(why) });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test.each([
    'config set work tok@host:1',
    'config set work user:tok@host:1',
    'config set work sluice://tok@host',
    'ls --from tok@host:1',
    'sync . x --to user:tok@host:1',
  ])('%s is refused: it says where a token belongs, and shows none', async (line) => {
    const { run } = configured();
    const { status, stdout, stderr } = await run(line);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('a token is read from --token-file FILE, or from SLUICE_TOKEN');
    expect(stderr).not.toContain('tok@');
    expect((await run('config list')).stdout).toBe('');
  });

  test('a broken file is named, by all that would use it, and is not replaced', async () => {
    const { folder, run, file } = configured();
    writeTree(folder, { 'sluice/servers.json': '{\n  "servers": {,}\n}\n' });
    for (const line of ['config list', 'config set a :1', 'ls --from a:']) {
      const ran = await run(line);
      expect(ran).toMatchObject({ status: 2, stdout: '' });
      expect(ran.stderr).toMatch(/servers\.json: it is not JSON: .*line 2/);
    }
    expect(readFileSync(file, 'utf8')).toContain('{,}');
    expect(await run('ls --from :1 --timeout 1')).toMatchObject({ status: 3 });
  });
});
