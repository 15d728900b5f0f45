/** Nobody works for the dead: what only reads is not done for a peer that cannot be answered any more. */
import { join } from 'node:path';
import { filter, firstValueFrom, of, Subject, share, toArray } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { createSlots } from '../../../src/actor/bounds/slots.ts';
import { createTimeoutMonitor } from '../../../src/actor/bounds/timeouts.ts';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { acknowledge } from '../../../src/files/session/answers.ts';
import { defineCommand } from '../../../src/files/session/command.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import { serve } from '../../../src/server/serve.ts';
import type { FileStore, Source } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { connectTcp, listenTcp } from '../../../src/transport/socket/tcp.ts';
import { connectTls, listenTls } from '../../../src/transport/tls/tls.ts';
import { connectUnix, listenUnix } from '../../../src/transport/unix/unix.ts';
import { createAuthority } from '../../support/certificates.ts';
import { frame, peer, putFrame } from '../../support/network/peer.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

/** A store that says what it is asked, and answers what only reads when the test lets it. */
function hesitant(store: FileStore) {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let closed = 0;
  const later = async <T>(what: string, answer: () => T): Promise<Awaited<T>> => {
    asked.push(what);
    await new Promise<void>((go) => waiting.push(go));
    return await answer();
  };
  const told = (source: Source): Source => ({
    ...source,
    read: (...range) => source.read(...range),
    close: () => {
      closed++;
      return source.close();
    },
  });
  const slow: FileStore = {
    ...store,
    stat: (name) => later(`stat ${name}`, () => store.stat(name)),
    list: (options) => {
      options.signal?.addEventListener('abort', () => asked.push('no list'));
      return later('list', () => store.list(options));
    },
    open: (name) =>
      later(`open ${name}`, async () => {
        const opened = await store.open(name);
        return opened.ok ? { ok: true as const, value: told(opened.value) } : opened;
      }),
  };
  return {
    store: slow,
    asked,
    closed: () => closed,
    letGo: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}

async function withFile(name = 'a', size = 3): Promise<FileStore> {
  const store = memoryStore();
  const sink = await store.put(name, { size });
  if (sink.ok) await sink.value.write([new Uint8Array(size)]);
  if (sink.ok) await sink.value.commit();
  return store;
}

async function attended(openRequests = 4) {
  const slow = hesitant(await withFile());
  const [theirs, ours] = memoryPair();
  const budget = createBudget(defaultLimits.budget);
  const reading = createSlots({ shared: 0, perHolder: 1 });
  const finished = firstValueFrom(
    serveConnection(ours, {
      session: createSession(commands, { openRequests }),
      framing: requestFraming(),
      store: slow.store,
      budget,
      slots: {
        heads: createSlots({ shared: 1, perHolder: 0 }),
        reading,
        writing: createSlots({ shared: 0, perHolder: 1 }),
      },
      // The clock asks the system after a peer that is not read from, every 20 ms with such a deadline.
      timeoutMonitor: createTimeoutMonitor({ ...defaultLimits.timeouts, unread: 80 }),
      limits: defaultLimits,
    }).pipe(toArray()),
  );
  return { ...slow, client: peer(theirs), budget, reading, finished };
}

describe('once a peer has broken off', () => {
  test('nothing more that it asked for is looked up, and what is under way is not waited for', async () => {
    const it = await attended();
    const asks = Array.from({ length: 1000 }, (_, i) => frame({ cmd: 'stat', filename: `f${i}` }));
    await it.client.send(...asks, frame({ cmd: 'list' }));
    await vi.waitFor(() => expect(it.asked).toHaveLength(4));
    it.client.connection.destroy();
    // It completes although the store has not answered a single one.
    await it.finished;
    expect(it.asked).toHaveLength(4);
    expect(it.budget.unsettled()).toBe(0);
    it.letGo();
  });

  test('what changes something is carried out, also behind what is dropped', async () => {
    const it = await attended();
    await it.client.send(frame({ cmd: 'stat', filename: 'a' }), frame({ cmd: 'list' }));
    await it.client.send(putFrame('b', 'hello'), frame({ cmd: 'stat', filename: 'b' }), putFrame('c', 'hi'));
    await vi.waitFor(() => expect(it.asked).toHaveLength(2));
    it.client.connection.destroy();
    const reports = await it.finished;
    expect(reports.filter(({ type }) => type === 'stored')).toMatchObject([
      { filename: 'b' },
      { filename: 'c' },
    ]);
    expect(it.asked).toEqual(['stat a', 'list', 'no list']);
  });

  test('a folder that is listed for it is read no further', async () => {
    const it = await attended();
    await it.client.send(frame({ cmd: 'list' }));
    await vi.waitFor(() => expect(it.asked).toEqual(['list']));
    it.client.connection.destroy();
    await it.finished;
    expect(it.asked).toEqual(['list', 'no list']);
  });

  test('a file that is opened for it is closed, and its place is free', async () => {
    const it = await attended();
    await it.client.send(frame({ cmd: 'get', filename: 'a' }), frame({ cmd: 'get', filename: 'a' }));
    await vi.waitFor(() => expect(it.asked).toEqual(['open a']));
    it.client.connection.destroy();
    await it.finished;
    it.letGo();
    await vi.waitFor(() => expect(it.closed()).toBe(1));
    expect(it.reading.taken()).toBe(0);
    // The second one waited for the place of the first: it is not opened any more.
    expect(it.asked).toEqual(['open a']);
  });

  test('a command that changes something, and waits to list until the peer has read more, is carried out to its end', async () => {
    const lists$ = new Subject<void>();
    const purge = defineCommand({
      pattern: { cmd: 'purge' },
      touches: 'allFiles',
      readOnly: false,
      start: () => ({ state: null, effects: [{ type: 'list', limit: 10 }] }),
      on: (state: null, event) =>
        event.type === 'result' && event.result.ok ? acknowledge(state) : { state },
    });
    const known = [...commands, purge];
    const store = memoryStore();
    const [theirs, ours] = memoryPair({ highWaterMark: 0 });
    const budget = createBudget(defaultLimits.budget);
    const sent = new Subject<void>();
    const purged = firstValueFrom(sent);
    const finished = firstValueFrom(
      serveConnection(ours, {
        session: createSession(known, { openRequests: 4 }),
        framing: requestFraming(known),
        store: {
          ...store,
          list: (options) => {
            lists$.next();
            return store.list(options);
          },
        },
        budget,
        limits: defaultLimits,
        trace: (event) => {
          if (event.type === 'event' && JSON.stringify(event.event).includes('"purge"')) sent.next();
        },
      }).pipe(toArray()),
    );
    let lists = 0;
    lists$.subscribe(() => lists++);
    // It reads none of the replies, which are more than a peer should have to read.
    const pings = Array.from({ length: 200 }, (_, i) => frame({ cmd: 'ping', id: 'x'.repeat(200) + i }));
    theirs.write([...pings, frame({ cmd: 'purge' })], () => {});
    await purged;
    expect(lists).toBe(0);
    theirs.destroy();
    await finished;
    expect(lists).toBe(1);
    expect(budget.unsettled()).toBe(0);
  });

  test('a half-close is no end: such a peer is answered', async () => {
    const it = await attended();
    await it.client.send(frame({ cmd: 'stat', filename: 'a' }), frame({ cmd: 'ping' }));
    it.client.connection.end();
    await vi.waitFor(() => expect(it.asked).toEqual(['stat a']));
    it.letGo();
    expect(await it.client.all()).toMatchObject([{ ack: 'stat' }, { ack: 'ping' }]);
    await it.finished;
  });
});

const authority = createAuthority('Test CA');
const certificate = authority.issue({ subject: [['CN', 'server']], names: ['127.0.0.1'] });

/** What a peer may come over: where it is listened, and how it connects. */
const transports = {
  TCP: () => ({
    connections$: listenTcp({ port: 0 }),
    connect: (port: number) => connectTcp({ host: '127.0.0.1', port }),
  }),
  TLS: () => ({
    connections$: listenTls({ port: 0, credentials$: of(certificate) }),
    connect: (port: number) => connectTls({ host: '127.0.0.1', port, ca: authority.cert }),
  }),
  'a Unix socket': () => {
    const path = join(tempFolder(), 's');
    return { connections$: listenUnix({ path }), connect: () => connectUnix({ path }) };
  },
};

describe.each(Object.keys(transports) as (keyof typeof transports)[])(
  'a server that hears nothing over %s',
  (name) => {
    /** A peer that is connected, and reads nothing. */
    async function connected(store: FileStore) {
      const { connections$, connect } = transports[name]();
      const timeouts = { ...defaultLimits.timeouts, unread: 100 };
      const events$ = serve({ connections$, store, limits: { openRequests: 2, timeouts } }).pipe(share());
      const closed = firstValueFrom(events$.pipe(filter(({ type }) => type === 'closed')));
      const listening = firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
      const server = events$.subscribe();
      const connection = await firstValueFrom(connect((await listening).port));
      return { connection, closed, stop: () => server.unsubscribe() };
    }
    const ask = frame({ cmd: 'stat', filename: 'a' });

    test('since it has paused its reading, learns all the same that its peer is gone', async () => {
      const slow = hesitant(memoryStore());
      const { connection, closed, stop } = await connected(slow.store);
      connection.write([Buffer.concat(Array.from({ length: 10_000 }, () => ask))], () => {});
      await vi.waitFor(() => expect(slow.asked).toHaveLength(2));
      connection.destroy();
      expect(await closed).toMatchObject({ type: 'closed' });
      expect(slow.asked).toHaveLength(2);
      stop();
    });

    test('since its peer has ended its side, learns all the same when that is gone', async () => {
      const store = await withFile('large', 300_000);
      const slow = hesitant(store);
      const { connection, closed, stop } = await connected({ ...slow.store, open: store.open });
      connection.write([frame({ cmd: 'get', filename: 'large' }), ask], () => connection.end());
      await vi.waitFor(() => expect(slow.asked).toHaveLength(1));
      // What it has not read makes its system tell the server.
      connection.destroy();
      expect(await closed).toMatchObject({ type: 'closed' });
      stop();
    });
  },
);
