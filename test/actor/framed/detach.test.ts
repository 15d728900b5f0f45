/** A plain connection that goes on over TLS, as with STARTTLS. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TLSSocket, connect as wrapInTls } from 'node:tls';
import { firstValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { framed } from '../../../src/actor/framed/framed.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { fromSocket } from '../../../src/transport/socket/from-socket.ts';
import { lines } from '../../../src/wire/codecs/lines.ts';
import { createAuthority } from '../../support/certificates.ts';
import { ascii } from '../../wire/stream.ts';

const codec = lines({ maxLength: 100 });

/** Both ends of a TCP connection, paused. */
async function tcpPair(): Promise<readonly [client: Socket, server: Socket]> {
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.pause();
  const [[server]] = await Promise.all([once(listener, 'connection'), once(client, 'connect')]);
  listener.close();
  return [client, server as Socket];
}

test('a connection goes on over TLS on the same socket, and its messages are found on both sides', async () => {
  const authority = createAuthority('Test');
  const { cert, key } = authority.issue({ subject: [['CN', 'localhost']], names: ['localhost'] });
  const [clientSocket, serverSocket] = await tcpPair();

  const serve = async (): Promise<void> => {
    const plain = framed(fromSocket(serverSocket), codec);
    expect(await plain.next()).toBe('STARTTLS');
    plain.detach();
    await plain.send('ready');
    const secure = new TLSSocket(serverSocket, { isServer: true, cert, key });
    secure.pause();
    const inside = framed(fromSocket(secure), codec);
    expect(await inside.next()).toBe('secret');
    await inside.send('also secret');
    inside.end();
  };
  const speak = async (): Promise<void> => {
    const plain = framed(fromSocket(clientSocket), codec);
    await plain.send('STARTTLS');
    expect(await plain.next()).toBe('ready');
    plain.detach();
    const secure = wrapInTls({ socket: clientSocket, ca: authority.cert, servername: 'localhost' });
    secure.pause();
    await once(secure, 'secureConnect');
    const inside = framed(fromSocket(secure), codec);
    await inside.send('secret');
    expect(await inside.next()).toBe('also secret');
    expect(await inside.next()).toBeUndefined();
    inside.end();
  };
  await Promise.all([serve(), speak()]);
});

test.each(['evil\n', 'evi'])(
  'bytes behind the command (%j) cannot be smuggled into the new transport',
  async (evil) => {
    const [here, there] = memoryPair();
    const plain = framed(there, codec);
    here.chunks$.subscribe({ error: () => {} });
    here.write([ascii(`STARTTLS\n${evil}`)], () => {});
    expect(await plain.next()).toBe('STARTTLS');
    expect(() => plain.detach()).toThrow(`detach: ${evil.length} bytes have come behind the last message`);
    expect(await firstValueFrom(there.closed$)).toMatchObject({ code: 'destroyed' });
  },
);

test('plain bytes that come in a later packet are an error of the new transport', async () => {
  const authority = createAuthority('Test');
  const { cert, key } = authority.issue({ subject: [['CN', 'localhost']], names: ['localhost'] });
  const [clientSocket, serverSocket] = await tcpPair();
  clientSocket.on('error', () => {});
  clientSocket.write('STARTTLS\n');
  const plain = framed(fromSocket(serverSocket), codec);
  expect(await plain.next()).toBe('STARTTLS');
  clientSocket.write('evil\n');
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  plain.detach();
  const secure = new TLSSocket(serverSocket, { isServer: true, cert, key });
  secure.pause();
  await expect(framed(fromSocket(secure), codec).next()).rejects.toThrow();
  clientSocket.destroy();
});

test('part of a message that was decoded already counts as bytes behind the command', async () => {
  const [here, there] = memoryPair();
  const plain = framed(there, codec);
  void plain.next().catch(() => {});
  await new Promise<unknown>((sent) => here.write([ascii('evi')], sent));
  await new Promise(setImmediate);
  here.chunks$.subscribe({ error: () => {} });
  expect(() => plain.detach()).toThrow('detach: ');
  expect(await firstValueFrom(there.closed$)).toMatchObject({ code: 'destroyed' });
});

test('a detached object sends, and neither reads nor asks', async () => {
  const [here, there] = memoryPair();
  const plain = framed(there, codec);
  plain.detach();
  await plain.send('ready');
  expect(await framed(here, codec).next()).toBe('ready');
  expect(await plain.next()).toBeUndefined();
  await expect(plain.request('x')).rejects.toThrow('its connection is detached');
  expect(() => plain.use(codec)).toThrow('its connection is detached');
  expect(() => plain.detach()).toThrow('its connection is detached');
  // The bytes that come now are another reader's.
  here.write([ascii('hello\n')], () => {});
  expect(await framed(there, codec).next()).toBe('hello');
});
