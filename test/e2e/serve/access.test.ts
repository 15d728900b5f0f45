/** Tokens, TLS and Unix sockets, from the command line on both sides. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.ts';
import { endAll, sluice, sluiceInRunner, startServe, startSluice } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const secret = 'a-long-enough-secret';
const rules = (more: object = {}) =>
  JSON.stringify({
    tokens: [{ name: 'alice', token: secret, rights: ['read', 'write'], prefix: 'in/', ...more }],
  });

function withRules() {
  const folder = tempFolder();
  const access = join(folder, 'access.json');
  const tokenFile = join(folder, 'token');
  const file = join(folder, 'a.txt');
  writeFileSync(access, rules(), { mode: 0o600 });
  writeFileSync(tokenFile, `${secret}\n`);
  writeFileSync(file, 'hello');
  return { folder, access, tokenFile, file, root: join(folder, 'root') };
}

/** The processes' command lines, as everybody on the machine sees them. */
const commandLines = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    });

describe('a token', () => {
  test('a token lets in, by file and by environment, with its rights and below its prefix', async () => {
    const { access, tokenFile, file, root } = withRules();
    const { server } = await startServe(root, ['--access', access]);
    const put = (args: readonly string[], env = {}) =>
      sluiceInRunner(['put', file, '--to', server, ...args], { env });
    expect(await put([])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('give a token with --token-file'),
    });
    expect(await put(['--as', 'in/a', '--token-file', tokenFile])).toMatchObject({ status: 0 });
    expect(await put(['--as', 'in/b'], { SLUICE_TOKEN: secret })).toMatchObject({ status: 0 });
    expect(await put(['--as', 'out/a'], { SLUICE_TOKEN: secret })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("'in/'"),
    });
    const listed = await sluiceInRunner(['ls', '--from', server, '--json'], {
      env: { SLUICE_TOKEN: secret },
    });
    expect(listed.stdout.match(/in\/[ab]/g)).toEqual(['in/a', 'in/b']);
    const removed = await sluiceInRunner(['rm', 'in/a', '--server', server], {
      env: { SLUICE_TOKEN: secret },
    });
    expect(removed).toMatchObject({ status: 1, stderr: expect.stringContaining('delete') });
  });

  test('a token that is wrong is refused, and shown nowhere: not in the log, not by either side', async () => {
    const { access, file, root } = withRules();
    const serving = await startServe(root, ['--access', access, '--log-level', 'debug']);
    const wrong = 'guess-guess-guess-guess';
    const ran = await sluice(['put', file, '--to', serving.server], { env: { SLUICE_TOKEN: wrong } });
    expect(ran.status).not.toBe(0);
    await serving.said(/bad-token/);
    serving.child.kill('SIGTERM');
    const { stdout, stderr } = await serving.done;
    for (const text of [ran.stdout, ran.stderr, stdout, stderr]) {
      expect(text).not.toContain(wrong);
      expect(text).not.toContain(secret);
    }
    expect(commandLines().some((line) => line.includes(secret) || line.includes(wrong))).toBe(false);
  });

  test('a token that is taken out of the file is of no use after SIGHUP, and a broken file changes nothing', async () => {
    const { access, root } = withRules();
    const serving = await startServe(root, ['--access', access]);
    const list = () => sluiceInRunner(['ls', '--from', serving.server], { env: { SLUICE_TOKEN: secret } });
    expect(await list()).toMatchObject({ status: 0 });
    writeFileSync(access, rules({ rights: ['everything'] }));
    serving.child.kill('SIGHUP');
    await serving.said(
      /--access stays as it was: .*tokens\[0\]\.rights\[0\]: must be read, write, delete or observe/,
    );
    expect(await list()).toMatchObject({ status: 0 });
    writeFileSync(access, '{"tokens": []}');
    serving.child.kill('SIGHUP');
    await serving.said(/--access was read again/);
    expect((await list()).status).not.toBe(0);
  });

  test('a file of tokens that is wrong keeps the server from starting, and the error names the field', async () => {
    const { access, root } = withRules();
    writeFileSync(access, rules({ token: 'short' }));
    const ran = await sluice(['serve', root, '--port', '0', '--access', access]);
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('tokens[0].token: must have') });
  });
});

describe('TLS', () => {
  test('a client certificate lets in instead of a token', async () => {
    const { folder, access, file, root } = withRules();
    const authority = createAuthority('Test CA');
    const files = {
      server: authority.issue({ subject: [['CN', 'server']], names: ['127.0.0.1'] }),
      client: authority.issue({ subject: [['CN', 'carol']] }),
    };
    const path = (name: string) => join(folder, name);
    writeFileSync(path('ca.pem'), authority.cert);
    for (const [name, { cert, key }] of Object.entries(files)) {
      writeFileSync(path(`${name}.pem`), cert);
      writeFileSync(path(`${name}.key`), key);
    }
    writeFileSync(
      access,
      '{"certificates": [{"name": "carol", "commonName": "carol", "rights": ["write", "read"]}]}',
    );
    const { server } = await startServe(root, [
      ...['--access', access, '--tls-cert', path('server.pem'), '--tls-key', path('server.key')],
      ...['--tls-client-ca', path('ca.pem'), '--tls-client-certs', 'optional'],
    ]);
    const put = (args: readonly string[]) =>
      sluiceInRunner(['put', file, '--to', server, '--tls-ca', path('ca.pem'), ...args]);
    expect(await put(['--tls-cert', path('client.pem'), '--tls-key', path('client.key')])).toMatchObject({
      status: 0,
    });
    expect(await put([])).toMatchObject({ status: 1 });
    const untrusted = await sluiceInRunner(['put', file, '--to', server, '--tls', '--retries', '0']);
    expect(untrusted).toMatchObject({ status: 3, stderr: expect.stringContaining('--tls-ca') });
    expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe('hello');
  });
});

describe('a Unix socket', () => {
  test('a Unix socket is served instead of a port', async () => {
    const { folder, file, root } = withRules();
    const socket = join(folder, 's.sock');
    const serving = startSluice(['serve', root, '--port', 'none', '--unix', socket, '--durability', 'os']);
    await serving.said(/^listening on unix:/m);
    const server = `unix:${socket}`;
    expect(await sluiceInRunner(['put', file, '--to', server])).toMatchObject({ status: 0 });
    expect(await sluiceInRunner(['get', 'a.txt', '--from', server, '--out', '-'])).toMatchObject({
      stdout: 'hello',
    });
    serving.child.kill('SIGTERM');
    expect((await serving.done).status).toBe(0);
    expect(readdirSync(folder)).not.toContain('s.sock');
  });
});
