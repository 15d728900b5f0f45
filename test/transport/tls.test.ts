import { BehaviorSubject, filter, firstValueFrom, of, ReplaySubject } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/transport/connection.ts';
import type { ListenEvent } from '../../src/transport/listen.ts';
import { connectTcp } from '../../src/transport/tcp.ts';
import { connectTls, listenTls } from '../../src/transport/tls.ts';
import type { TlsCredentials } from '../../src/transport/tls-credentials.ts';
import { createAuthority } from '../support/certificates.ts';
import { connectionContract } from './connection-contract.ts';
import { once, read, write } from './connection-helpers.ts';
import { listener } from './tcp-pair.ts';

const authority = createAuthority('Test CA');
const server = authority.issue({ subject: [['CN', 'server']], names: ['localhost', '127.0.0.1'] });

async function tlsPair(): Promise<[Connection, Connection]> {
  const { port, connection, stop } = await listener(listenTls({ port: 0, credentials$: of(server) }));
  const pair = await Promise.all([
    once(connectTls({ host: '127.0.0.1', port, ca: authority.cert })),
    connection(),
  ]);
  stop();
  return pair;
}
connectionContract('TLS', tlsPair, { resetsAtOnce: false });

/** Listens with these credentials and options; answers what comes of it. */
async function tlsServer(options: Partial<Parameters<typeof listenTls>[0]> = {}) {
  const credentials$ = new BehaviorSubject<TlsCredentials>(server);
  const events$ = new ReplaySubject<ListenEvent>();
  const subscription = listenTls({ port: 0, credentials$, ...options }).subscribe(events$);
  stops.push(() => subscription.unsubscribe());
  const next = <T extends ListenEvent['type']>(type: T) =>
    firstValueFrom(
      events$.pipe(filter((event): event is Extract<ListenEvent, { type: T }> => event.type === type)),
    );
  const { port } = await next('listening');
  const connect = async (more: Partial<Parameters<typeof connectTls>[0]> = {}) => {
    const connection = await once(connectTls({ host: '127.0.0.1', port, ca: authority.cert, ...more }));
    stops.push(() => connection.destroy());
    return connection;
  };
  return { port, next, connect, credentials$ };
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

describe('a client', () => {
  test('trusts no server that its authorities have not vouched for', async () => {
    const { connect } = await tlsServer();
    const other = createAuthority('Other CA');
    await expect(connect({ ca: other.cert })).rejects.toMatchObject({ code: 'untrusted' });
    await expect(connect({ ca: authority.cert, servername: 'elsewhere.example' })).rejects.toMatchObject({
      code: 'untrusted',
    });
  });

  test('trusts no server whose certificate has expired', async () => {
    const expired = authority.issue({
      subject: [['CN', 'server']],
      names: ['127.0.0.1'],
      from: Date.now() - 7_200_000,
      until: Date.now() - 3_600_000,
    });
    const { connect } = await tlsServer({ credentials$: of(expired) });
    await expect(connect()).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining('expired'),
    });
  });

  test('that speaks no TLS is an accept-failed, and the next one is served', async () => {
    const { port, next, connect } = await tlsServer();
    const plain = await once(connectTcp({ host: '127.0.0.1', port }));
    read(plain);
    await write(plain, Buffer.from('PUT / HTTP/1.1'));
    expect(await next('accept-failed')).toMatchObject({ fault: { message: expect.any(String) } });
    await connect();
    expect(await next('connection')).toMatchObject({ connection: { id: expect.stringMatching(/^tls:/) } });
  });
});

describe('client certificates', () => {
  const alice = authority.issue({
    subject: [
      ['O', 'Acme'],
      ['CN', 'alice'],
    ],
  });
  const ca = { credentials$: of({ ...server, clientCa: authority.cert }) };

  test('say who a connection is', async () => {
    const { connect, next } = await tlsServer({ ...ca, clientCertificates: 'required' });
    await connect(alice);
    const { connection } = await next('connection');
    expect(connection.certificate).toEqual({ subject: 'O=Acme,CN=alice', commonName: 'alice' });
  });

  test('may be left out where they are optional', async () => {
    const { connect, next } = await tlsServer({ ...ca, clientCertificates: 'optional' });
    await connect();
    expect((await next('connection')).connection.certificate).toBeUndefined();
  });

  test.each(['optional', 'required'] as const)(
    'of another authority are refused where they are %s',
    async (how) => {
      const { connect, next } = await tlsServer({ ...ca, clientCertificates: how });
      const mallory = createAuthority('Other CA').issue({ subject: [['CN', 'alice']] });
      // With TLS 1.3 the client learns of it only after its own handshake is done.
      await connect(mallory).catch(() => {});
      expect(await next('accept-failed')).toBeDefined();
    },
  );
});

test('a new certificate holds for the connections that come after it; a broken one changes nothing', async () => {
  const { connect, credentials$, next } = await tlsServer();
  await connect();
  const renewed = createAuthority('New CA');
  credentials$.next(renewed.issue({ subject: [['CN', 'server']], names: ['127.0.0.1'] }));
  await expect(connect()).rejects.toMatchObject({ code: 'untrusted' });
  await connect({ ca: renewed.cert });
  credentials$.next({ cert: 'no certificate', key: 'no key' });
  expect((await next('accept-failed')).fault.message).toContain('stays');
  await connect({ ca: renewed.cert });
});

test('a handshake that takes too long is cut off', async () => {
  const { port, next } = await tlsServer({ handshakeTimeout: 50 });
  const silent = await once(connectTcp({ host: '127.0.0.1', port }));
  const reading = read(silent);
  expect(await next('accept-failed')).toBeDefined();
  await reading.done;
});

test('many handshakes that go nowhere keep nobody out', async () => {
  const { port, connect } = await tlsServer({ handshakes: 2 });
  const silent = await Promise.all(
    Array.from({ length: 5 }, () => once(connectTcp({ host: '127.0.0.1', port }))),
  );
  for (const each of silent) read(each);
  await connect();
});
