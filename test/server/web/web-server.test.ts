/** The server of the page: its static files, TLS, and what it does with clients that mean no good. */
import { once } from 'node:events';
import { join } from 'node:path';
import { BehaviorSubject } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { createWebServer } from '../../../src/server/web/web-server.ts';
import type { TlsCredentials } from '../../../src/transport/tls/credentials.ts';
import { createAuthority } from '../../support/certificates.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { accessRules, askedPage } from '../../support/web/asked-page.ts';

describe('the page', () => {
  test('the page comes with a policy that runs nothing but its own', async () => {
    const page = await askedPage();
    const { status, headers, body } = await page.ask('/');
    expect([status, body.toString()]).toEqual([200, '<!doctype html><title>Sluice</title>']);
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'");
    expect(headers).toMatchObject({
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
    const { status: again } = await page.ask('/', { headers: { 'if-none-match': headers.etag! } });
    expect(again).toBe(304);
  });

  test('what has a hash in its name is kept for ever, and comes compressed to those who can', async () => {
    const page = await askedPage();
    const plain = await page.ask('/assets/main-1A2B.js');
    expect(plain.body.toString()).toBe('export {};');
    expect(plain.headers['cache-control']).toContain('immutable');
    const small = await page.ask('/assets/main-1A2B.js', { headers: { 'accept-encoding': 'gzip, br' } });
    expect([small.body.toString(), small.headers['content-encoding']]).toEqual(['compressed', 'br']);
    expect(small.headers['content-type']).toContain('javascript');
  });

  test.each([
    '/nothing',
    '/assets/../../secret',
    '/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/%',
    '//etc/passwd',
  ])('%s is not there', async (path) => {
    const page = await askedPage();
    expect((await page.ask(path)).status).toBe(404);
    expect(page.faults).toEqual([]);
  });

  test.each(['bytes=10-5', 'bytes=-1', 'bytes=9999-', 'nonsense'])(
    'the range %s of the page is answered with the whole page',
    async (range) => {
      const page = await askedPage();
      expect(await page.ask('/', { headers: { range } })).toMatchObject({
        status: 200,
        headers: { 'content-length': '36' },
      });
    },
  );

  test('a page that was not built is unavailable, and says why', async () => {
    const page = await askedPage({ pageDir: join(tempFolder(), 'none') });
    const { status, body } = await page.ask('/');
    expect([status, body.toString()]).toEqual([503, 'the page was not built: npm run build makes it\n']);
    expect((await page.ask('/session')).status).toBe(200);
  });
});

describe('a client that means no good', () => {
  test.each([
    ['a head that is too long', `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['an absolute address', 'GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 404],
    ['something else', '\x16\x03\x01\x02\x00\x01\x00\x01', 400],
  ])('%s is refused', async (_, text, status) => {
    const page = await askedPage();
    const socket = await page.raw();
    socket.write(text);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test('requests that are sent without waiting for answers are bounded', async () => {
    const page = await askedPage();
    const socket = await page.raw();
    socket.resume();
    socket.write('GET /session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(200));
    await once(socket, 'close');
    await expect.poll(() => page.stats().connections).toBe(0);
    expect(page.events.filter(({ type }) => type === 'opened').length).toBeLessThanOrEqual(16);
    expect((await page.ask('/session')).status).toBe(200);
  });

  test('a socket that has a request under way does not make room for one that has none', async () => {
    const page = await askedPage({ sockets: 2 });
    const busy = await page.raw();
    busy.write(
      'POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n',
    );
    const { status } = await page.ask('/session');
    expect(status).toBe(200);
    const idle = [await page.raw(), await page.raw(), await page.raw()];
    for (const socket of idle) socket.resume();
    await expect.poll(() => idle.filter(({ closed }) => closed).length).toBe(2);
    busy.write('{"token":"abc"}');
    const [answer] = await once(busy, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 204 /);
  });
});

describe('TLS', () => {
  const authority = createAuthority('Tests');
  const issued = (name: string): TlsCredentials => {
    const { cert, key } = authority.issue({ subject: [['CN', name]], names: ['127.0.0.1'] });
    return { cert, key };
  };

  test('the page speaks TLS, takes new certificates, and its cookies are for TLS alone', async () => {
    const credentials$ = new BehaviorSubject(issued('one'));
    const page = await askedPage({
      secure: { credentials$, clientCertificates: 'none', handshakes: 16 },
    });
    expect(page.events[0]).toMatchObject({ type: 'listening', address: `https://127.0.0.1:${page.port}/` });
    const { status, headers } = await page.ask('/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: `https://127.0.0.1:${page.port}` },
      body: '{"token":"abc"}',
      ca: authority.cert,
    });
    expect(status).toBe(204);
    expect(headers['set-cookie']?.[0]).toMatch(/^__Host-sluice-\d+=YWJj; .*; Secure$/);
    const { status: foreign } = await page.ask('/session', {
      headers: { origin: `http://127.0.0.1:${page.port}` },
      ca: authority.cert,
    });
    expect(foreign).toBe(403);

    credentials$.next({ ...issued('two'), key: 'none' });
    await expect.poll(() => page.events).toContainEqual(expect.objectContaining({ type: 'accept-failed' }));
    credentials$.next(issued('two'));
    const socket = new WebSocket(`wss://127.0.0.1:${page.port}/frames`, { ca: authority.cert });
    onTestFinished(() => socket.terminate());
    const [{ socket: raw }] = await once(socket, 'upgrade');
    expect(raw.getPeerCertificate().subject.CN).toBe('two');
  });

  test('a client shows its certificate as over TCP: a wrong one is refused, and a right one says who it is', async () => {
    const clients = createAuthority('Clients');
    const own = issued('server');
    const page = await askedPage({
      access: (
        await accessRules({ certificates: [{ name: 'alice', commonName: 'alice', rights: ['read'] }] })
      ).file,
      secure: {
        credentials$: new BehaviorSubject({ ...own, clientCa: clients.cert }),
        clientCertificates: 'optional',
        handshakes: 16,
      },
    });
    const as = (shown?: { cert: string; key: string }) =>
      page.ask('/session', { ca: authority.cert, ...shown });
    expect((await as()).status).toBe(401);
    const alice = await as(clients.issue({ subject: [['CN', 'alice']] }));
    expect(JSON.parse(alice.body.toString())).toMatchObject({ name: 'alice', rights: ['read'] });
    await expect(as(authority.issue({ subject: [['CN', 'alice']] }))).rejects.toThrow();
    await expect.poll(() => page.events).toContainEqual(expect.objectContaining({ type: 'accept-failed' }));
  });

  test('credentials that cannot be used are an error, as is a port that is taken', async () => {
    const errorOf = (options: Partial<Parameters<typeof createWebServer>[0]>) =>
      new Promise((resolve) => {
        const { connections$ } = createWebServer({
          host: '127.0.0.1',
          port: 0,
          sockets: 8,
          pageDir: tempFolder(),
          onInternalError: () => {},
          ...options,
        });
        connections$.subscribe({ error: resolve });
      });
    const credentials$ = new BehaviorSubject({ cert: 'none', key: 'none' });
    const secure = { credentials$, clientCertificates: 'none', handshakes: 8 } as const;
    expect(await errorOf({ secure })).toMatchObject({ fault: { code: 'bad-credentials' } });
    const { port } = await askedPage();
    expect(await errorOf({ port })).toMatchObject({ fault: { code: 'in-use' } });
  });
});
