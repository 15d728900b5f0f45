/** Every limit of a server, over real sockets. */
import { filter, firstValueFrom, interval, ReplaySubject, Subject, type Subscription, takeUntil } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Access } from '../../src/files/effects/access.ts';
import { createTokenTries, GAP_FIRST_MS, WRONG_FREE } from '../../src/files/effects/token-tries.ts';
import type { Principal } from '../../src/files/protocol/access.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import { defaultLimits, type ServerLimits } from '../../src/server/limits.ts';
import { type ServeOptions, serve } from '../../src/server/serve.ts';
import type { ServerStats } from '../../src/server/status.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { manualClock } from '../support/manual-clock.ts';
import { frame, peer, putFrame } from '../support/network/peer.ts';

const running: Subscription[] = [];
afterEach(() => {
  for (const each of running.splice(0)) each.unsubscribe();
});

type Typed<T extends ServerEvent['type']> = Extract<ServerEvent, { type: T }>;

async function started(limits: Partial<ServerLimits>, options: Partial<ServeOptions> = {}) {
  const store = memoryStore();
  const events$ = new ReplaySubject<ServerEvent>();
  let read: (() => ServerStats) | undefined;
  const served$ = serve({
    connections$: listenTcp({ port: 0 }),
    store,
    limits,
    stats: (reader) => {
      read = reader;
    },
    ...options,
  });
  running.push(served$.subscribe(events$));
  const next = <T extends ServerEvent['type']>(type: T): Promise<Typed<T>> =>
    firstValueFrom(events$.pipe(filter((event): event is Typed<T> => event.type === type)));
  const { port } = await next('listening');
  const client = async () => peer(await firstValueFrom(connectTcp({ host: '127.0.0.1', port })));
  return { store, events$, next, client, stats: () => read!() };
}

const deadlines = (some: Partial<ServerLimits['timeouts']>) => ({
  timeouts: { ...defaultLimits.timeouts, ...some },
});
const ping = (id: number) => frame({ cmd: 'ping', id });

describe('sizes', () => {
  test('a header over the limit is fatal', async () => {
    const server = await started({ headerBytes: 100 });
    const client = await server.client();
    await client.send(frame({ cmd: 'ping', id: 'x'.repeat(100) }));
    expect(await client.all()).toMatchObject([{ error: { code: 'bad-header-length', limit: 100 } }]);
  });

  test('a file over the limit is refused, its body skipped, and what follows served', async () => {
    const server = await started({ fileBytes: 10 });
    const client = await server.client();
    await client.send(putFrame('a', 'x'.repeat(11)), putFrame('b', 'x'.repeat(10), { id: 1 }));
    expect(await client.replies(2)).toMatchObject([
      { error: { code: 'too-large', limit: 10 } },
      { ack: 'put', id: 1 },
    ]);
    expect([...server.store.contents.keys()]).toEqual(['b']);
  });
});

describe('connections', () => {
  test.each([
    ['in all', { connections: 1 }],
    ['from one address', { connectionsPerAddress: 1 }],
  ])(
    'connections over the limit %s get an error and are closed, and are admitted again when another left',
    async (_, limit) => {
      const server = await started(limit);
      const first = await server.client();
      await first.send(ping(1));
      await first.replies(1);
      const second = await server.client();
      expect(await second.all()).toMatchObject([{ error: { code: 'too-many-connections' } }]);
      expect(await server.next('turned-away')).toMatchObject({ code: 'too-many-connections' });
      first.connection.end();
      await server.next('closed');
      const third = await server.client();
      await third.send(ping(3));
      expect(await third.replies(1)).toEqual([{ ack: 'ping', id: 3 }]);
    },
  );
});

describe('rates', () => {
  test('requests over the rate are served later, in fair turns, and none is refused', async () => {
    const clock = manualClock();
    const server = await started({ requestsPerSecond: 200 });
    const [greedy, modest] = [await server.client(), await server.client()];
    await greedy.send(...Array.from({ length: 20_000 }, (_, id) => ping(id)));
    await greedy.replies(20);
    // The other owes for them, and no time goes by in which any of that is paid back.
    await modest.send(ping(1));
    expect(await modest.replies(1)).toEqual([{ ack: 'ping', id: 1 }]);
    for (let seconds = 0; server.stats().requests < 20_001; seconds++) {
      expect(server.stats().requests).toBeLessThan(1_000 + 200 * seconds);
      await clock.advance(1_000);
    }
    expect(await greedy.replies(20_000)).toEqual(
      Array.from({ length: 20_000 }, (_, id) => ({ ack: 'ping', id })),
    );
  });

  test('bytes over the rate come later, and all of them come', async () => {
    const clock = manualClock();
    const server = await started({ bytesPerSecond: 2_000_000 });
    const client = await server.client();
    const since = Date.now();
    void client.send(putFrame('a', Buffer.alloc(1_000_000, 'x'), { id: 1 }));
    const [reply] = await clock.advanceUntil(client.replies(1), 20);
    expect(reply).toMatchObject({ ack: 'put', size: 1_000_000 });
    // A tenth of a second's worth is let through at once, and so is the last piece.
    expect(Date.now() - since).toBeGreaterThan(300);
    expect(server.stats().received).toBeGreaterThan(1_000_000);
  });
});

describe('deadlines', () => {
  const fatal = (deadline: string) => [{ error: { code: 'timed-out', deadline } }];

  test('a connection that sends no first bytes times out', async () => {
    const server = await started(deadlines({ firstBytes: 100 }));
    const client = await server.client();
    expect(await client.all()).toMatchObject(fatal('firstBytes'));
    expect(await server.next('refused')).toMatchObject({ error: { code: 'timed-out' } });
  });

  test('a connection that does not complete a header times out', async () => {
    const server = await started(deadlines({ header: 100 }));
    const client = await server.client();
    await client.send(ping(1).subarray(0, 6));
    expect(await client.all()).toMatchObject(fatal('header'));
  });

  test('a body that makes no progress times out, and a byte now and then is no progress', async () => {
    const server = await started(deadlines({ body: 200, bodyBytes: 100 }));
    const client = await server.client();
    const over$ = new Subject<void>();
    await client.send(frame({ cmd: 'put', filename: 'a', filesize: 1e6 }));
    interval(10)
      .pipe(takeUntil(over$))
      .subscribe(() => void client.send(Buffer.from('x')));
    expect(await client.all()).toMatchObject(fatal('body'));
    over$.next();
    expect(server.store.sinks).toBe(0);
  });

  test('a body that arrives slowly but steadily does not time out', async () => {
    const clock = manualClock();
    const server = await started(deadlines({ body: 300, bodyBytes: 100 }));
    const client = await server.client();
    const head = frame({ cmd: 'put', filename: 'a', filesize: 6_000 });
    await client.send(head);
    for (let sent = 100; sent <= 6_000; sent += 100) {
      await client.send(Buffer.alloc(100));
      while (server.stats().received < head.length + sent) await clock.advance(0);
      await clock.advance(100);
    }
    const [reply] = await clock.advanceUntil(client.replies(1), 100);
    expect(reply).toMatchObject({ ack: 'put', size: 6_000 });
  });

  test('a connection without a next request times out', async () => {
    const server = await started(deadlines({ idle: 100 }));
    const client = await server.client();
    await client.send(ping(1));
    expect(await client.all()).toMatchObject([{ ack: 'ping' }, ...fatal('idle')]);
  });

  test('a peer that does not read its replies times out', async () => {
    const server = await started(deadlines({ unread: 200 }));
    const writer = await server.client();
    await writer.send(putFrame('big', Buffer.alloc(64 * 1024 * 1024), { id: 1 }));
    await writer.replies(1);
    const client = await server.client();
    client.connection.pause();
    await client.send(frame({ cmd: 'get', filename: 'big' }));
    const gone = firstValueFrom(
      server.events$.pipe(
        filter((event) => event.type === 'refused'),
        filter(({ error }) => error.code === 'timed-out'),
      ),
    );
    expect(await gone).toMatchObject({ error: { deadline: 'unread' } });
    client.connection.resume();
    expect((await client.bodies()).length).toBeLessThan(64 * 1024 * 1024);
  });
});

describe('access', () => {
  const writer: Principal = { name: 'writer', rights: ['write'], prefix: 'in/' };

  function tokens() {
    const changed$ = new Subject<void>();
    const known = new Map([['a-long-enough-token', writer]]);
    const access: Access = {
      initial: () => null,
      byToken: (token) => known.get(token) ?? null,
      current: ({ name }) => [...known.values()].find((each) => each.name === name) ?? null,
      changed$,
    };
    return { access, known, changed$ };
  }

  test('a token gives access, with its rights and below its prefix', async () => {
    const server = await started({}, { access: tokens().access });
    const client = await server.client();
    await client.send(
      putFrame('in/a', 'x', { id: 1 }),
      frame({ cmd: 'hello', token: 'a-long-enough-token', id: 2 }),
      putFrame('in/a', 'x', { id: 3 }),
      putFrame('out/a', 'x', { id: 4 }),
      frame({ cmd: 'get', filename: 'in/a', id: 5 }),
    );
    expect(await client.replies(5)).toMatchObject([
      { id: 1, error: { code: 'not-authenticated' } },
      { id: 2, ack: 'hello', name: 'writer', rights: ['write'], prefix: 'in/', server: 'sluice' },
      { id: 3, ack: 'put' },
      { id: 4, error: { code: 'forbidden' } },
      { id: 5, error: { code: 'forbidden', right: 'read' } },
    ]);
  });

  test('a wrong token ends the connection', async () => {
    const server = await started({}, { access: tokens().access });
    const client = await server.client();
    await client.send(frame({ cmd: 'hello', token: 'guess', id: 1 }), ping(2));
    expect(await client.all()).toMatchObject([{ id: 1, error: { code: 'bad-token' } }]);
  });

  describe('where many tokens were wrong', () => {
    /** Each try waits for as long as the test says. */
    const slow = (ms: number) => {
      const wrong: string[] = [];
      const turns: string[] = [];
      const takeTurn = (address: string) => {
        turns.push(address);
        return ms;
      };
      return {
        turns,
        wrong,
        tokenTries: { takeTurn, wrong: (at: string) => void wrong.push(at), remembered: () => 0 },
      };
    };
    const hello = (token: string) => frame({ cmd: 'hello', token, id: 1 });

    test('after many wrong tokens hello is answered later, the requests behind it after it, and an event reports it', async () => {
      const { tokenTries, turns, wrong } = slow(5);
      const server = await started({}, { access: tokens().access, tokenTries });
      const [honest, guessing] = [await server.client(), await server.client()];
      await honest.send(hello('a-long-enough-token'), ping(2));
      expect(await honest.replies(2)).toMatchObject([{ ack: 'hello', name: 'writer' }, { ack: 'ping' }]);
      expect(await server.next('slowed')).toMatchObject({ ms: 5, remote: honest.connection.local });
      expect(wrong).toEqual([]);
      await guessing.send(hello('guess'));
      expect(await guessing.all()).toMatchObject([{ error: { code: 'bad-token' } }]);
      expect(wrong).toEqual(['127.0.0.1']);
      expect(turns).toEqual(['127.0.0.1', '127.0.0.1']);
    });

    test('after many wrong tokens hello without a token is answered at once', async () => {
      const server = await started({}, { access: tokens().access, tokenTries: slow(1e8).tokenTries });
      const client = await server.client();
      await client.send(frame({ cmd: 'hello' }));
      expect(await client.replies(1)).toMatchObject([{ ack: 'hello', name: '' }]);
    });

    test('the wait of a hello ends at once when the peer is gone, and its token is not checked', async () => {
      const { tokenTries, wrong } = slow(1e8);
      const server = await started({}, { access: tokens().access, tokenTries });
      const client = await server.client();
      await client.send(hello('guess'));
      await server.next('slowed');
      client.connection.destroy();
      await server.next('closed');
      expect(wrong).toEqual([]);
    });

    test('the wait of a hello ends at once when the server shuts down', async () => {
      const shutdown$ = new Subject<void>();
      const { tokenTries, wrong } = slow(1e8);
      const server = await started({}, { access: tokens().access, tokenTries, shutdown$ });
      const client = await server.client();
      await client.send(hello('guess'));
      await server.next('slowed');
      shutdown$.next();
      expect(await client.all()).toMatchObject([{ error: { code: 'shutting-down' } }]);
      expect(wrong).toEqual([]);
    });
  });

  test('after some wrong tokens from one address the next token is delayed, whichever connection sends it', async () => {
    // The clock stands still: on a busy machine the gap could be over before the next token is sent.
    const tokenTries = createTokenTries(() => 0);
    const server = await started({}, { access: tokens().access, tokenTries });
    for (let i = 0; i < WRONG_FREE; i++) {
      const client = await server.client();
      await client.send(frame({ cmd: 'hello', token: 'guess' }));
      expect(await client.all()).toMatchObject([{ error: { code: 'bad-token' } }]);
      client.connection.end();
    }
    const client = await server.client();
    await client.send(frame({ cmd: 'hello', token: 'a-long-enough-token' }));
    expect((await server.next('slowed')).ms).toBe(GAP_FIRST_MS);
  });

  test('a token that is withdrawn gives no more access, on open connections too', async () => {
    const { access, known, changed$ } = tokens();
    const server = await started({}, { access });
    const client = await server.client();
    await client.send(frame({ cmd: 'hello', token: 'a-long-enough-token' }));
    await client.replies(1);
    known.clear();
    changed$.next();
    await client.send(putFrame('in/a', 'x'));
    expect((await client.replies(2))[1]).toMatchObject({ error: { code: 'not-authenticated' } });
  });
});

describe('shutting down', () => {
  test('connections that are not finished in the grace time are cut off, and each has an event', async () => {
    const shutdown$ = new Subject<void>();
    const server = await started({ grace: 50 }, { shutdown$ });
    const client = await server.client();
    await client.send(frame({ cmd: 'put', filename: 'a', filesize: 10 }), Buffer.from('half'));
    await server.next('opened');
    await expect.poll(() => server.store.sinks).toBe(1);
    shutdown$.next();
    expect(await server.next('cut')).toMatchObject({ remote: client.connection.local, open: 1 });
    expect(await server.next('closed')).toMatchObject({ fault: { code: 'destroyed' } });
    expect(server.store.sinks).toBe(0);
  });
});

test('the statistics of a server equal the traffic', async () => {
  const server = await started({});
  const client = await server.client();
  await client.send(putFrame('a', 'hello', { id: 1 }), ping(2));
  await client.replies(2);
  const { connections, requests, received, sent } = server.stats();
  expect({ connections, requests }).toEqual({ connections: 1, requests: 2 });
  expect(received).toBe(putFrame('a', 'hello', { id: 1 }).length + ping(2).length);
  expect(sent).toBeGreaterThan(0);
  expect(await server.next('served')).toMatchObject({ cmd: 'put', id: 1, request: 1 });
  expect((await server.next('served')).ms).toBeGreaterThan(0);
});
