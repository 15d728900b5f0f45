/** One connection, attended: a peer at one end of an in-memory pair, a session with a memory store at the other. */
import { fc, test as property } from '@fast-check/vitest';
import { Subject, tap } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import type { RequestReport } from '../../../src/files/session/effect.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore, Sink } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { frame, peer, putFrame } from '../../support/network/peer.ts';

interface Setup {
  readonly store?: FileStore;
  readonly openRequests?: number;
  readonly window?: { readonly high: number; readonly low: number };
  readonly linger?: number;
  readonly silence?: number;
  /** Called with what is given back of the chunks that were received. */
  readonly recycle?: (chunk: Uint8Array, count: number) => void;
}

function attended(setup: Setup = {}) {
  const store = setup.store ?? memoryStore();
  const [theirs, ours] = memoryPair();
  const budget = createBudget(defaultLimits.budget);
  const shutdown$ = new Subject<void>();
  const reports: RequestReport[] = [];
  const bugs: unknown[] = [];
  const session = createSession(commands, { openRequests: setup.openRequests ?? 8 });
  const buffers = new Set<ArrayBufferLike>();
  const chunks$ = ours.chunks$.pipe(tap(({ buffer }) => buffers.add(buffer)));
  const recycle = (chunk: Uint8Array, count: number) => {
    if (buffers.has(chunk.buffer)) setup.recycle?.(chunk, count);
  };
  const reports$ = serveConnection(setup.recycle ? { ...ours, chunks$, recycle } : ours, {
    session,
    framing: requestFraming(),
    store,
    budget,
    shutdown$,
    limits: {
      timeouts: defaultLimits.timeouts,
      window: setup.window ?? defaultLimits.window,
      quietPeriod: { initial: setup.silence ?? 5, minimum: setup.silence ?? 5, midFrame: 50 },
      linger: setup.linger ?? 1_000,
    },
    onInternalError: (thrown) => bugs.push(thrown),
  });
  let subscription = { unsubscribe: () => {} };
  const finished = new Promise<void>((complete) => {
    subscription = reports$.subscribe({ next: (report) => reports.push(report), complete });
  });
  return {
    client: peer(theirs),
    store,
    budget,
    shutdown$,
    reports,
    bugs,
    finished,
    stop: () => subscription.unsubscribe(),
  };
}

/** Ends our side, waits for the other to end, and checks that nothing is left over. */
async function conclude(it: ReturnType<typeof attended>) {
  it.client.connection.end();
  await it.client.over;
  await it.finished;
  expect(it.budget.unsettled()).toBe(0);
  expect(it.bugs).toEqual([]);
}

/** A store whose puts are stored only when the test lets them. */
function hesitant(store: FileStore) {
  const waiting: (() => void)[] = [];
  const slow: FileStore = {
    ...store,
    put: (name, options) => {
      const sink = store.put(name, options);
      if (sink instanceof Promise || !sink.ok) return sink;
      const { value } = sink;
      const commit = () => new Promise<void>((resolve) => waiting.push(resolve)).then(() => value.commit());
      return { ok: true, value: { ...value, commit } };
    },
  };
  return {
    store: slow,
    waiting,
    letGo: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}

/** A store that answers each write a little later. */
const later = (store: FileStore): FileStore => ({
  ...store,
  put: async (name, options) => {
    const sink = await store.put(name, options);
    if (!sink.ok) return sink;
    const { value } = sink;
    const write: Sink['write'] = async (chunks) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return value.write(chunks);
    };
    return { ok: true, value: { ...value, write, abort: () => value.abort(), commit: () => value.commit() } };
  },
});

describe('a connection', () => {
  test('a connection stores what is put and says so, then gives it back', async () => {
    const it = attended();
    await it.client.send(putFrame('a', 'hello'), frame({ cmd: 'get', filename: 'a', id: 1 }));
    expect(await it.client.replies(2)).toMatchObject([
      { ack: 'put', filename: 'a', size: 5, crc32: 0x3610a686 },
      { ack: 'get', id: 1, size: 5, body: 5 },
    ]);
    await conclude(it);
    expect((await it.client.bodies()).toString()).toBe('hello');
  });

  test('a connection goes on behind a refused body', async () => {
    const it = attended();
    await it.client.send(putFrame('../a', 'x'.repeat(100_000)), frame({ cmd: 'ping', id: 1 }));
    expect(await it.client.replies(2)).toMatchObject([{ error: { code: 'bad-filename' } }, { ack: 'ping' }]);
    await conclude(it);
  });

  test('a connection gives back every byte it received, those of refused bodies too', async () => {
    let back = 0;
    const it = attended({ recycle: (_, count) => (back += count) });
    const sent = [
      putFrame('a', 'hello'),
      putFrame('../a', 'x'.repeat(100_000)),
      frame({ cmd: 'nope', filesize: 7, id: 1 }, 'skipped'),
    ];
    await it.client.send(...sent);
    await conclude(it);
    expect(back).toBe(Buffer.concat(sent).length);
  });

  test('a connection holds on to the bytes of a short body, and not to all that came around it', async () => {
    const slow = hesitant(memoryStore());
    const written: Uint8Array[] = [];
    const store: FileStore = {
      ...slow.store,
      put: async (name, options) => {
        const sink = await slow.store.put(name, options);
        if (!sink.ok) return sink;
        const { value } = sink;
        const write: Sink['write'] = (chunks) => {
          written.push(...chunks);
          return value.write(chunks);
        };
        return { ok: true, value: { ...value, write } };
      },
    };
    let back = 0;
    const it = attended({ store, recycle: (_, count) => (back += count) });
    const around = { around: 'x'.repeat(50_000) };
    const sent = Buffer.concat([putFrame('a', 'hello', around), putFrame('b', 'world', around)]);
    await it.client.send(sent);
    await vi.waitFor(() => expect(slow.waiting).toHaveLength(2));
    expect(Buffer.concat(written).toString()).toBe('helloworld');
    for (const { buffer, length } of written) expect(buffer.byteLength).toBeLessThanOrEqual(2 * length);
    expect(back).toBe(sent.length);
    slow.letGo();
    await conclude(it);
  });

  test('acks held back for a script that never stops do not keep a large body from being read', async () => {
    const store = memoryStore();
    const it = attended({ store: later(store), window: { high: 128 * 1024, low: 16 * 1024 } });
    const small = Array.from({ length: 100 }, (_, i) => putFrame(`small${i}`, 'x'));
    await it.client.send(...small);
    await it.client.send(
      frame({ cmd: 'put', filename: 'large', filesize: 200_000 }, new Uint8Array(100_000)),
    );
    await it.client.send(new Uint8Array(100_000));
    // Without an end of input, which would let the acks go.
    await expect.poll(() => store.stat('large')).toMatchObject({ ok: true });
    it.stop();
  });

  test('acks held back do not keep a header that has begun to come from being read either', async () => {
    const it = attended({ window: { high: 16 * 1024, low: 8 * 1024 }, silence: 1e6 });
    // The acks use the window up, and none of them is wanted before a silence. What follows comes in one chunk with them.
    const small = Array.from({ length: 400 }, (_, i) => putFrame(`small${i}`, 'x'));
    const rest = putFrame('last', 'x');
    await it.client.send(Buffer.concat([...small, rest.subarray(0, 20)]));
    await expect.poll(() => it.reports.filter(({ type }) => type === 'stored')).toHaveLength(400);
    await it.client.send(rest.subarray(20));
    await expect.poll(() => it.reports.filter(({ type }) => type === 'stored')).toHaveLength(401);
    it.stop();
  });

  test('a connection reads a long header that has room to its end, though its peer reads no reply and credit is used up', async () => {
    let lookedAt = 0;
    const waiting: (() => void)[] = [];
    const files = Array.from({ length: 200 }, (_, n) => ({ name: 'x'.repeat(200) + n, size: 0, mtime: 0 }));
    const it = attended({
      store: {
        ...memoryStore(),
        list: async () => {
          await new Promise<void>((go) => waiting.push(go));
          return { ok: true, value: { files } };
        },
      },
      recycle: (_, count) => {
        lookedAt += count;
      },
      window: { high: 16 * 1024, low: 8 * 1024 },
    });
    it.client.connection.pause();
    // Asked for so few, a page may be begun within the window; what the store answers is more than that.
    const list = frame({ cmd: 'list', limit: 20 });
    const long = frame({ cmd: 'ping', pad: 'x'.repeat(50_000) });
    // The first page is the system's, the second one is more than it takes.
    await it.client.send(list);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]!();
    await it.client.send(list, long.subarray(0, 20_000));
    await vi.waitFor(() => expect(lookedAt).toBe(2 * list.length + 20_000));
    waiting[1]!();
    await vi.waitFor(() => expect(it.reports).toHaveLength(2));
    await it.client.send(long.subarray(20_000));
    await vi.waitFor(() => expect(lookedAt).toBe(2 * list.length + long.length));
    it.stop();
  });

  test('a connection refuses as soon as it knows, while the body is still on its way', async () => {
    const it = attended();
    await it.client.send(frame({ cmd: 'put', filename: '/etc/passwd', filesize: 1e12 }));
    expect(await it.client.replies(1)).toMatchObject([{ error: { code: 'bad-filename' } }]);
    it.client.connection.destroy();
    await it.finished;
  });

  test('a connection ends with the fault when the frames cannot be told apart, after all that came before', async () => {
    const it = attended({ linger: 1 });
    await it.client.send(putFrame('a', 'hi'), Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(await it.client.all()).toMatchObject([
      { ack: 'put' },
      { error: { code: 'bad-header-length', declared: 542393671, ascii: expect.stringMatching(/^GET/) } },
    ]);
    await it.finished;
    expect(it.budget.unsettled()).toBe(0);
  });

  test('a connection says where it was cut off when the input ends in the middle of a body', async () => {
    const it = attended();
    await it.client.send(putFrame('a', 'hello').subarray(0, -2));
    it.client.connection.end();
    expect(await it.client.all()).toMatchObject([{ error: { code: 'truncated' } }]);
    await it.finished;
    expect((it.store as ReturnType<typeof memoryStore>).contents.size).toBe(0);
    expect((it.store as ReturnType<typeof memoryStore>).sinks).toBe(0);
  });

  test('a connection that breaks off in a body leaves nothing behind, and the operator learns of it', async () => {
    const it = attended();
    await it.client.send(putFrame('a', 'hello').subarray(0, -2));
    it.client.connection.destroy();
    await it.finished;
    expect(it.reports).toMatchObject([{ type: 'refused', filename: 'a', error: { code: 'truncated' } }]);
    const { contents, sinks } = it.store as ReturnType<typeof memoryStore>;
    expect({ stored: contents.size, sinks }).toEqual({ stored: 0, sinks: 0 });
    expect(it.budget.unsettled()).toBe(0);
  });
});

describe('a store', () => {
  test('a store that is slow to commit lets the next files be taken meanwhile, and each is acknowledged in its turn', async () => {
    const slow = hesitant(memoryStore());
    const it = attended({ store: slow.store });
    await it.client.send(
      putFrame('a', '1'),
      putFrame('b', '2'),
      putFrame('c', '3'),
      frame({ cmd: 'ping', id: 1 }),
    );
    await expect.poll(() => slow.waiting.length).toBe(3);
    slow.letGo();
    expect((await it.client.replies(4)).map((reply) => reply.filename ?? reply.ack)).toEqual([
      'a',
      'b',
      'c',
      'ping',
    ]);
    await conclude(it);
  });

  test('a store is not asked for more puts at once than requests may be open', async () => {
    const slow = hesitant(memoryStore());
    const it = attended({ store: slow.store, openRequests: 2 });
    await it.client.send(...['a', 'b', 'c', 'd', 'e'].map((name) => putFrame(name, name)));
    await expect.poll(() => slow.waiting.length).toBe(2);
    slow.letGo();
    await expect.poll(() => slow.waiting.length).toBe(2);
    slow.letGo();
    await expect.poll(() => slow.waiting.length).toBe(1);
    slow.letGo();
    expect(await it.client.replies(5)).toHaveLength(5);
    await conclude(it);
  });

  test('a store that throws is reported as an internal error, and the peer gets `internal`', async () => {
    const broken: FileStore = {
      ...memoryStore(),
      put: () => {
        throw new Error('oops');
      },
      stat: () => Promise.reject(new Error('oops later')),
    };
    const it = attended({ store: broken });
    await it.client.send(
      putFrame('a', 'hello'),
      frame({ cmd: 'stat', filename: 'a' }),
      frame({ cmd: 'ping' }),
    );
    expect(await it.client.replies(3)).toMatchObject([
      { error: { code: 'internal' } },
      { error: { code: 'internal' } },
      { ack: 'ping' },
    ]);
    expect(it.bugs.map(String)).toEqual(['Error: oops', 'Error: oops later']);
    it.client.connection.end();
    await it.finished;
  });

  test('a store whose file becomes shorter while it is sent has the connection dropped: the ack cannot be taken back', async () => {
    const store = memoryStore();
    const it = attended({
      store: {
        ...store,
        open: (name) => ({
          ok: true,
          value: {
            name,
            size: 10,
            mtime: 0,
            read: () => ({ ok: true, value: new Uint8Array(0) }),
            close: () => {},
          },
        }),
      },
    });
    await it.client.send(frame({ cmd: 'get', filename: 'a' }));
    expect(await it.client.over).toMatchObject({ code: 'reset' });
    await it.finished;
    const error = { code: 'internal', message: expect.stringContaining('the file ended after 0 bytes') };
    expect(it.reports).toMatchObject([{ type: 'refused', cmd: 'get', filename: 'a', error }]);
  });

  test('a store that cannot read on behind the ack has the connection dropped, and its error is reported', async () => {
    const store = memoryStore();
    const error = { code: 'io-error', message: 'it is gone', engine: 's3', cause: 'NoSuchKey' } as const;
    const read = (position: number) =>
      position === 0
        ? ({ ok: true, value: new Uint8Array(4) } as const)
        : Promise.resolve({ ok: false, error } as const);
    const source = { name: 'a', size: 10, mtime: 0, read, close: () => {} };
    const it = attended({ store: { ...store, open: () => ({ ok: true, value: source }) } });
    await it.client.send(frame({ cmd: 'get', filename: 'a', id: 7 }));
    expect(await it.client.over).toMatchObject({ code: 'reset' });
    await it.finished;
    expect(it.reports).toMatchObject([{ type: 'refused', cmd: 'get', filename: 'a', id: 7, error }]);
    expect(it.bugs).toEqual([]);
  });
});

describe('back-pressure', () => {
  test('a store that does not take bytes stops the peer', async () => {
    const store = memoryStore();
    let taken = 0;
    const stuck: FileStore = {
      ...store,
      put: () => ({
        ok: true,
        value: {
          write: (chunks) => {
            for (const chunk of chunks) taken += chunk.length;
            return new Promise(() => {});
          },
          sync: () => new Promise(() => {}),
          commit: () => new Promise(() => {}),
          abort: () => {},
        },
      }),
    };
    const it = attended({ store: stuck, window: { high: 100_000, low: 50_000 } });
    const body = Buffer.alloc(64 * 1024);
    let settled = 0;
    void it.client.send(frame({ cmd: 'put', filename: 'a', filesize: 1e9 }));
    for (let i = 0; i < 50; i++) void it.client.send(body).then((fault) => fault ?? settled++);
    await expect.poll(() => it.budget.unsettled()).toBeGreaterThan(100_000);
    // The window, one further chunk, and what the pair itself holds.
    expect(it.budget.unsettled()).toBeLessThan(100_000 + 3 * body.length);
    await expect.poll(() => taken).toBeGreaterThan(0);
    expect(settled).toBeLessThan(6);
    it.client.connection.destroy();
  });

  test('a peer that reads no replies is not read from for ever', async () => {
    const it = attended({ window: { high: 20_000, low: 10_000 } });
    const pings = Buffer.concat(
      Array.from({ length: 100 }, () => frame({ cmd: 'ping', id: 'x'.repeat(100) })),
    );
    it.client.connection.pause();
    let settled = 0;
    for (let i = 0; i < 200; i++) void it.client.send(pings).then((fault) => fault ?? settled++);
    await expect.poll(() => it.budget.unsettled()).toBeGreaterThan(10_000);
    const before = settled;
    expect(before).toBeLessThan(50);
    it.client.connection.resume();
    await expect.poll(() => settled, { timeout: 20_000 }).toBe(200);
    await conclude(it);
  });
});

describe('stopping', () => {
  test('unsubscribing drops the connection and what was under way', async () => {
    const it = attended();
    await it.client.send(putFrame('a', 'hello').subarray(0, -2));
    it.stop();
    expect(await it.client.over).toMatchObject({ code: 'reset' });
    // In its turn: others may be served first.
    await vi.waitFor(() => expect((it.store as ReturnType<typeof memoryStore>).sinks).toBe(0));
    expect(it.budget.unsettled()).toBe(0);
  });

  test('unsubscribing leaves no reply behind that waits for a silence', async () => {
    const it = attended({ silence: 1e6 });
    await it.client.send(putFrame('a', 'hello'));
    await vi.waitFor(() => expect(it.reports).toHaveLength(2));
    expect(it.budget.unsettled()).toBeGreaterThan(0);
    it.stop();
    await vi.waitFor(() => expect(it.budget.unsettled()).toBe(0));
  });

  test('draining finishes the put under way and ends the connection', async () => {
    const it = attended();
    const whole = putFrame('a', 'hello');
    await it.client.send(whole.subarray(0, -2));
    await vi.waitFor(() => expect((it.store as ReturnType<typeof memoryStore>).sinks).toBe(1));
    it.shutdown$.next();
    await it.client.send(whole.subarray(-2));
    expect(await it.client.all()).toMatchObject([{ ack: 'put', filename: 'a' }]);
    await conclude(it);
  });

  test('draining ends an idle connection', async () => {
    const it = attended();
    it.shutdown$.next();
    expect(await it.client.all()).toEqual([]);
    await conclude(it);
  });

  test('a peer that never ends its side is dropped after the linger time', async () => {
    const it = attended({ linger: 1 });
    it.shutdown$.next();
    await it.finished;
  });
});

const content = fc.uint8Array({ maxLength: 300 });
property.prop([
  fc.array(content, { maxLength: 8 }),
  fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
])('however the bytes are cut, the same files are stored, and all credit comes back', async (files, cuts) => {
  const it = attended();
  const stream = Buffer.concat(files.map((bytes, i) => putFrame(`f${i}`, bytes)));
  for (let at = 0, i = 0; at < stream.length; i++) {
    const end = at + cuts[i % cuts.length]!;
    void it.client.send(stream.subarray(at, end));
    at = end;
  }
  await conclude(it);
  const { contents } = it.store as ReturnType<typeof memoryStore>;
  expect([...contents].map(([name, { bytes }]) => [name, [...bytes]])).toEqual(
    files.map((bytes, i) => [`f${i}`, [...bytes]]),
  );
  expect(await it.client.all()).toHaveLength(files.length);
});
