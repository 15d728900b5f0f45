/** `/session`: signing in and out, and who is who. */
import { describe, expect, test } from 'vitest';
import { createTokenTries } from '../../../src/files/effects/token-tries.ts';
import { accessRules, askedPage, cookieOf, tokenOf } from '../../support/web/asked-page.ts';

const alice = { name: 'alice', token: tokenOf('alice'), rights: ['read', 'write'], prefix: 'alice/' };
const json = { 'content-type': 'application/json' };
const signIn = (token: unknown) => ({ method: 'POST', headers: json, body: JSON.stringify({ token }) });

describe('signing in', () => {
  test('a token that the server knows is kept in a cookie that scripts and other sites cannot use', async () => {
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file });
    expect(await page.ask('/session')).toMatchObject({
      status: 401,
      headers: { 'cache-control': 'no-store' },
    });
    const answer = await page.ask('/session', signIn(alice.token));
    expect(answer.status).toBe(204);
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    expect(cookie).toBe(`${cookieOf(page.port, alice.token)}; Path=/; HttpOnly; SameSite=Strict`);
    const described = await page.ask('/session', { headers: { cookie: cookie.split(';')[0]! } });
    expect(described.status).toBe(200);
    expect(JSON.parse(described.body.toString())).toEqual({
      name: 'alice',
      rights: ['read', 'write'],
      prefix: 'alice/',
      anonymous: false,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test('signing out has the cookie forgotten', async () => {
    const page = await askedPage();
    const { status, headers } = await page.ask('/session', { method: 'DELETE' });
    expect(status).toBe(204);
    expect(headers['set-cookie']).toEqual([
      `__Host-sluice-${page.port}=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0`,
      `sluice-${page.port}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`,
    ]);
  });

  test('where another port leads to the server, the cookie is that of the port in the browser', async () => {
    const page = await askedPage();
    const { headers } = await page.ask('/session', {
      ...signIn('any'),
      headers: { ...json, host: '127.0.0.1:9001', origin: 'http://127.0.0.1:9001' },
    });
    expect(headers['set-cookie']?.[0]).toMatch(/^sluice-9001=YW55; /);
  });

  test('behind a proxy that speaks TLS the cookie is one for TLS alone', async () => {
    const page = await askedPage({ hosts: ['files.example'] });
    const { headers } = await page.ask('/session', {
      ...signIn('any'),
      headers: { ...json, host: 'files.example', origin: 'https://files.example' },
    });
    expect(headers['set-cookie']?.[0]).toMatch(/^__Host-sluice-default=YW55; Path=\/; .*; Secure$/);
  });

  test('whoever needs no token is somebody without a name', async () => {
    const page = await askedPage();
    const { body } = await page.ask('/session');
    expect(JSON.parse(body.toString())).toMatchObject({ name: '', anonymous: true, prefix: '' });
  });

  test('a wrong token is refused, and many of them wait as those over TCP do', async () => {
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file, tokenTries: createTokenTries(() => 0) });
    for (let tries = 0; tries < 10; tries++) {
      const answer = await page.ask('/session', signIn(`wrong ${tries}`));
      expect([answer.status, answer.body.toString()]).toEqual([401, '{"error":"bad-token"}\n']);
    }
    expect((await page.ask('/session', signIn('wrong again'))).status).toBe(401);
    expect(page.events).toContainEqual(expect.objectContaining({ type: 'slowed' }));
    expect(page.events).toContainEqual(expect.objectContaining({ type: 'refused', cmd: 'hello' }));
  });

  test('a cookie whose token is wrong now is forgotten', async () => {
    const { file, become } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file });
    const headers = { cookie: cookieOf(page.port, alice.token) };
    expect((await page.ask('/session', { headers })).status).toBe(200);
    await become({ tokens: [] });
    const answer = await page.ask('/session', { headers });
    expect([answer.status, answer.body.toString()]).toEqual([401, '{"error":"token-needed"}\n']);
    expect(answer.headers['set-cookie']?.join()).toContain('Max-Age=0');
  });

  test.each([
    ['no cookie', ''],
    ['one without a value', '='],
    ['nothing', ''],
    ['no base64url', '=a+b/c=='],
    ['a quoted text', '="YWxpY2U"'],
    ['the cookie of another port', '1=YWxpY2U'],
  ])('a cookie that is %s is none', async (_, value) => {
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file });
    const cookie = `sluice-${page.port}${value}`;
    const { status } = await page.ask('/session', { headers: { cookie } });
    expect(status).toBe(401);
    expect(page.events.filter(({ type }) => type === 'refused')).toEqual([]);
  });
});

describe('a body', () => {
  test.each([
    ['is a form', 415, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"token":"a"}' }],
    ['has no type', 415, { method: 'POST', body: '{"token":"a"}' }],
    ['is not JSON', 400, { method: 'POST', headers: json, body: '{' }],
    ['is null', 400, { method: 'POST', headers: json, body: 'null' }],
    ['has a number', 400, signIn(5)],
    ['has nothing', 400, signIn('')],
    ['is too long', 413, signIn('x'.repeat(5000))],
    ['has a token too long for a cookie', 400, signIn('x'.repeat(3050))],
    ['has a token too long for the server', 400, signIn('x'.repeat(1025))],
  ])('a body that %s is refused with %i', async (_, status, question) => {
    const page = await askedPage();
    expect((await page.ask('/session', question)).status).toBe(status);
    expect((await page.ask('/session')).status).toBe(200);
    expect(page.faults).toEqual([]);
  });

  test('a client that goes away in the middle of its body leaves nothing behind', async () => {
    const page = await askedPage();
    const socket = await page.raw();
    socket.write(
      `POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    );
    expect((await page.ask('/session')).status).toBe(200);
    socket.destroy();
    expect((await page.ask('/session')).status).toBe(200);
    expect(page.faults).toEqual([]);
  });

  test('another method is refused', async () => {
    const page = await askedPage();
    const { status, headers } = await page.ask('/session', { method: 'PUT' });
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD, POST, DELETE']);
  });
});
