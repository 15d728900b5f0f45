/** What the store over S3 and PostgreSQL does when an engine fails: a clear error or a further try, and nothing is lost. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import type { ServiceFault } from '../../../src/files/protocol/errors.ts';
import { contentOf, namesIn, pattern, put, textOf, value } from '../../../src/store/conformance/case.ts';
import type { MaybeAsync } from '../../../src/store/contract.ts';
import { openS3Store, type S3Store } from '../../../src/store/s3/open-s3-store.ts';
import { needEngine, startCeph, startPostgres } from '../../support/engines/engines.ts';
import { type HttpProxy, httpProxy } from '../../support/engines/http-proxy.ts';
import { type TcpProxy, tcpProxy } from '../../support/engines/tcp-proxy.ts';
import { casesFactor } from '../../support/random/cases.ts';
import {
  directBucket,
  type Engines,
  newSchema,
  openNode,
  optionsOf,
  sameBytes,
  sharedEngines,
} from '../../support/stores/s3-nodes.ts';

const SEGMENT = 256 * 1024;
const content = pattern(3 * SEGMENT + 1000);
const size = content.length;
const isPut = ({ method }: { readonly method: string }) => method === 'PUT';
const isGet = ({ method, url }: { readonly method: string; readonly url: string }) =>
  method === 'GET' && !url.includes('list-type');

async function faultOf(answer: MaybeAsync<unknown>): Promise<ServiceFault> {
  const outcome = await answer;
  assert.ok(!outcome.ok, 'expected an error');
  return outcome.error;
}

const run = promisify(execFile);
/** These take long, and are for the longer round. */
const isLong = casesFactor > 1;

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('an engine that fails', () => {
  let engines: Promise<Engines> | undefined;
  const closed: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closed.splice(0).reverse()) await close();
  });

  interface Opened {
    readonly store: S3Store;
    readonly s3: HttpProxy;
    readonly postgres: TcpProxy;
  }

  /** A store that reaches both of its engines through proxies. */
  async function open(options: Parameters<typeof openNode>[2] = {}): Promise<Opened> {
    engines ??= sharedEngines();
    const all = await engines;
    const s3 = await httpProxy(Number(new URL(all.s3.endpoint).port));
    const url = new URL(all.postgres.url);
    const postgres = await tcpProxy(Number(url.port));
    url.port = String(postgres.port);
    const through = { s3: { ...all.s3, endpoint: s3.endpoint }, postgres: { url: url.href } };
    closed.push(
      () => s3.close(),
      () => postgres.close(),
    );
    const store = await openNode(through, newSchema(), { segmentBytes: SEGMENT, patience: 5000, ...options });
    closed.push(() => store.close());
    return { store, s3, postgres };
  }

  describe('the S3 store', () => {
    for (const [status, code] of [
      [503, 'SlowDown'],
      [500, 'InternalError'],
    ] as const) {
      test(`an answer ${status} to a PUT, a GET and a DELETE is followed by another try`, async () => {
        const { store, s3 } = await open();
        const put503 = s3.inject({ type: 'answer', status, code }, { times: 2, when: isPut });
        await value(put(store, 'file', content));
        await put503;
        const get503 = s3.inject({ type: 'answer', status, code }, { times: 2, when: isGet });
        sameBytes(await contentOf(store, 'file'), content);
        await get503;
      });
    }

    test('while it answers 503 for longer than the patience, a put fails with unavailable, which names it', async () => {
      const { store, s3 } = await open({ patience: 300 });
      const all = s3.inject({ type: 'answer', status: 503, code: 'SlowDown' }, { times: 1000, when: isPut });
      const error = await faultOf(put(store, 'file', content));
      assert.deepEqual([error.code, error.engine, error.cause], ['unavailable', 's3', 'SlowDown']);
      assert.match(error.message, /the S3 store cannot do it now: SlowDown/);
      assert.deepEqual([store.engines().s3.isUp, store.engines().postgresql.isUp], [false, true]);
      assert.deepEqual(await namesIn(store), []);
      void all;
    });

    test('a bucket that is full is a full disk, and nothing is kept of the put', async () => {
      const { store, s3 } = await open();
      const full = s3.inject({ type: 'answer', status: 403, code: 'QuotaExceeded' }, { when: isPut });
      const error = await faultOf(put(store, 'file', content, { upload: 'key' }));
      await full;
      assert.deepEqual([error.code, error.engine, error.cause], ['disk-full', 's3', 'QuotaExceeded']);
      assert.deepEqual(store.unfinished(), { count: 0, bytes: 0 });
      await value(put(store, 'file', content));
    });

    test('a PUT whose answer is lost is done again under another name, and nothing of the first is seen', async () => {
      const { store, s3 } = await open();
      const lost = s3.inject({ type: 'lose-answer' }, { when: isPut });
      await value(put(store, 'file', content));
      assert.equal(await lost, 200);
      const puts = s3.seen.filter(isPut).map(({ url }) => url);
      assert.equal(new Set(puts).size, puts.length);
      assert.equal(puts.length, 5);
      sameBytes(await contentOf(store, 'file'), content);
    });

    test('a PUT that lands after it was given up harms nothing', async () => {
      const { store, s3 } = await open({ s3: { timeout: 300 } });
      let land = () => {};
      const until = new Promise<void>((resolve) => {
        land = resolve;
      });
      const late = s3.inject({ type: 'late', until: () => until }, { when: isPut });
      const sink = await value(store.put('file', { size: 1000 }));
      await value(sink.write([content.subarray(0, 1000)]));
      // It is done again when nothing has come for a while.
      await value(sink.commit());
      await value(put(store, 'file', 'newer'));
      land();
      assert.equal(await late, 200);
      assert.equal(await textOf(store, 'file'), 'newer');
    });

    test('a request that gets no connection is given up, however many wait', async () => {
      // A store that waits for nothing may not even open where the machine is busy.
      const options = { s3: { timeout: 300, connections: 1 }, patience: 0 };
      const opened = () => open(options).catch(() => null);
      let node = await opened();
      while (node === null) node = await opened();
      const { store, s3 } = node;
      const held = new Promise<void>(() => {});
      void s3.inject({ type: 'late', until: () => held }, { times: 100, when: isPut });
      const faults = await Promise.all(
        Array.from({ length: 20 }, (_, i) => faultOf(put(store, `f${i}`, 'x'))),
      );
      assert.deepEqual(new Set(faults.map(({ code }) => code)), new Set(['unavailable']));
      assert.ok(faults.some(({ message }) => message.includes('no connection came free')));
    });

    test('while an upload is read again for its SHA-256, another may take it', async () => {
      const { store, s3 } = await open();
      const sink = await value(store.put('file', { size, upload: 'key' }));
      await value(sink.write([content.subarray(0, 2 * SEGMENT)]));
      await sink.abort();
      let goOn = () => {};
      const until = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const held = s3.inject({ type: 'late', until: () => until }, { when: isGet });
      let taken = 0;
      const sha256 = createHash('sha256').update(content).digest('hex');
      const options = { size, upload: 'key', offset: 2 * SEGMENT, sha256 };
      const slow = store.put('file', { ...options, taken: () => taken++ });
      await expect.poll(() => s3.seen.filter(isGet).length).toBe(1);
      assert.equal((await value(store.resume('key'))).offset, 2 * SEGMENT);
      assert.equal(taken, 1);
      goOn();
      await held;
      assert.equal((await faultOf(slow)).code, 'upload-taken');
      const next = await value(store.put('file', options));
      await value(next.write([content.subarray(2 * SEGMENT)]));
      await value(next.commit());
      assert.deepEqual(store.unfinished(), { count: 0, bytes: 0 });
      sameBytes(await contentOf(store, 'file'), content);
    });

    test('a GET that breaks off goes on where it broke off', async () => {
      const { store, s3 } = await open();
      await value(put(store, 'file', content));
      const broken = s3.inject({ type: 'truncate', after: 70_000 }, { times: 3, when: isGet });
      sameBytes(await contentOf(store, 'file'), content);
      await broken;
    });

    test('a GET of other bytes than were stored fails, and never gives the last of them', async () => {
      const { store, s3 } = await open();
      await value(put(store, 'file', content.subarray(0, 1000)));
      const all = await (engines as Promise<Engines>);
      const [object] = s3.seen
        .filter(isPut)
        .map(({ url }) => decodeURIComponent(url.slice(all.s3.bucket.length + 2)));
      await overwrite(all, object as string, Buffer.alloc(1000));
      const source = await value(store.open('file'));
      const error = await faultOf(source.read(0, 1000));
      assert.deepEqual([error.code, error.engine, error.cause], ['io-error', 's3', 'crc32']);
      await source.close();
    });

    test('a PUT whose ETag is that of other bytes is done again under another name', async () => {
      const { store, s3 } = await open();
      const wrong = s3.inject({ type: 'etag', etag: '"00000000000000000000000000000000"' }, { when: isPut });
      await value(put(store, 'file', 'right'));
      await wrong;
      assert.equal(s3.seen.filter(isPut).length, 2);
      assert.equal(await textOf(store, 'file'), 'right');
    });

    test('keys that it does not know are refused when the store is opened, with the reason', async () => {
      engines ??= sharedEngines();
      const all = await engines;
      const wrong = { ...all, s3: { ...all.s3, secretKey: 'wrong' } };
      const error = await faultOf(openS3Store(optionsOf(wrong, newSchema())));
      assert.deepEqual(
        [error.code, error.engine, error.cause],
        ['unavailable', 's3', 'SignatureDoesNotMatch'],
      );
    });
  });

  describe('a gateway', () => {
    async function openOwn() {
      engines ??= sharedEngines();
      const ceph = await startCeph();
      closed.push(() => ceph.stop());
      const store = await openNode({ ...(await engines), s3: ceph.facts }, newSchema(), {
        segmentBytes: SEGMENT,
      });
      closed.push(() => store.close());
      return { ceph, store };
    }

    test('that is killed and started again in mid-upload loses nothing', async () => {
      const { ceph, store } = await openOwn();
      const sink = await value(store.put('file', { size, upload: 'key' }));
      await value(sink.write([content.subarray(0, 2 * SEGMENT)]));
      await ceph.kill();
      const writing = sink.write([content.subarray(2 * SEGMENT)]);
      await ceph.restart();
      await value(writing);
      await value(sink.commit());
      sameBytes(await contentOf(store, 'file'), content);
    });

    test('that stands still for five seconds delays what is asked of it', { skip: !isLong }, async () => {
      const { ceph, store } = await openOwn();
      await value(put(store, 'file', content));
      await ceph.pause();
      const [reading, storing] = [contentOf(store, 'file'), put(store, 'second', content)];
      await wait(5000);
      await ceph.resume();
      sameBytes(await reading, content);
      await value(storing);
    });

    test('that has no room for a user refuses as a full disk does', { skip: !isLong }, async () => {
      const { ceph, store } = await openOwn();
      await value(put(store, 'first', content));
      const admin = (...args: string[]) =>
        run('radosgw-admin', ['-c', `${ceph.folder}/ceph.conf`, '-n', 'client.admin', ...args]);
      await admin('quota', 'set', '--quota-scope=user', '--uid=test', '--max-size=1024');
      await admin('quota', 'enable', '--quota-scope=user', '--uid=test');
      const error = await faultOf(put(store, 'second', content));
      assert.deepEqual([error.code, error.engine, error.cause], ['disk-full', 's3', 'QuotaExceeded']);
      await admin('quota', 'disable', '--quota-scope=user', '--uid=test');
      await value(put(store, 'second', content));
      assert.deepEqual(await namesIn(store), ['first', 'second']);
    });
  });

  describe('PostgreSQL', () => {
    test('whose answer to a commit is lost is asked again, and says what it has done', async () => {
      const { store, postgres } = await open();
      await value(put(store, 'file', 'four'));
      const lost = postgres.next('answer', '"replaced"', 'break');
      const committed = await value(put(store, 'file', 'replacing'));
      await lost;
      assert.equal(committed.replaced, 4);
      assert.equal(await textOf(store, 'file'), 'replacing');
      const lostAgain = postgres.next('answer', '"replaced"', 'break');
      const once = await value(put(store, 'once', 'once', { ifAbsent: true }));
      await lostAgain;
      assert.equal(once.replaced, 0);
    });

    test('whose answer to a rename or a removal is lost is asked again, and says what it has done', async () => {
      const { store, postgres } = await open();
      await value(put(store, 'a', 'four'));
      const lostRename = postgres.next('answer', '"replaced"', 'break');
      assert.equal((await value(store.rename('a', 'b'))).size, 4);
      await lostRename;
      const lostRemoval = postgres.next('answer', '"size"', 'break');
      assert.equal((await value(store.remove('b'))).size, 4);
      await lostRemoval;
      assert.equal((await faultOf(store.stat('b'))).code, 'not-found');
    });

    test('whose answer to the beginning of an upload is lost never takes its content for garbage', async () => {
      const { store, postgres } = await open({ upkeep: { graceMs: -3_600_000, everyMs: 3_600_000 } });
      const lost = postgres.next('answer', '"epoch"', 'break');
      const sink = await value(store.put('file', { size, upload: 'key' }));
      await lost;
      await value(sink.write([content.subarray(0, 2 * SEGMENT)]));
      await value(sink.sync());
      await store.upkeep();
      await value(sink.write([content.subarray(2 * SEGMENT)]));
      await value(sink.commit());
      await store.upkeep();
      sameBytes(await contentOf(store, 'file'), content);
    });

    test('whose answer to an appended segment is lost is asked again, and the upload goes on', async () => {
      const { store, postgres } = await open();
      const sink = await value(store.put('file', { size, upload: 'key' }));
      // Each statement's answer ends so; the first that comes is that of the first append.
      const lost = postgres.next('answer', 'SELECT 1', 'break');
      await value(sink.write([content]));
      await lost;
      await value(sink.commit());
      sameBytes(await contentOf(store, 'file'), content);
    });

    test('whose role may make no schema is enough, if a schema is there that the role owns', async () => {
      engines ??= sharedEngines();
      const all = await engines;
      const role = newSchema();
      const admin = new pg.Client(all.postgres.url);
      await admin.connect();
      closed.push(async () => {
        await admin.query(`drop owned by ${role} cascade`);
        await admin.query(`drop role ${role}`);
        await admin.end();
      });
      await admin.query(`create role ${role} login`);
      const url = new URL(all.postgres.url);
      url.username = role;
      const options = optionsOf({ ...all, postgres: { url: url.href } }, role);
      const error = await faultOf(openS3Store(options));
      assert.deepEqual([error.code, error.engine, error.cause], ['unavailable', 'postgresql', '42501']);
      await admin.query(`create schema ${role} authorization ${role}`);
      await (await value(openS3Store(options))).close();
    });

    test('that cannot be reached is unavailable, by name, and works again without a restart', async () => {
      const { store, postgres } = await open({ patience: 300 });
      await value(put(store, 'file', content));
      postgres.refuse(true);
      postgres.cut();
      for (const answer of [
        put(store, 'other', content),
        store.stat('file'),
        store.list({ limit: 1 }),
        store.remove('file'),
        store.rename('file', 'b'),
        store.resume('key'),
      ]) {
        const error = await faultOf(answer as MaybeAsync<unknown>);
        assert.deepEqual([error.code, error.engine], ['unavailable', 'postgresql']);
      }
      assert.equal((await store.check())?.engine, 'postgresql');
      assert.deepEqual([store.engines().s3.isUp, store.engines().postgresql.isUp], [true, false]);
      postgres.refuse(false);
      sameBytes(await contentOf(store, 'file'), content);
      assert.equal(await store.check(), null);
      assert.equal(store.engines().postgresql.isUp, true);
    });

    test('whose connection breaks while nobody asks anything is known to be down, and up once it answers', async () => {
      const { store, postgres } = await open({ upkeep: { everyMs: 3_600_000, heartbeatMs: 50 } });
      postgres.refuse(true);
      postgres.cut();
      await expect.poll(() => store.engines().postgresql.isUp).toBe(false);
      postgres.refuse(false);
      await expect.poll(() => store.engines().postgresql.isUp).toBe(true);
    });

    test('that syncs nothing is refused for a store that is to be durable, and one that does is taken', async () => {
      engines ??= sharedEngines();
      const all = await engines;
      const error = await faultOf(openS3Store(optionsOf(all, newSchema(), { durable: true })));
      assert.match(error.message, /PostgreSQL has fsync off/);
      const postgres = await startPostgres({ fsync: 'on' });
      closed.push(() => postgres.stop());
      const store = await openNode({ ...all, postgres: postgres.facts }, newSchema(), { durable: true });
      closed.push(() => store.close());
      assert.equal((await value(put(store, 'file', 'x'))).durable, true);
    });

    test('a bucket that is not there is refused before any table is made', async () => {
      engines ??= sharedEngines();
      const all = await engines;
      const schema = newSchema();
      const wrong = { ...all, s3: { ...all.s3, bucket: 'not-there' } };
      const error = await faultOf(openS3Store(optionsOf(wrong, schema)));
      assert.deepEqual([error.code, error.engine, error.cause], ['unavailable', 's3', 'NoSuchBucket']);
      const store = await openNode(all, schema);
      closed.push(() => store.close());
      await value(put(store, 'file', 'x'));
    });

    test('that stands still is named by a check before anybody loses patience', async () => {
      const { store, postgres } = await open();
      postgres.hold();
      const error = await store.check();
      postgres.release();
      assert.deepEqual([error?.code, error?.engine], ['unavailable', 'postgresql']);
      assert.equal(await store.check(), null);
    });

    test('that nobody asks anything tells its latency all the same: of the heartbeat, and of a check', async () => {
      const { store, postgres } = await open({ upkeep: { everyMs: 3_600_000, heartbeatMs: 50 } });
      assert.equal(typeof store.engines().postgresql.latencyMs, 'number');
      postgres.delay(100);
      await expect.poll(() => store.engines().postgresql.latencyMs).toBeGreaterThan(190);
      const quiet = await open({ upkeep: { everyMs: 3_600_000, heartbeatMs: 3_600_000 } });
      quiet.postgres.delay(100);
      assert.equal(await quiet.store.check(), null);
      expect(quiet.store.engines().postgresql.latencyMs).toBeGreaterThan(190);
    });

    test('that is slow makes calls slow, and not wrong', async () => {
      const { store, postgres } = await open();
      postgres.delay(50);
      const names = Array.from({ length: 12 }, (_, i) => `f${String(i).padStart(2, '0')}`);
      await Promise.all(names.map(async (name) => value(put(store, name, name))));
      assert.deepEqual(await namesIn(store), names);
    });

    test('that is killed and restarted is waited for, and an upload goes on', async () => {
      engines ??= sharedEngines();
      const postgres = await startPostgres();
      closed.push(() => postgres.stop());
      const own = { ...(await engines), postgres: postgres.facts };
      const store = await openNode(own, newSchema(), { segmentBytes: SEGMENT });
      closed.push(() => store.close());
      const sink = await value(store.put('file', { size, upload: 'key' }));
      await value(sink.write([content.subarray(0, 2 * SEGMENT)]));
      await value(sink.sync());
      await postgres.kill();
      const writing = sink.write([content.subarray(2 * SEGMENT)]);
      await postgres.restart();
      await value(writing);
      await value(sink.commit());
      await postgres.restart();
      sameBytes(await contentOf(store, 'file'), content);
    });

    test('that has no connection left is waited for, and is unavailable if none comes free', async () => {
      engines ??= sharedEngines();
      const postgres = await startPostgres({ max_connections: 6, superuser_reserved_connections: 0 });
      closed.push(() => postgres.stop());
      const own = { ...(await engines), postgres: postgres.facts };
      const store = await openNode(own, newSchema(), { patience: 300 });
      closed.push(() => store.close());
      const hogs: pg.Client[] = [];
      for (let isFull = false; !isFull; ) {
        const hog = new pg.Client(postgres.facts.url);
        hog.on('error', () => {});
        isFull = await hog.connect().then(
          () => false,
          () => true,
        );
        if (!isFull) hogs.push(hog);
      }
      closed.push(() => Promise.all(hogs.map((hog) => hog.end())));
      // One connection is the node's; nothing else of it has any now.
      const { postgresql } = store.engines();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => put(store, `f${i}`, 'x')));
      for (const answer of answers) {
        if (postgresql.connections === 0) assert.ok(!answer.ok && answer.error.cause === '53300');
        else assert.ok(answer.ok, JSON.stringify(answer));
      }
      await hogs.pop()?.end();
      for (let i = 0; i < 20; i++) await value(put(store, `f${i}`, 'x'));
    });
  });
});

async function overwrite(engines: Engines, object: string, bytes: Uint8Array): Promise<void> {
  const direct = directBucket(engines);
  await direct.put(() => object, [bytes]);
  direct.close();
}
