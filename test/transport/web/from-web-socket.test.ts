import { firstValueFrom, NEVER, startWith } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { defineActor } from '../../../src/actor/actor.ts';
import { framed } from '../../../src/actor/framed/framed.ts';
import { serveActors } from '../../../src/actor/serve-actors.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import type { WebSocketLike } from '../../../src/transport/web/web-socket-like.ts';
import { lines } from '../../../src/wire/codecs/lines.ts';
import { connectionContract } from '../connection-contract.ts';
import { once, pattern, read, turns, write } from '../connection-helpers.ts';
import { webSocketPair, webSockets } from './web-socket-pair.ts';
import { whenStalled } from './when-stalled.ts';

const abilities = { names: false, halfClose: false, keepsAfterWrite: false };
connectionContract('A WebSocket', () => webSocketPair(), abilities);

/** A socket of `ws` with no more than a browser's has: it cannot be paused, dropped, or say when it has sent. */
function likeBrowser(socket: WebSocketLike): WebSocketLike {
  return {
    get readyState() {
      return socket.readyState;
    },
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    set binaryType(type: string) {
      socket.binaryType = type;
    },
    url: 'ws://example.net/',
    send: (message) => socket.send(message),
    close(code, reason) {
      if (code !== 1000 && !(code !== undefined && code >= 3000))
        throw new Error(`a page may not use ${code}`);
      socket.close(code, reason);
    },
    addEventListener: (type, listener) => socket.addEventListener(type, listener),
  };
}

/** A connection over a socket as a page has it, and the bare socket of the server. */
async function page(receiveBytesMax?: number) {
  const [client, server] = await webSockets();
  onTestFinished(() => {
    client.terminate();
    server.terminate();
  });
  const options = receiveBytesMax === undefined ? {} : { receiveBytesMax };
  return { connection: fromWebSocket(likeBrowser(client), options), client, server };
}

const closeOf = (socket: WebSocketLike): Promise<{ readonly code: number }> =>
  new Promise((resolve) => socket.addEventListener('close', resolve));

describe('a WebSocket that cannot be paused', () => {
  test('a WebSocket that cannot be paused keeps what comes for a reader that pauses, up to the bound', async () => {
    const { connection, server } = await page();
    server.send(pattern(100_000));
    server.send(pattern(100_000, 100_000));
    await turns(50);
    const reading = read(connection);
    await reading.reached(200_000);
    expect(reading.bytes().equals(pattern(200_000))).toBe(true);
  });

  test('a WebSocket that cannot be paused is closed when more than the bound waits: `overrun`', async () => {
    const { connection, server } = await page(1_000);
    connection.pause();
    const reading = read(connection);
    const closed = closeOf(server);
    server.send(pattern(500));
    server.send(pattern(500, 500));
    expect((await closed).code).toBe(4008);
    expect(reading.length()).toBe(0);
    connection.resume();
    const fault = await reading.done;
    expect(fault).toMatchObject({ code: 'overrun', message: expect.stringContaining('1000 bytes') });
    // What had come within the bound is delivered before the fault.
    expect(reading.bytes().equals(pattern(500))).toBe(true);
    expect(await once(connection.closed$)).toEqual(fault?.fault);
    expect((await write(connection, pattern(1)))?.code).toBe('overrun');
  });

  test('many small messages count with the memory that they cost', async () => {
    const { connection, server } = await page(10_000);
    const closed = closeOf(server);
    for (let sent = 0; sent < 100; sent++) server.send(pattern(1));
    expect((await closed).code).toBe(4008);
    expect((await read(connection).done)?.code).toBe('overrun');
  });

  test('a write to a WebSocket that does not say when it has sent settles when its buffer has drained', async () => {
    const { connection, client, server } = await page();
    server.pause();
    const stalled = whenStalled(client);
    const settled: number[] = [];
    for (let at = 0; at < 320; at++) connection.write([pattern(65_536)], () => settled.push(at));
    await stalled;
    expect(settled.length).toBeLessThan(320);
    server.resume();
    expect(await write(connection, pattern(1))).toBeNull();
    expect(settled).toEqual([...Array(320).keys()]);
  });

  test('what has not been sent when the socket closes settles with a fault', async () => {
    const { connection, server } = await page();
    const reading = read(connection);
    server.pause();
    const writing = write(connection, pattern(20_000_000));
    await turns(50);
    server.terminate();
    expect((await writing)?.code).toBe('reset');
    expect((await reading.done)?.code).toBe('reset');
  });

  test('what comes after our end, and beyond the bound, is dropped, and the end is in good order', async () => {
    const { connection, server } = await page(1_000);
    connection.pause();
    const reading = read(connection);
    expect(await write(connection, pattern(1))).toBeNull();
    connection.end();
    server.send(pattern(500));
    server.send(pattern(500, 500));
    await closeOf(server);
    await turns(5);
    connection.resume();
    expect(await reading.done).toBeNull();
    expect(reading.length()).toBeLessThan(1_000);
    expect(await once(connection.closed$)).toBeNull();
    expect((await write(connection, pattern(1)))?.code).toBe('failed');
  });

  test('destroy on a page closes with a code that is a `reset` to the peer', async () => {
    const [client, server] = await webSockets();
    const there = fromWebSocket(server);
    const connection = fromWebSocket(likeBrowser(client));
    const reading = read(there);
    await write(connection, pattern(10));
    await reading.reached(10);
    connection.destroy();
    expect(await reading.done).toMatchObject({
      code: 'reset',
      message: 'the peer closed the WebSocket with 4000: dropped',
    });
    expect((await once(connection.closed$))?.code).toBe('destroyed');
  });
});

describe('fromWebSocket', () => {
  test('a socket that the peer closes in good order before it has taken everything ends with `unread`', async () => {
    const listeners = new Map<string, (event: unknown) => void>();
    let readyState = 1;
    const connection = fromWebSocket({
      binaryType: 'blob',
      get readyState() {
        return readyState;
      },
      bufferedAmount: 200_000,
      send: () => {},
      close: () => {},
      addEventListener: (type, listener) => void listeners.set(type, listener),
    });
    const reading = read(connection);
    const writing = write(connection, pattern(200_000));
    await turns(1);
    readyState = 3;
    listeners.get('close')?.({ code: 1000 });
    expect((await writing)?.code).toBe('reset');
    expect(await reading.done).toBeNull();
    expect((await once(connection.closed$))?.code).toBe('unread');
  });

  test('a text message is a fault that closes the connection', async () => {
    const [client, server] = await webSockets();
    const connection = fromWebSocket(client);
    const reading = read(connection);
    const closed = closeOf(server);
    server.send(pattern(5));
    server.send('text');
    server.send(pattern(5));
    expect(await reading.done).toMatchObject({ code: 'failed', message: expect.stringContaining('text') });
    expect(reading.length()).toBe(5);
    expect((await closed).code).toBe(1003);
    expect((await once(connection.closed$))?.code).toBe('failed');
  });

  test('what is written while the socket connects is sent when it is open', async () => {
    const [client, server] = await webSockets();
    expect(client.readyState).toBe(0);
    const order: string[] = [];
    client.addEventListener('open', () => order.push('open'));
    const [connection, there] = [fromWebSocket(client), fromWebSocket(server)];
    const reading = read(there);
    connection.write([], () => order.push('settled'));
    const writing = write(connection, pattern(10));
    connection.end();
    expect(await writing).toBeNull();
    expect(order).toEqual(['open', 'settled']);
    expect(await reading.done).toBeNull();
    expect(reading.length()).toBe(10);
    expect(await once(there.closed$)).toBeNull();
  });

  test('end closes with 1000 after everything that was written', async () => {
    const [client, server] = await webSockets();
    const connection = fromWebSocket(client);
    let received = 0;
    server.on('message', (data: Buffer) => {
      received += data.length;
    });
    const closed = closeOf(server);
    const back = read(connection);
    connection.write([pattern(3_000_000)], () => {});
    connection.end();
    expect((await closed).code).toBe(1000);
    expect(received).toBe(3_000_000);
    expect(await back.done).toBeNull();
  });

  test('a connection that nobody reads still closes after its end', async () => {
    const [left, right]: Connection[] = await webSocketPair();
    const reading = read(right!);
    left!.end();
    expect(await reading.done).toBeNull();
    expect(await read(left!).done).toBeNull();
    expect(await firstValueFrom(left!.closed$)).toBeNull();
  });

  test('actors serve WebSockets, and `framed` speaks to them', async () => {
    const [left, right] = await webSocketPair();
    const codec = lines({ maxLength: 100 });
    const actor = defineActor()({
      codec,
      reduce: (state, event) =>
        event.type === 'message'
          ? { state, effects: [{ type: 'send', message: event.message.toUpperCase() }] }
          : { state },
    });
    const accepted = { type: 'connection', connection: right } as const;
    const serving = serveActors({ connections$: NEVER.pipe(startWith(accepted)), actor }).subscribe();
    onTestFinished(() => serving.unsubscribe());
    const client = framed(left, codec);
    expect(await client.request('hello')).toBe('HELLO');
    expect(await client.request('again')).toBe('AGAIN');
    client.end();
    expect(await once(client.closed$)).toBeNull();
  });

  test('a server that is not there is a fault', async () => {
    const { WebSocket } = await import('ws');
    const connection = fromWebSocket(new WebSocket('ws://127.0.0.1:9'));
    expect((await read(connection).done)?.code).toBe('refused');
    expect((await write(connection, pattern(1)))?.code).toBe('refused');
    expect(connection.remote).toBe('ws://127.0.0.1:9/');
  });

  test('a socket that is already closed is a connection that is over', async () => {
    const [client, server] = await webSockets();
    client.on('error', () => {});
    const closed = closeOf(server);
    server.terminate();
    await closed;
    expect((await read(fromWebSocket(server)).done)?.code).toBe('reset');
  });
});
