import { existsSync, readdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Observable, tap } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import type { Connection, ConnectionFault } from '../../../src/transport/connection.ts';
import { listenOn } from '../../../src/transport/listen.ts';
import type { ListenFault } from '../../../src/transport/listen-error.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { fromSocket } from '../../../src/transport/socket/from-socket.ts';
import { connectTcp, listenTcp } from '../../../src/transport/socket/tcp.ts';
import { connectionContract } from '../connection-contract.ts';
import { once, pattern, read, write, writeUntilItFails } from '../connection-helpers.ts';
import { listener, tcpPair } from '../tcp-pair.ts';

connectionContract('TCP', tcpPair);

/** A plain socket of node, as a peer that knows nothing of us, and our end of it. */
async function plainPeer(): Promise<{ peer: Socket; connection: Connection }> {
  const { port, connection, stop } = await listener();
  const peer = connect({ host: '127.0.0.1', port, allowHalfOpen: true }).on('error', () => {});
  peer.pause();
  const accepted = await connection();
  stop();
  return { peer, connection: accepted };
}

function sent(peer: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => peer.write(bytes, () => resolve()));
}

/** What an Observable errors with. */
function failure(observable: Observable<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    observable.subscribe({ error: resolve, complete: () => reject(new Error('it completed')) });
  });
}

describe('a peer that sends everything, reads no reply and closes', () => {
  test('a peer that sends everything, reads no reply and closes loses nothing when it closed in good order and our reply fails', async () => {
    const { peer, connection } = await plainPeer();
    connection.pause();
    const reading = read(connection);
    await sent(peer, pattern(60_000));
    peer.destroy();
    const fault = await writeUntilItFails(connection);
    expect(fault).toMatchObject({ code: 'reset', message: expect.stringContaining('EPIPE') });
    expect(reading.length()).toBe(0);
    connection.resume();
    expect(await reading.done).toBeNull();
    expect(reading.bytes().equals(pattern(60_000))).toBe(true);
    expect(await once(connection.closed$)).toEqual({ ...(fault as ConnectionFault), code: 'unread' });
  });

  test('a peer that sends everything, reads no reply and closes loses nothing when our reply lay unread with it, so that its close was a reset', async () => {
    const { peer, connection } = await plainPeer();
    expect(await write(connection, pattern(10))).toBeNull();
    await sent(peer, pattern(60_000));
    peer.destroy();
    const fault = await writeUntilItFails(connection);
    expect(fault).toMatchObject({ code: 'reset', message: expect.stringContaining('ECONNRESET') });
    const reading = read(connection);
    expect(await reading.done).toMatchObject(fault);
    expect(reading.bytes().equals(pattern(60_000))).toBe(true);
    expect(await once(connection.closed$)).toEqual(fault);
  });
});

describe('writing', () => {
  test('writing sends what is written in one turn as one write', async () => {
    const { peer, connection } = await plainPeer();
    const settled: number[] = [];
    for (let turn = 0; turn < 50; turn++)
      connection.write([pattern(40), pattern(8)], () => settled.push(turn));
    const chunk: Buffer = await new Promise((resolve) => peer.once('data', resolve).resume());
    expect(chunk.length).toBe(50 * 48);
    expect(settled).toEqual([...Array(50).keys()]);
    connection.destroy();
    peer.destroy();
  });

  test('writing waits for the rest of a turn of the event loop in which much is read, so that a turn has one write', async () => {
    const { peer, connection } = await plainPeer();
    connection.pause();
    const size = 300_000;
    await sent(peer, pattern(size));
    let turn = 0;
    let next = setImmediate(function count() {
      turn++;
      next = setImmediate(count);
    });
    const turnsOfReads: number[] = [];
    const readAfterWrite: number[] = [];
    /** The turn in which a write has left after a read of the same turn. */
    let turnOfWrite = -1;
    const over = new Promise<void>((resolve) => {
      let received = 0;
      const receive = (chunk: Uint8Array) => {
        received += chunk.length;
        turnsOfReads.push(turn);
        if (turn === turnOfWrite) readAfterWrite.push(turn);
        connection.write([pattern(1)], () => {
          if (turnsOfReads.at(-1) === turn) turnOfWrite = turn;
          if (received === size) resolve();
        });
      };
      connection.chunks$.subscribe({ next: receive, error: () => {} });
    });
    connection.resume();
    await over;
    clearImmediate(next);
    // Else the test has shown nothing.
    expect(new Set(turnsOfReads).size).toBeLessThan(turnsOfReads.length);
    expect(readAfterWrite).toEqual([]);
    connection.destroy();
    peer.destroy();
  });
});

describe('listenTcp', () => {
  test('listenTcp accepts until unsubscribed, and leaves the connections to their owners', async () => {
    const { port, connection, stop } = await listener();
    const clients = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    const accepted = [await connection(), await connection()];
    for (const { local } of accepted) expect(local).toBe(`127.0.0.1:${port}`);
    stop();
    expect(await failure(connectTcp({ host: '127.0.0.1', port }))).toMatchObject({ code: 'refused' });
    for (const [at, client] of clients.entries()) {
      client.end(pattern(10));
      const reading = read(accepted[at] as Connection);
      expect(await reading.done).toBeNull();
      expect(reading.length()).toBe(10);
      accepted[at]?.end();
    }
  });

  test('listenTcp errors with the address and a remedy when the port is taken', async () => {
    const { port, stop } = await listener();
    const fault = (await failure(listenTcp({ port }))) as ListenFault;
    expect(fault).toMatchObject({ code: 'in-use', address: `127.0.0.1:${port}` });
    expect(fault.message).toBe(
      `127.0.0.1:${port} is in use by another program: stop it, or choose another port (0 picks a free one)`,
    );
    stop();
  });

  test('listenTcp errors when the address is not of this machine', async () => {
    expect(await failure(listenTcp({ host: '192.0.2.1', port: 0 }))).toMatchObject({
      code: 'no-such-address',
    });
  });

  test('listenTcp errors with a value when the options make no sense', async () => {
    expect(await failure(listenTcp({ port: 70_000 }))).toMatchObject({ code: 'failed' });
  });

  test('listenTcp goes on listening when a connection cannot be accepted', async () => {
    let server: Server | undefined;
    const events: ListenEvent[] = [];
    const events$ = listenOn(
      () => {
        server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
        return server;
      },
      'connection',
      { host: '127.0.0.1', port: 0 },
      (socket) => fromSocket(socket),
    );
    const { port, connection, stop } = await listener(events$.pipe(tap((event) => events.push(event))));
    server?.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
    connect(port, '127.0.0.1').on('error', () => {});
    (await connection()).destroy();
    stop();
    expect(events.map(({ type }) => type)).toEqual(['listening', 'accept-failed', 'connection']);
  });
});

describe('connectTcp', () => {
  test('connectTcp errors with `refused` and the address when no server listens', async () => {
    const { port, stop } = await listener();
    stop();
    expect(await failure(connectTcp({ host: '127.0.0.1', port }))).toMatchObject({
      code: 'refused',
      message: `cannot connect to 127.0.0.1:${port}: nobody listens there (ECONNREFUSED)`,
    });
  });

  test('connectTcp errors with a value when the options make no sense', async () => {
    expect(await failure(connectTcp({ host: '127.0.0.1', port: -1 }))).toMatchObject({ code: 'failed' });
  });

  test('connectTcp gives up after the timeout', async () => {
    const { port, stop } = await listener();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const failed = failure(connectTcp({ host: '127.0.0.1', port, timeout: 5_000 }));
      vi.advanceTimersByTime(5_000);
      const message = `127.0.0.1:${port} did not answer within 5000 ms`;
      expect(await failed).toMatchObject({ code: 'timeout', message });
    } finally {
      vi.useRealTimers();
      stop();
    }
  });

  test('unsubscribing before it connected abandons the attempt', async () => {
    const { port, connection, stop } = await listener();
    const attempt = connectTcp({ host: '127.0.0.1', port }).subscribe(() => expect.unreachable());
    attempt.unsubscribe();
    const [kept, accepted] = await Promise.all([once(connectTcp({ host: '127.0.0.1', port })), connection()]);
    expect(accepted.remote).toBe(kept.local);
    kept.destroy();
    accepted.destroy();
    stop();
  });

  test('connectTcp names IPv6 ends with brackets', async () => {
    const reachable = await listener(listenTcp({ host: '::1', port: 0 })).catch(() => undefined);
    if (reachable === undefined) return;
    const connection = await once(connectTcp({ host: '::1', port: reachable.port }));
    expect(connection.remote).toBe(`[::1]:${reachable.port}`);
    connection.destroy();
    reachable.stop();
  });
});

test.skipIf(!existsSync('/proc/self/fd'))(
  '200 connections, ended in every way, leave no descriptor open',
  async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const { port, connection, stop } = await listener();
    const oneConnection = async (turn: number) => {
      const [left, right] = await Promise.all([once(connectTcp({ host: '127.0.0.1', port })), connection()]);
      left.write([pattern(100)], () => {});
      if (turn % 4 === 0) left.destroy();
      else left.end();
      if (turn % 4 === 1) right.destroy();
      else if (turn % 4 === 2) writeUntilItFails(right).then(() => right.destroy());
      else right.end();
      if (turn % 4 === 2) left.destroy();
      else read(left);
      read(right);
      await Promise.all([once(left.closed$), once(right.closed$)]);
    };
    await oneConnection(0);
    const before = descriptors();
    for (let turn = 0; turn < 200; turn += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, at) => oneConnection(turn + at)));
    }
    expect(descriptors()).toBeLessThanOrEqual(before);
    stop();
  },
);
