/** `sluice serve --web`: its flags, TLS that is read again, and the end of a server with a download and a WebSocket. */
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectSecurely } from 'node:tls';
import { lastValueFrom } from 'rxjs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../../src/client/client.ts';
import { bytesContent } from '../../../src/client/content/content.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import { createAuthority } from '../../support/certificates.ts';
import { endAll, main, sluice, sluiceInRunner, startServe } from '../../support/processes/cli.ts';
import { scraped } from '../../support/processes/scraped.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { ask } from '../../support/web/asked-page.ts';

afterEach(endAll);

async function servePage(root: string, args: readonly string[] = ['--web', '0']) {
  const serving = await startServe(root, args);
  const [, scheme, port] = await serving.said(/^page on (https?):\/\/127\.0\.0\.1:(\d+)\/$/m);
  return { ...serving, scheme, page: Number(port) };
}

test('the page is served where it says, beside the files over TCP, and counts in metrics and recordings', async () => {
  const [root, record] = [tempFolder(), tempFolder()];
  const more = ['--metrics-port', '0', '--record', record, '--log-level', 'debug'];
  const { page, server, child, done, said } = await servePage(root, ['--web', '0', ...more]);
  const [, metrics] = await said(/metrics and health on http:\/\/(\S+?)"/);
  const client = createClient(fromWebSocket(new WebSocket(`ws://127.0.0.1:${page}/frames`)));
  await lastValueFrom(client.put('a', bytesContent(Buffer.from('over the page'))));
  client.end();
  expect((await sluiceInRunner(['get', 'a', '--from', server, '--out', '-'])).stdout).toBe('over the page');
  const got = await ask(page, '/files/a');
  expect([got.status, got.body.toString()]).toEqual([200, 'over the page']);
  const shown = await ask(page, '/');
  expect([shown.status, shown.headers['content-type']]).toEqual([200, 'text/html;charset=utf-8']);
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  expect(scraped(text)).toBeDefined();
  expect(text).toMatch(/cmd="get",[^}]*} 2$/m);
  child.kill('SIGTERM');
  const { status, stderr } = await done;
  expect(status).toBe(0);
  expect(stderr).toContain(`"msg":"page on http://127.0.0.1:${page}/"`);
  expect(stderr).toMatch(/"connection":"websocket:\d+","msg":"stored"|"stored".*websocket:/);
  expect(readdirSync(record).length).toBeGreaterThanOrEqual(3);
});

describe('the flags', () => {
  test.each([
    [['--web', '0.0.0.0:0'], 'needs --tls-cert'],
    [
      ['--web', '/srv/files'],
      '--web must be HOST:PORT or PORT, such as 127.0.0.1:8081, or none, not "/srv/files"',
    ],
    [['--web-plain'], '--web-plain needs --web as well'],
  ])('%j are refused, with the remedy', async (flags, message) => {
    expect(await sluiceInRunner(['serve', tempFolder(), '--port', '0', ...flags])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(message),
    });
  });

  test('the flags alone mean this machine, and yes', async () => {
    const { stdout } = await sluiceInRunner(['serve', '--web', '--web-plain', '--print-config']);
    expect(JSON.parse(stdout)).toMatchObject({ web: '127.0.0.1:8081', webHost: null, webPlain: 'yes' });
    const { stdout: without } = await sluiceInRunner(['serve', '--print-config']);
    expect(JSON.parse(without)).toMatchObject({ web: 'none', webPlain: 'no' });
  });

  test('a port that is taken is said, and nothing is left running', async () => {
    const { page } = await servePage(tempFolder());
    const ran = await sluice(['serve', tempFolder(), '--port', '0', '--web', String(page)]);
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining(`127.0.0.1:${page} is in use`) });
  });

  test('a name is allowed by its flag', async () => {
    const { page } = await servePage(tempFolder(), ['--web', '0', '--web-host', 'files.example, b.example']);
    const as = async (host: string) => (await ask(page, '/session', { headers: { host } })).status;
    expect([await as('files.example'), await as('b.example:81'), await as('evil.example')]).toEqual([
      200, 200, 421,
    ]);
  });
});

test('SIGHUP has the page take the new certificate, and cut off tokens that are gone', async () => {
  const folder = tempFolder();
  const authority = createAuthority('Tests');
  const [cert, key, access] = ['cert.pem', 'key.pem', 'access.json'].map((name) => join(folder, name));
  const issue = (name: string) => {
    const issued = authority.issue({ subject: [['CN', name]], names: ['127.0.0.1'] });
    writeFileSync(cert!, issued.cert);
    writeFileSync(key!, issued.key);
  };
  const token = 'a-long-enough-secret';
  const allow = (...tokens: object[]) => writeFileSync(access!, JSON.stringify({ tokens }), { mode: 0o600 });
  issue('one');
  allow({ name: 'alice', token, rights: ['read'] });
  const flags = ['--web', '0', '--tls-cert', cert!, '--tls-key', key!, '--access', access!];
  const { page, scheme, child, logged } = await servePage(join(folder, 'root'), flags);
  expect(scheme).toBe('https');
  const cookie = `__Host-sluice-${page}=${Buffer.from(token).toString('base64url')}`;
  const session = () => ask(page, '/session', { headers: { cookie }, ca: authority.cert });
  const nameOf = async (): Promise<string> => {
    const socket = connectSecurely({ host: '127.0.0.1', port: page, ca: authority.cert });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    return String(socket.getPeerCertificate().subject.CN);
  };
  expect([await nameOf(), (await session()).status]).toEqual(['one', 200]);
  issue('two');
  allow({ name: 'bob', token: `${token}-of-bob`, rights: ['read'] });
  child.kill('SIGHUP');
  await logged('was read again', 2);
  expect([await nameOf(), (await session()).status]).toEqual(['two', 401]);
});

test('a server that is ended finishes a download, ends the WebSockets and lets nobody in', async () => {
  const root = tempFolder();
  const size = 32 * 1024 * 1024;
  writeFileSync(join(root, 'large'), Buffer.alloc(size, 'x'));
  const { page, child, done, said } = await servePage(root);
  const idle = new WebSocket(`ws://127.0.0.1:${page}/frames`);
  await once(idle, 'open');
  const keptAlive = connect(page, '127.0.0.1');
  await once(keptAlive, 'connect');
  const socket = connect(page, '127.0.0.1');
  socket.pause();
  socket.write('GET /files/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await once(socket, 'readable');
  const ended = once(idle, 'close');
  child.kill('SIGTERM');
  await said(/finishing what runs/);
  const [code] = await ended;
  expect(code).toBe(1000);
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  socket.resume();
  const [{ status, stderr }] = await Promise.all([done, once(socket, 'close')]);
  expect(received).toBeGreaterThan(size);
  expect([status, stderr]).toEqual([0, expect.stringContaining('"msg":"stopped"')]);
});

test('the server of the page is not loaded by a server without one, nor by any other command', () => {
  const imported = (file: string, seen: Set<string>): Set<string> => {
    if (seen.has(file)) return seen;
    seen.add(file);
    const code = readFileSync(file, 'utf8');
    for (const [, path] of code.matchAll(/(?:\bfrom ?|^import ?|;import ?)"(\.[^"]*)"/gm))
      imported(join(file, '..', path!), seen);
    return seen;
  };
  const code = (file: string) =>
    [...imported(file, new Set())].map((each) => readFileSync(each, 'utf8')).join('');
  const chunks = join(main, '../../chunks');
  const serve = readdirSync(chunks).find((name) => /^serve-[A-Z0-9]+\.js$/.test(name));
  expect(serve).toBeDefined();
  for (const each of [main, join(chunks, serve!)]) expect(code(each)).not.toContain('Sec-WebSocket-Accept');
});
