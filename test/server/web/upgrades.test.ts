/** `/frames` and `/watch`: WebSockets of the page. */
import { once } from 'node:events';
import { lastValueFrom, type Observable } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WebSocket } from 'ws';
import { createClient } from '../../../src/client/client.ts';
import type { ClientError } from '../../../src/client/client-fault.ts';
import { bytesContent } from '../../../src/client/content/content.ts';
import { createTokenTries } from '../../../src/files/effects/token-tries.ts';
import type { Principal } from '../../../src/files/protocol/access.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import { type AskedPage, accessRules, askedPage, cookieOf, tokenOf } from '../../support/web/asked-page.ts';

const alice = { name: 'alice', token: tokenOf('alice'), rights: ['read', 'write'], prefix: 'alice/' };

/** The status with which an upgrade is refused; 101 when it is not. */
async function statusOf(socket: WebSocket): Promise<number> {
  onTestFinished(() => socket.terminate());
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
  });
}

const clientOf = (page: AskedPage, headers: Record<string, string> = {}) => {
  const client = createClient(fromWebSocket(page.webSocket('/frames', headers)));
  onTestFinished(() => client.destroy());
  return client;
};

/** The code of the server's error. */
const refusalOf = (asked: Observable<unknown>): Promise<string | undefined> =>
  lastValueFrom(asked).then(
    () => undefined,
    (error: ClientError) => error.error?.code,
  );

describe('/frames', () => {
  test('a WebSocket is a connection as any other: files go in and come out', async () => {
    const page = await askedPage();
    const client = clientOf(page);
    const content = Buffer.alloc(300_000, 'abc');
    await lastValueFrom(client.put('a', bytesContent(content)));
    expect((await page.ask('/files/a')).body.equals(content)).toBe(true);
    expect(page.events).toContainEqual(
      expect.objectContaining({
        type: 'stored',
        connection: expect.stringMatching(/^websocket:/),
        remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      }),
    );
  });

  test('the cookie says who it is, before its first byte', async () => {
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file });
    const client = clientOf(page, { cookie: cookieOf(page.port, alice.token) });
    await lastValueFrom(client.put('alice/a', bytesContent(Buffer.from('a'))));
    expect(await refusalOf(client.stat('bob/b'))).toBe('forbidden');
    expect(await lastValueFrom(client.hello())).toMatchObject({ name: 'alice', prefix: 'alice/' });
  });

  test('a token that is revoked ends what the connection may do, and one that comes back begins it', async () => {
    const { file, become } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file });
    const client = clientOf(page, { cookie: cookieOf(page.port, alice.token) });
    await lastValueFrom(client.put('alice/a', bytesContent(Buffer.from('a'))));
    await become({ tokens: [{ ...alice, rights: ['write'] }] });
    expect(await refusalOf(client.stat('alice/a'))).toBe('forbidden');
    await become({ tokens: [], anybody: { rights: ['read'] } });
    expect(await refusalOf(client.stat('alice/a'))).toBe('not-authenticated');
    await become({ tokens: [alice] });
    expect(await lastValueFrom(client.stat('alice/a'))).toMatchObject({ size: 1 });
  });

  test('a client without a cookie says hello, as over TCP', async () => {
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file });
    const client = clientOf(page);
    expect(await refusalOf(client.stat('alice/a'))).toBe('not-authenticated');
    expect(await lastValueFrom(client.hello(alice.token))).toMatchObject({ name: 'alice' });
  });

  test('a wrong token is refused before there is a WebSocket, and slowed down with all others', async () => {
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file, tokenTries: createTokenTries(() => 0) });
    for (let tries = 0; tries < 11; tries++) {
      const headers = { cookie: cookieOf(page.port, `wrong ${tries}`) };
      expect(await statusOf(page.webSocket('/frames', headers))).toBe(401);
    }
    expect(page.events).toContainEqual(expect.objectContaining({ type: 'slowed' }));
  });

  test.each([
    ['another origin', 403, '/frames', { origin: 'http://evil.example' }],
    ['the origin null', 403, '/frames', { origin: 'null' }],
    ['another host', 421, '/frames', { host: 'evil.example' }],
    ['another path', 404, '/other', {}],
    ['a path that only begins so', 404, '/frames/more', {}],
  ])('an upgrade of %s is refused with %i', async (_, status, path, headers) => {
    const page = await askedPage();
    expect(await statusOf(page.webSocket(path, headers))).toBe(status);
    expect(page.events.filter(({ type }) => type === 'opened')).toEqual([]);
  });

  test('the page itself may open one', async () => {
    const page = await askedPage();
    const origin = `http://127.0.0.1:${page.port}`;
    expect(await statusOf(page.webSocket('/frames', { origin }))).toBe(101);
  });

  test('a request that is no upgrade is told so', async () => {
    const page = await askedPage();
    expect(await page.ask('/frames')).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } });
  });

  test('a text message, one that is too long and one in too many pieces end the connection and no other', async () => {
    const page = await askedPage();
    const [texts, long, pieces] = [1, 2, 3].map(() => page.webSocket('/frames')) as [
      WebSocket,
      WebSocket,
      WebSocket,
    ];
    const other = clientOf(page);
    await Promise.all([texts, long, pieces].map((socket) => once(socket, 'open')));
    texts.send('hello');
    expect((await once(texts, 'close'))[0]).toBe(1003);
    long.on('error', () => {});
    long.send(new Uint8Array(300 * 1024));
    expect((await once(long, 'close'))[0]).toBe(1009);
    pieces.on('error', () => {});
    for (let sent = 0; sent < 2000; sent++) pieces.send(Uint8Array.of(0), { fin: false });
    expect((await once(pieces, 'close'))[0]).toBe(1008);
    await lastValueFrom(other.put('a', bytesContent(Buffer.from('a'))));
  });

  test('connections over WebSockets count as all others do, and one too many is told so', async () => {
    const page = await askedPage({ limits: { connections: 1 } });
    const first = clientOf(page);
    await lastValueFrom(first.ping(), { defaultValue: undefined });
    const second = page.webSocket('/frames');
    onTestFinished(() => second.terminate());
    const [message] = await once(second, 'message');
    expect(String(message)).toContain('too-many-connections');
    const download = await page.ask('/files/a');
    expect(download).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });

  test('a flood of upgrades that ask nothing is bounded by the sockets, and others get in', async () => {
    const page = await askedPage({ sockets: 8 });
    const idle = await Promise.all(Array.from({ length: 20 }, () => page.raw()));
    await expect
      .poll(() => idle.filter((socket) => socket.destroyed || socket.readableEnded).length)
      .toBeGreaterThan(0);
    for (const socket of idle) socket.resume();
    await expect.poll(() => idle.filter(({ closed }) => closed).length).toBeGreaterThanOrEqual(12);
    expect((await page.ask('/session')).status).toBe(200);
    expect(await statusOf(page.webSocket('/frames'))).toBe(101);
  });

  test('an upgrade before the answer to the request before it ends the socket, and is no fault of ours', async () => {
    const page = await askedPage();
    const socket = await page.raw();
    const host = `Host: 127.0.0.1:${page.port}`;
    socket.write(
      `GET /session HTTP/1.1\r\n${host}\r\n\r\nGET /frames HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    socket.resume();
    await once(socket, 'close');
    expect(page.faults).toEqual([]);
  });

  test('a shutdown ends the WebSockets that do nothing', async () => {
    const page = await askedPage();
    const socket = page.webSocket('/frames');
    await once(socket, 'open');
    const [[code]] = await Promise.all([once(socket, 'close'), page.shutDown()]);
    expect(code).toBe(1000);
  });
});

describe('/watch', () => {
  const observed = (): [
    { connection: Connection; principal: Principal }[],
    (c: Connection, p: Principal) => void,
  ] => {
    const seen: { connection: Connection; principal: Principal }[] = [];
    return [seen, (connection, principal) => seen.push({ connection, principal })];
  };

  test('whoever may not observe is refused', async () => {
    const [seen, observer] = observed();
    const { file } = await accessRules({ tokens: [alice] });
    const page = await askedPage({ access: file, observer });
    const cookie = cookieOf(page.port, alice.token);
    expect(await statusOf(page.webSocket('/watch', { cookie }))).toBe(403);
    expect(await statusOf(page.webSocket('/watch', { cookie: cookieOf(page.port, 'wrong') }))).toBe(401);
    expect(await statusOf(page.webSocket('/watch'))).toBe(403);
    expect(await statusOf(page.webSocket('/watch', { cookie, origin: 'http://evil.example' }))).toBe(403);
    expect(seen).toEqual([]);
  });

  test('the connection of whoever may is given to the observer, with its principal', async () => {
    const [seen, observer] = observed();
    const rights = ['read', 'observe'] as unknown as Principal['rights'];
    const { file } = await accessRules({ tokens: [alice] });
    const byToken = (token: string) =>
      token === alice.token ? { name: 'watcher', rights, prefix: '' } : null;
    const page = await askedPage({ access: { ...file, access: { ...file.access, byToken } }, observer });
    const socket = page.webSocket('/watch', { cookie: cookieOf(page.port, alice.token) });
    expect(await statusOf(socket)).toBe(101);
    const [watcher] = seen;
    expect(watcher?.principal).toEqual({ name: 'watcher', rights: ['read', 'observe'], prefix: '' });
    expect(watcher?.connection.token).toBe(alice.token);
    watcher?.connection.write([Buffer.from('{}\n')], () => {});
    const [message] = await once(socket, 'message');
    expect(String(message)).toBe('{}\n');
  });
});
