/** Commands whose stdout or stderr cannot be written to, as built and as processes. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, main, sluice, start, startServe, startSluice } from '../../support/processes/cli.ts';
import { readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

/** A server, and how to run commands in a folder with two files, `a` and `big`. */
async function served() {
  const folder = tempFolder();
  writeTree(folder, {
    a: 'A',
    big: new Uint8Array(9_000_000),
    'root/a': 'A',
    'root/big': new Uint8Array(9_000_000),
  });
  const { server } = await startServe(join(folder, 'root'));
  return { folder, options: { cwd: folder, env: { SLUICE_SERVER: server } } };
}

const full = 'sluice: stdout cannot be written to: no space is left (ENOSPC)\n';

describe('onto a disk that is full', () => {
  test('every command that prints onto a full disk ends with 1, and says why', async () => {
    const { options } = await served();
    const commands = [
      'ls',
      'get big --out -',
      'put big --as b --json',
      'help get',
      'upper --tcp 0 --udp 0',
      'serve other --port 0 --log-level warn',
      'serve --print-config',
    ];
    const ran = await Promise.all(
      commands.map((each) => sluice(each.split(' '), { ...options, stdout: '/dev/full' })),
    );
    expect(ran.map(({ status, stderr }, i) => [commands[i], status, stderr])).toEqual(
      commands.map((command) => [command, 1, expect.stringContaining(full)]),
    );
  });

  test('a command ends with 1, too, when the last free bytes of a disk take a part of what it prints', async () => {
    const folder = tempFolder();
    // A limit of 1 KiB for any file: the system takes that much of the help, and tells no error.
    const script = 'ulimit -f 1; exec "$0" "$1" put --help > out';
    const { status, stderr } = await start('bash', ['-c', script, process.execPath, main], { cwd: folder })
      .done;
    expect(statSync(join(folder, 'out')).size).toBe(1024);
    expect(stderr).toBe('sluice: stdout cannot be written to: the file would be too large (EFBIG)\n');
    expect(status).toBe(1);
  });

  test('a get that prints onto a full disk is given up, and leaves no temporary file', async () => {
    const { folder, options } = await served();
    const got = await sluice(['get', 'a', 'big', '--out', 'here/', '--json'], {
      ...options,
      stdout: '/dev/full',
    });
    expect(got.status).toBe(1);
    expect(existsSync(join(folder, 'here')) ? readdirSync(join(folder, 'here')) : []).toEqual([]);
  });
});

test('a reader of stdout that goes away keeps no file from being received, sent or removed', async () => {
  const { folder, options } = await served();
  const names = Array.from({ length: 300 }, (_, i) => `d/${i}`);
  writeTree(join(folder, 'root'), Object.fromEntries(names.map((name) => [name, name])));
  const commands = ['get d/ --out here/', 'get d/ --out again/ --json', 'put here --as there', 'rm -r d'];
  for (const command of commands) {
    const script = `"$0" "$1" ${command} | true; exit "\${PIPESTATUS[0]}"`;
    const ran = await start('bash', ['-c', script, process.execPath, main], options).done;
    expect(ran).toEqual({ status: 0, stdout: '', stderr: '' });
  }
  const count = (path: string) => readdirSync(join(folder, path)).length;
  expect(['here/d', 'again/d', 'root/there/d'].map(count)).toEqual([300, 300, 300]);
  expect(readTree(join(folder, 'root/d'))).toEqual({});
});

test('stderr that cannot be written to changes nothing of what is done, nor of the exit status', async () => {
  const { options } = await served();
  const quiet = { ...options, stderr: '/dev/full' };
  const ran = await Promise.all(
    ['ls', 'stat a none', 'put none', 'ls --wrong', '--help'].map((each) => sluice(each.split(' '), quiet)),
  );
  expect(ran.map(({ status }) => status)).toEqual([0, 1, 1, 2, 0]);
  expect(ran[1]!.stdout).toContain('a: 1 byte, changed');
});

test.each([[['SIGTERM']], [['SIGTERM', 'SIGTERM']]] as const)(
  'a server whose log cannot be written goes on, and ends at %j',
  async (signals) => {
    const folder = tempFolder();
    const serving = startSluice(['serve', join(folder, 'root'), '--port', '0'], { stderr: '/dev/full' });
    const [, server] = await serving.said(/^listening on (.*)$/m);
    writeTree(folder, { a: 'A' });
    const put = await sluice(['put', 'a', '--to', server!], { cwd: folder });
    expect(put.status).toBe(0);
    for (const signal of signals) serving.child.kill(signal);
    expect([0, 143]).toContain((await serving.done).status);
  },
);
