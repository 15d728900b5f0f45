import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createPlainServer,
  type Socket,
} from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectSecure, createSecureContext, TLSSocket } from 'node:tls';
import { BehaviorSubject, EMPTY, of, tap } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { fromSocket } from '../../../src/transport/socket/from-socket.ts';
import { explainBadCredentials, type TlsCredentials } from '../../../src/transport/tls/credentials.ts';
import { certificateOf } from '../../../src/transport/tls/peer-certificate.ts';
import {
  type ConnectTlsOptions,
  connectTls,
  type ListenTlsOptions,
  listenTls,
} from '../../../src/transport/tls/tls.ts';
import { createAuthority, type Issued } from '../../support/certificates.ts';
import { connectionContract } from '../connection-contract.ts';
import { once, pattern, read, turns, write, writeUntilItFails } from '../connection-helpers.ts';
import { listener } from '../tcp-pair.ts';

const authority = createAuthority('Test CA');
const stranger = createAuthority('Another CA');
const names = ['localhost', '127.0.0.1'];
const server = authority.issue({ subject: [['CN', 'server']], names });
const alice = authority.issue({
  subject: [
    ['O', 'Acme'],
    ['CN', 'alice'],
  ],
});

/** Listens, and records what happens besides connections. */
async function secureListener(options: Partial<ListenTlsOptions> = {}) {
  const refused: string[] = [];
  const events$ = listenTls({ port: 0, credentials$: of(server), ...options }).pipe(
    tap((event: ListenEvent) => {
      if (event.type === 'accept-failed') refused.push(event.fault.message);
    }),
  );
  const listening = await listener(events$);
  onTestFinished(listening.stop);
  return { ...listening, refused };
}

const to = (port: number, options: Partial<ConnectTlsOptions> = {}): Promise<Connection> =>
  once(connectTls({ host: '127.0.0.1', port, ca: authority.cert, ...options }));

async function pairOf(port: number, accepted: () => Promise<Connection>, shown: Partial<Issued> = {}) {
  const [client, connection] = await Promise.all([to(port, shown), accepted()]);
  onTestFinished(() => {
    client.destroy();
    connection.destroy();
  });
  return { client, connection };
}

const failure = (connecting: Promise<Connection>): Promise<ConnectionFault> =>
  connecting.then(
    () => expect.unreachable('it connected'),
    (fault) => fault,
  );

/**
 * TLS over streams that are no sockets. Once the handshake is done, what the client sends is held until it is given on.
 */
async function secureOverStreams() {
  const held: Buffer[] = [];
  let isHolding = false;
  const carrier = (written: (bytes: Buffer) => void): Duplex =>
    new Duplex({
      read() {},
      write: (bytes, _, done) => {
        written(bytes);
        done();
      },
    });
  const below: Duplex = carrier((bytes) => void ofClient.push(bytes));
  const ofClient = carrier((bytes) => void (isHolding ? held.push(bytes) : below.push(bytes)));
  const secureContext = createSecureContext({ key: `${server.key}`, cert: `${server.cert}` });
  const secure = new TLSSocket(below as Socket, { isServer: true, secureContext });
  secure.pause();
  const client = connectSecure({ socket: ofClient, ca: authority.cert, servername: 'localhost' });
  await Promise.all([secure, client].map((socket) => new Promise((done) => socket.once('secure', done))));
  await turns(5);
  isHolding = true;
  return { client, secure, held, give: (bytes: Buffer) => void below.push(bytes) };
}

connectionContract('TLS', async () => {
  const { port, connection, stop } = await listener(listenTls({ port: 0, credentials$: of(server) }));
  const pair = await Promise.all([to(port), connection()]);
  stop();
  // The server still has tickets to send, and nobody is told when a reset takes just these away.
  await turns(5);
  return pair;
});

describe('reading', () => {
  test('reading joins the records of a turn of the event loop, in memory that is used again', async () => {
    const { port, connection } = await secureListener();
    const { client, connection: accepted } = await pairOf(port, connection);
    const size = 8 * 1024 * 1024;
    const lengths: number[] = [];
    const memory = new Set<ArrayBufferLike>();
    const received = new Promise<void>((resolve) => {
      let left = size;
      accepted.chunks$.subscribe({
        next: (chunk) => {
          lengths.push(chunk.length);
          memory.add(chunk.buffer);
          left -= chunk.length;
          accepted.recycle?.(chunk, chunk.length);
          if (left === 0) resolve();
        },
        error: () => {},
      });
    });
    for (let at = 0; at < size; at += 256 * 1024) await write(client, pattern(256 * 1024));
    await received;
    const records = size / (16 * 1024);
    expect(lengths.length).toBeLessThan(records / 2);
    expect(memory.size).toBeLessThan(10);
  });

  test('reading emits a short message at once, and what comes before it with it', async () => {
    const { port, connection } = await secureListener();
    const { client, connection: accepted } = await pairOf(port, connection);
    const reading = read(accepted);
    for (const length of [1, 5000, 16 * 1024, 40_000, 10]) {
      const before = reading.length();
      await write(client, pattern(length));
      await reading.reached(before + length);
      expect(Buffer.compare(reading.bytes().subarray(before), pattern(length))).toBe(0);
    }
  });

  test('reading stops while nobody takes what has come, before and after a subscriber', async () => {
    const { port, connection } = await secureListener();
    const { client, connection: accepted } = await pairOf(port, connection);
    /** Writes until a write does not settle within many turns of the event loop. Answers the bytes that did. */
    const writtenUntilStuck = async (): Promise<number> => {
      for (let settled = 0; settled < 64; settled++) {
        const writing = write(accepted, pattern(1024 * 1024)).then(() => true);
        if (!(await Promise.race([writing, turns(1000).then(() => false)]))) return settled;
      }
      return 64;
    };
    expect(await writtenUntilStuck()).toBeLessThan(32);
    client.chunks$.subscribe({ error: () => {} }).unsubscribe();
    expect(await writtenUntilStuck()).toBeLessThan(32);
  });

  test('reading keeps the order of what waits and of what a stream below gives while the reader goes on', async () => {
    const { client, secure, held, give } = await secureOverStreams();
    const connection = fromSocket(secure, { local: 'here', remote: 'there' });
    let heard = '';
    connection.chunks$.subscribe({
      next: (chunk) => {
        if (heard === '') connection.pause();
        heard += Buffer.from(chunk).toString();
      },
      error: () => {},
    });
    await turns(5);
    const said = async (text: string): Promise<Buffer> => {
      await new Promise<void>((resolve) => client.write(text, () => resolve()));
      return Buffer.concat(held.splice(0));
    };
    const [one, two, three] = [await said('one '), await said('two '), await said('three')];
    // The second waits in the socket, since the reader pauses at the first.
    give(Buffer.concat([one, two]));
    await turns(5);
    expect(heard).toBe('one ');
    connection.resume();
    give(three);
    await turns(5);
    expect(heard).toBe('one two three');
    connection.destroy();
    client.destroy();
  });

  test('reading a socket of which Node keeps nothing as expected takes what the socket emits', async () => {
    // A stream that looks like a socket of node:tls, and has no handle.
    const stream = Object.assign(new Duplex({ read() {}, write: (_c, _e, done) => done() }), {
      encrypted: true,
    });
    stream.pause();
    const connection = fromSocket(stream as unknown as Socket, { local: 'here', remote: 'there' });
    const reading = read(connection);
    stream.push(pattern(100_000));
    await reading.reached(100_000);
    stream.push(null);
    expect(await reading.done).toBeNull();
    expect(Buffer.compare(reading.bytes(), pattern(100_000))).toBe(0);
  });
});

describe('a fault of TLS in the middle', () => {
  /** What `chunks$` and `closed$` end with. */
  const endsOf = (connection: Connection) => Promise.all([read(connection).done, once(connection.closed$)]);

  test('a record that was changed on its way ends the connection, and nothing waits for its end', async () => {
    const { port, connection } = await secureListener();
    let isChanging = false;
    const proxy = createPlainServer((near) => {
      const far = connectPlain(port, '127.0.0.1');
      near.on('data', (bytes) => {
        if (isChanging) bytes[bytes.length - 1]! ^= 1;
        far.write(bytes);
      });
      far.pipe(near);
      for (const socket of [near, far]) socket.on('error', () => {});
    });
    await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
    const client = await to((proxy.address() as AddressInfo).port);
    const accepted = await connection();
    const ends = endsOf(accepted);
    await write(accepted, pattern(1));
    await read(client).reached(1);
    isChanging = true;
    client.write([pattern(10)], () => {});
    const [reading, closed] = await ends;
    expect(reading).toMatchObject({ code: 'untrusted' });
    expect(closed).toMatchObject({ code: 'untrusted' });
    client.destroy();
    proxy.close();
  });

  test('a peer that begins handshakes again and again loses the connection', async () => {
    const { port, connection } = await secureListener();
    const options = { port, host: '127.0.0.1', ca: authority.cert, maxVersion: 'TLSv1.2' } as const;
    const client = connectSecure(options);
    const closed = new Promise((done) => client.once('close', done));
    client.on('error', () => {});
    const ends = endsOf(await connection());
    const again = (): void => void (client.destroyed || client.renegotiate({}, again));
    again();
    expect(await ends).toMatchObject([{ code: 'untrusted' }, { code: 'untrusted' }]);
    await closed;
  });
});

describe('connectTls', () => {
  test.each([
    ['expired', { until: Date.now() - 1000, names }, authority, 'has expired'],
    ['not valid yet', { from: Date.now() + 60_000, names }, authority, 'is not valid yet'],
    [
      'for another name',
      { names: ['other.example'] },
      authority,
      'is for DNS:other.example, not for 127.0.0.1',
    ],
    [
      'of an authority that is not trusted',
      { names },
      stranger,
      'not issued by an authority that is trusted',
    ],
  ])('connectTls refuses a server whose certificate is %s, and says so', async (_, wanted, issuer, why) => {
    const credentials = issuer.issue({ subject: [['CN', 'server']], ...wanted });
    const { port } = await secureListener({ credentials$: of(credentials) });
    const fault = await failure(to(port));
    expect(fault.code).toBe('untrusted');
    expect(fault.message).toContain(why);
  });

  test('connectTls takes a server by the name it is told to expect', async () => {
    const credentials = authority.issue({ subject: [['CN', 'x']], names: ['other.example'] });
    const { port, connection } = await secureListener({ credentials$: of(credentials) });
    const [client] = await Promise.all([to(port, { servername: 'other.example' }), connection()]);
    expect(client.id).toMatch(/^tls:\d+$/);
    client.destroy();
  });

  test('connectTls says when the server does not speak TLS', async () => {
    const plain = await listener();
    onTestFinished(plain.stop);
    plain.connection().then(async (connection) => {
      read(connection);
      await write(connection, Buffer.from('hello, whoever you are'));
      connection.end();
    });
    const fault = await failure(to(plain.port));
    expect(fault).toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining('does not speak TLS'),
    });
  });

  test('connectTls gives up on a server that accepts and never shakes hands', async () => {
    const plain = await listener();
    onTestFinished(plain.stop);
    expect(await failure(to(plain.port, { timeout: 50 }))).toMatchObject({
      code: 'timeout',
      message: `127.0.0.1:${plain.port} did not answer within 50 ms`,
    });
  });

  test('connectTls errors with a value when its own certificate is none', async () => {
    const { port } = await secureListener();
    expect((await failure(to(port, { cert: 'junk', key: 'junk' }))).message).toContain('cannot connect');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('a TLS connection half-closes with %s', async (maxVersion) => {
    const { port, connection } = await secureListener();
    const peer = connectSecure({
      port,
      host: '127.0.0.1',
      ca: authority.cert,
      maxVersion,
      allowHalfOpen: true,
    } as ConnectionOptions);
    const accepted = await connection();
    const reading = read(accepted);
    peer.end(pattern(100_000));
    expect(await reading.done).toBeNull();
    expect(reading.bytes().equals(pattern(100_000))).toBe(true);
    const back: Buffer[] = [];
    const ended = new Promise((resolve) => peer.on('data', (chunk) => back.push(chunk)).on('end', resolve));
    accepted.write([pattern(50_000)], () => {});
    accepted.end();
    await ended;
    expect(Buffer.concat(back).equals(pattern(50_000))).toBe(true);
    expect(await once(accepted.closed$)).toBeNull();
  });
});

test('a peer that sends everything, reads no reply and closes loses nothing', async () => {
  const { port, connection } = await secureListener();
  const peer = connectSecure({ port, host: '127.0.0.1', ca: authority.cert });
  peer.on('error', () => {});
  const accepted = await connection();
  accepted.pause();
  const reading = read(accepted);
  await new Promise((resolve) => peer.write(pattern(60_000), resolve));
  peer.destroy();
  await writeUntilItFails(accepted);
  accepted.resume();
  await reading.done;
  expect(reading.bytes().equals(pattern(60_000))).toBe(true);
  expect(await once(accepted.closed$)).not.toBeNull();
});

describe("clients' certificates", () => {
  const asking = (clientCertificates: 'optional' | 'required') =>
    secureListener({ credentials$: of({ ...server, clientCa: authority.cert }), clientCertificates });

  test.each(['optional', 'required'] as const)(
    'a client’s certificate shows who the peer is when certificates are %s',
    async (how) => {
      const { port, connection } = await asking(how);
      const { connection: accepted } = await pairOf(port, connection, alice);
      expect(accepted.certificate).toEqual({ subject: 'O=Acme,CN=alice', commonName: 'alice' });
    },
  );

  test('clients’ certificates may be missing when optional', async () => {
    const { port, connection } = await asking('optional');
    const { connection: accepted } = await pairOf(port, connection);
    expect(accepted.certificate).toBeUndefined();
  });

  test('clients’ certificates may not be missing when required: the client learns why', async () => {
    const { port, refused } = await asking('required');
    const client = await to(port);
    const fault = await read(client).done;
    expect(fault).toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining('a certificate of us'),
    });
    await expect.poll(() => refused).toEqual([expect.stringContaining('has shown no certificate')]);
  });

  const bad = {
    'of another authority': stranger.issue({ subject: [['CN', 'alice']] }),
    expired: authority.issue({ subject: [['CN', 'alice']], until: Date.now() - 1000 }),
  };
  test.each(
    (['optional', 'required'] as const).flatMap((how) =>
      Object.entries(bad).map(([what, shown]) => [what, how, shown] as const),
    ),
  )(
    'a client’s certificate that is %s is refused when certificates are %s, and the server goes on',
    async (_, how, shown) => {
      const { port, connection, refused } = await asking(how);
      const client = await to(port, shown);
      const reading = read(client);
      await reading.done;
      expect(reading.length()).toBe(0);
      client.destroy();
      await expect.poll(() => refused).toEqual([expect.stringContaining('its certificate')]);
      const { connection: accepted } = await pairOf(port, connection, alice);
      expect(accepted.certificate?.commonName).toBe('alice');
    },
  );

  test('clients’ certificates are not asked for by default', async () => {
    const { port, connection } = await secureListener();
    const { connection: accepted } = await pairOf(port, connection, alice);
    expect(accepted.certificate).toBeUndefined();
  });

  test('clients’ certificates cannot pass for another by what is in their names', () => {
    expect(certificateOf('O=Acme\\, Inc\nCN=bob\\0ACN=alice')).toEqual({
      subject: 'O=Acme\\, Inc,CN=bob\\0ACN=alice',
      commonName: 'bob\nCN=alice',
    });
    expect(certificateOf('CN=bob\nCN=alice').commonName).toBeNull();
    expect(certificateOf('OU=x + CN=alice').commonName).toBe('alice');
    expect(certificateOf('OU=x + CN=alice\nCN=bob').commonName).toBeNull();
    expect(certificateOf('CN=a\\+b \\"c').commonName).toBe('a+b "c');
    expect(certificateOf('O=Acme').commonName).toBeNull();
    expect(certificateOf(undefined)).toEqual({ subject: '', commonName: null });
  });

  test('clients’ certificates with a newline or a comma in a name arrive escaped', async () => {
    const { port, connection } = await asking('required');
    const shown = authority.issue({
      subject: [
        ['O', 'Acme, Inc'],
        ['CN', 'bob\nCN=alice'],
      ],
    });
    const { connection: accepted } = await pairOf(port, connection, shown);
    expect(accepted.certificate).toEqual({
      subject: 'O=Acme\\, Inc,CN=bob\\0ACN=alice',
      commonName: 'bob\nCN=alice',
    });
  });
});

describe('credentials', () => {
  const other = authority.issue({ subject: [['CN', 'renewed']], names });

  /** The common name that a server shows now. */
  const shownBy = (port: number): Promise<string> =>
    new Promise((resolve) => {
      const peer: TLSSocket = connectSecure({ port, host: '127.0.0.1', ca: authority.cert }, () => {
        resolve(String(peer.getPeerCertificate().subject.CN));
        peer.destroy();
      });
    });

  test('credentials are exchanged while listening; connections there are stay', async () => {
    const credentials$ = new BehaviorSubject<TlsCredentials>(server);
    const { port, connection } = await secureListener({ credentials$ });
    const { client, connection: accepted } = await pairOf(port, connection);
    credentials$.next(other);
    expect(await shownBy(port)).toBe('renewed');
    const reading = read(accepted);
    await write(client, pattern(10));
    await reading.reached(10);
  });

  test('credentials that cannot be used are reported, and those before stay', async () => {
    const credentials$ = new BehaviorSubject<TlsCredentials>(server);
    const { port, refused } = await secureListener({ credentials$ });
    credentials$.next({ ...other, key: server.key });
    expect(refused).toEqual([expect.stringContaining('the key is not the one of the certificate')]);
    expect(await shownBy(port)).toBe('server');
  });

  test.each<[string, Partial<ListenTlsOptions>, string]>([
    [
      'whose key is of another',
      { credentials$: of({ ...server, key: other.key }) },
      'the key is not the one',
    ],
    ['that never come', { credentials$: EMPTY }, 'there is no certificate'],
    ['without an authority for clients', { clientCertificates: 'required' }, 'there is no authority'],
  ])('credentials %s keep the server from starting', async (_, options, why) => {
    const fault = await secureListener(options).catch((error) => error);
    expect(fault).toMatchObject({ code: 'bad-credentials', message: expect.stringContaining(why) });
  });

  test('credentials say what is wrong with them, and nothing of the key', () => {
    expect(explainBadCredentials(server)).toBeNull();
    expect(explainBadCredentials({ ...server, cert: 'secret' })).toBe(
      'the certificate is not PEM, or is broken',
    );
    expect(explainBadCredentials({ ...server, key: 'secret' })).toBe(
      'the key is not PEM, is broken, or has a passphrase',
    );
    expect(explainBadCredentials({ ...server, clientCa: 'secret' })).toBe(
      "the authorities of clients' certificates are not PEM, or are broken",
    );
  });
});

describe('handshakes', () => {
  const silent = (port: number): Socket => {
    const peer = connectPlain({ port, host: '127.0.0.1' }).on('error', () => {});
    onTestFinished(() => {
      peer.destroy();
    });
    return peer;
  };
  const closed = (peer: Socket): Promise<unknown> =>
    new Promise((resolve) => peer.on('close', resolve).resume());

  test('handshakes that never finish are cut off', async () => {
    const { port, refused } = await secureListener({ handshakeTimeout: 50 });
    await closed(silent(port));
    expect(refused).toEqual([expect.stringContaining('has not finished the handshake within 50 ms')]);
  });

  test('handshakes are bounded: the one that takes longest makes room', async () => {
    const { port, connection } = await secureListener({ handshakes: 2 });
    const peers = [silent(port), silent(port), silent(port)];
    await closed(peers[0]!);
    expect(peers.slice(1).map((peer) => peer.destroyed)).toEqual([false, false]);
    await pairOf(port, connection);
    await pairOf(port, connection);
  });

  test('handshakes that are done do not count', async () => {
    const { port, connection } = await secureListener({ handshakes: 1 });
    const { client, connection: accepted } = await pairOf(port, connection);
    await pairOf(port, connection);
    const reading = read(accepted);
    await write(client, pattern(10));
    await reading.reached(10);
  });

  test('handshakes with a peer that does not speak TLS fail, and tell it so', async () => {
    const { port, connection, refused } = await secureListener();
    const peer = silent(port);
    const answer: Buffer[] = [];
    peer.on('data', (chunk) => answer.push(chunk));
    peer.write(Buffer.concat([Buffer.from([14, 0, 0, 0]), Buffer.from('{"cmd":"list"}')]));
    await closed(peer);
    expect(Buffer.concat(answer).toString('hex')).toBe('15030100020246');
    expect(refused).toEqual([expect.stringContaining('does not speak TLS')]);
    await pairOf(port, connection);
  });

  test('handshakes under way when listening ends are cut off', async () => {
    const { port, stop } = await secureListener();
    const peer = silent(port);
    await new Promise((resolve) => peer.on('connect', resolve));
    // Accepted before another that comes later is.
    await (await to(port)).destroy();
    stop();
    await closed(peer);
  });
});
