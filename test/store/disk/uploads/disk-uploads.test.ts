/**
 * The unfinished uploads of the disk store. They survive the store and a crash, and their records never claim
 * more bytes than exist.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { contentOf, pattern, put, refused, textOf, value } from '../../../../src/store/conformance/case.ts';
import type { FileStore, Outcome, PutOptions, Sink } from '../../../../src/store/contract.ts';
import { crc32 } from '../../../../src/store/crc32.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { newOwner } from '../../../../src/store/disk/owner.ts';
import { activeFileName, storedFileName } from '../../../../src/store/disk/uploads/upload-record.ts';
import { type Interception, interceptedFileSystem } from '../../../support/stores/fs-intercepted.ts';
import { expectInOrder, loggedFileSystem } from '../../../support/stores/operation-log.ts';
import { rootForEachTest, temporariesIn } from '../../../support/stores/store-roots.ts';

const content = pattern(20_000, 0);
const none = { offset: 0, crc32: 0 };
const firstOf = (length: number, of = content) => ({ offset: length, crc32: crc32(of.subarray(0, length)) });

let root: string;
const opened = new Set<FileStore>();
rootForEachTest((path) => {
  root = path;
});
afterEach(async () => {
  const stores = [...opened];
  opened.clear();
  for (const store of stores) await store.close();
});

async function open(options: DiskStoreOptions = {}): Promise<FileStore> {
  const store = await value(openDiskStore(root, options));
  opened.add(store);
  return store;
}

const parts = () => join(root, '.sluice/parts');
const partFiles = () => (existsSync(parts()) ? readdirSync(parts()) : []);

/** Leaves the file of an upload, as a store would have. Its record claims `length` bytes. */
function leavePart(length: number, bytes: Uint8Array, more: { synced?: boolean; key?: string } = {}): string {
  const { synced = true, key = 'key' } = more;
  mkdirSync(parts(), { recursive: true });
  const crc = crc32(content.subarray(0, length));
  const path = join(parts(), storedFileName({ key, length, crc32: crc, synced }));
  writeFileSync(path, bytes);
  return path;
}

async function begun(store: FileStore, to: number, options: Partial<PutOptions> = {}): Promise<Sink> {
  const sink = await value(store.put('file', { size: content.length, upload: 'key', ...options }));
  await value(sink.write([content.subarray(options.offset ?? 0, to)]));
  return sink;
}

async function finish(store: FileStore, offset: number): Promise<void> {
  const sink = await begun(store, content.length, { offset });
  expect((await value(sink.commit())).crc32).toBe(crc32(content));
  assert.deepEqual(await contentOf(store, 'file'), content);
  expect(temporariesIn(root)).toEqual([]);
}

describe.each(['fsync', 'os'] as const)('an unfinished upload (%s)', (durability) => {
  it('an unfinished upload survives the store and is found by the next one', async () => {
    const store = await open({ durability });
    await begun(store, 5000);
    await store.close();
    const next = await open({ durability });
    expect(next.unfinished()).toEqual({ count: 1, bytes: 5000 });
    expect(await value(next.resume('key'))).toEqual(firstOf(5000));
    await finish(next, 5000);
  });

  it('an unfinished upload survives a killed process, at least as far as it was reported', async () => {
    const size = 30_000_000;
    const script = new URL('../../../support/processes/upload-process.mjs', import.meta.url).pathname;
    const whole = Buffer.alloc(
      size,
      Uint8Array.from({ length: 251 }, (_, i) => i),
    );
    let offset = 0;
    for (const [round, lines] of [1, 4, 8].entries()) {
      const child = spawn(process.execPath, [script, root, durability, `${size}`, `${(round + 1) * 1e7}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let said = '';
        while (said.split('\n').length <= lines) said += await once(child.stdout, 'data');
        child.kill('SIGKILL');
        await once(child, 'exit');
        const synced = Number(/synced (\d+)\n(?!.*synced \d+\n)/s.exec(said)?.[1]);
        expect(synced).toBeGreaterThan(offset);

        const store = await open({ durability });
        expect(store.unfinished().count).toBe(1);
        const resumed = await value(store.resume('key'));
        expect(resumed.offset).toBeGreaterThanOrEqual(synced);
        expect(resumed).toEqual(firstOf(resumed.offset, whole));
        offset = resumed.offset;
        await store.close();
      } finally {
        child.kill('SIGKILL');
      }
    }
    const store = await open({ durability });
    const sink = await value(store.put('file', { size, upload: 'key', offset, crc32: crc32(whole) }));
    await value(sink.write([whole.subarray(offset)]));
    await value(sink.commit());
    expect(whole.equals(readFileSync(join(root, 'file')))).toBe(true);
    expect(temporariesIn(root)).toEqual([]);
  });

  it('an unfinished upload counts as missing when its file is shorter than its record', async () => {
    leavePart(5000, content.subarray(0, 4999));
    const store = await open({ durability });
    expect(await value(store.resume('key'))).toEqual(none);
    expect(partFiles()).toEqual([]);
    await finish(store, 0);
  });

  it('an unfinished upload is as long as its record when its file is longer', async () => {
    leavePart(5000, Buffer.concat([content.subarray(0, 5000), pattern(30_000, 99)]));
    const store = await open({ durability });
    expect(await value(store.resume('key'))).toEqual(firstOf(5000));
    await finish(store, 5000);
  });

  it('an unfinished upload counts as missing when it was never synced and its bytes differ', async () => {
    const damaged = content.slice(0, 5000);
    damaged[2500]! ^= 1;
    leavePart(5000, damaged, { synced: false });
    const store = await open({ durability });
    expect(await value(store.resume('key'))).toEqual(none);
    expect(partFiles()).toEqual([]);
    leavePart(5000, damaged, { synced: false });
    await refused(store.put('file', { size: 20_000, upload: 'key', offset: 5000 }), 'bad-offset');
    await finish(store, 0);
  });

  it('an unfinished upload that was never synced is read back and accepted when its bytes are right', async () => {
    leavePart(5000, content.subarray(0, 5000), { synced: false });
    const store = await open({ durability });
    expect(await value(store.resume('key'))).toEqual(firstOf(5000));
    await finish(store, 5000);
  });

  it('an unfinished upload counts as missing when its file has another name, which stays', async () => {
    const path = leavePart(5000, content);
    linkSync(path, join(root, 'stored'));
    const store = await open({ durability });
    expect(await value(store.resume('key'))).toEqual(none);
    await finish(store, 0);
    assert.deepEqual(await contentOf(store, 'stored'), content);
  });

  it('an unfinished upload is not the file that an interrupted commit has linked to its name', async () => {
    let failing = true;
    const fs = interceptedFileSystem({
      before: ({ name }) => (failing && name === 'unlink' ? 'EIO' : undefined),
    });
    const store = await open({ durability, fs });
    const sink = await begun(store, content.length, { ifAbsent: true });
    await value(sink.sync());
    await value(sink.commit());
    expect(temporariesIn(root)).toHaveLength(1);
    failing = false;
    await store.close();
    const next = await open({ durability });
    expect(temporariesIn(root)).toEqual([]);
    expect(await value(next.resume('key'))).toEqual(none);
    assert.deepEqual(await contentOf(next, 'file'), content);
  });

  it('an unfinished upload is never a symbolic link', async () => {
    mkdirSync(parts(), { recursive: true });
    writeFileSync(join(root, 'secret'), content);
    symlinkSync(
      join(root, 'secret'),
      join(parts(), storedFileName({ key: 'key', length: 10, crc32: 0, synced: true })),
    );
    const store = await open({ durability });
    expect(await value(store.resume('key'))).toEqual(none);
    await finish(store, 0);
    assert.deepEqual(new Uint8Array(readFileSync(join(root, 'secret'))), content);
  });

  it('an unfinished upload is dropped without harm where its folder cannot be made', async () => {
    const store = await open({ durability });
    writeFileSync(parts(), 'in the way');
    await (await begun(store, 5000)).abort();
    expect(await value(store.resume('key'))).toEqual(none);
    const sink = await begun(store, content.length, { offset: 0 });
    await value(sink.commit());
    expect(temporariesIn(root)).toEqual(['parts']);
  });

  it('an unfinished upload of a dead process is resumed from its longest file', async () => {
    const own = join(root, '.sluice/tmp', newOwner().replace(/\.[0-9a-f]{16}\./, '.0123456789abcdef.'));
    const leave = (key: string, length: number, serial: number) => {
      const record = { key, length, crc32: firstOf(length).crc32, synced: true };
      writeFileSync(join(own, activeFileName(serial, record)), content.subarray(0, length + 7));
    };
    mkdirSync(own, { recursive: true });
    leave('key', 3000, 1);
    leave('longer', 2000, 2);
    leave('empty', 0, 3);
    writeFileSync(join(own, '4'), 'a put that was no upload');
    leavePart(5000, content.subarray(0, 5000));
    leavePart(1000, content.subarray(0, 1000), { key: 'longer' });
    const store = await open({ durability });
    expect(store.unfinished()).toEqual({ count: 2, bytes: 7000 });
    expect(temporariesIn(root)).toHaveLength(2);
    expect(await value(store.resume('key'))).toEqual(firstOf(5000));
    expect(await value(store.resume('longer'))).toEqual(firstOf(2000));
  });

  it('an unfinished upload is shared by all stores on its root, and only one of them can resume it', async () => {
    const [one, two] = [await open({ durability }), await open({ durability })];
    await (await begun(one, 5000)).abort();
    expect(await value(two.resume('key'))).toEqual(firstOf(5000));
    const outcomes = await Promise.all(
      [one, two].map((store) => store.put('file', { size: content.length, upload: 'key', offset: 5000 })),
    );
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
    for (const outcome of outcomes) if (!outcome.ok) expect(outcome.error).toMatchObject({ offset: 0 });
    const [winner, loser] = outcomes[0]?.ok ? [one, two] : [two, one];
    expect(await value(loser.resume('key'))).toEqual(none);
    // A put to another store that begins anew has an upload of its own. When both are given up, the longer one stays.
    await begun(loser, 100);
    expect(await value(winner.resume('key'))).toEqual(firstOf(5000));
    await loser.close();
    expect(await value(winner.resume('key'))).toEqual(firstOf(5000));
    expect(partFiles()).toHaveLength(1);
    await finish(winner, 5000);
  });

  it('an unfinished upload may be longer than the interval of its records', async () => {
    const size = 45_000_000;
    const whole = Buffer.alloc(size, content);
    const store = await open({ durability });
    const sink = await value(store.put('file', { size, upload: 'key' }));
    for (let at = 0; at < size; at += 1_500_000) {
      await value(sink.write([whole.subarray(at, at + 1_500_000)]));
      if (at % 9 === 0 && at > 20_000_000) expect((await value(sink.sync())).offset).toBe(at + 1_500_000);
    }
    expect((await value(sink.commit())).crc32).toBe(crc32(whole));
    expect(whole.equals(readFileSync(join(root, 'file')))).toBe(true);
  });
});

it('a put that hashes the stored bytes of an upload gives up when another call on the upload waits', async () => {
  const store = await open({ durability: 'fsync' });
  await (await begun(store, 5000)).abort();
  const options = { size: content.length, upload: 'key', offset: 5000, sha256: '0'.repeat(64) };
  const putting = store.put('file', options);
  const resuming = store.resume('key');
  await refused(putting, 'upload-taken');
  expect(await value(resuming)).toEqual(firstOf(5000));
});

describe('the age of an unfinished upload', () => {
  const hour = 60 * 60 * 1000;
  const ageBy = (path: string, milliseconds: number) => {
    const time = (Date.now() - milliseconds) / 1000;
    utimesSync(path, time, time);
  };
  /** A clock for the store, which the test moves on and whose timer it calls. */
  function steppedClock() {
    const clock = {
      interval: 0,
      ahead: 0,
      stopped: false,
      tick: () => {},
      now: () => Date.now() + clock.ahead,
      every: (milliseconds: number, work: () => void) => {
        Object.assign(clock, { interval: milliseconds, tick: work });
        return () => {
          clock.stopped = true;
        };
      },
    };
    return clock;
  }

  it('uploads older than a day are removed by default when a store opens', async () => {
    ageBy(leavePart(100, content, { key: 'old' }), 25 * hour);
    ageBy(leavePart(100, content, { key: 'young' }), 23 * hour);
    const store = await open();
    expect(store.unfinished()).toEqual({ count: 1, bytes: 100 });
    expect(await value(store.resume('old'))).toEqual(none);
    expect(await value(store.resume('young'))).toEqual(firstOf(100));
  });

  it('old uploads are removed while the store is open, but not active or finished ones', async () => {
    const clock = steppedClock();
    const store = await open({ keepPartial: 2 * hour, clock });
    expect(clock.interval).toBe(hour / 2);
    await (await begun(store, 100, { upload: 'kept' })).abort();
    const held = await begun(store, 100, { upload: 'held' });
    await value(put(store, 'stored', 'x', { mtime: 0 }));
    clock.ahead = 1.9 * hour;
    clock.tick();
    expect(await value(store.resume('kept'))).toEqual(firstOf(100));
    clock.ahead = 2.1 * hour;
    clock.tick();
    await expect.poll(() => store.unfinished()).toEqual({ count: 1, bytes: 100 });
    expect(partFiles()).toEqual([]);
    await value(held.write([content.subarray(100)]));
    await value(held.commit());
    expect(await textOf(store, 'stored')).toBe('x');
    await store.close();
    expect(clock.stopped).toBe(true);
  });

  it('the age of an upload counts from its last write, not from the time that the put sets', async () => {
    let failing = false;
    const fs = interceptedFileSystem({
      before: ({ name, args }) =>
        failing && name === 'rename' && !`${args[1]}`.includes('~') ? 'EIO' : undefined,
    });
    const store = await open({ fs });
    failing = true;
    await refused((await begun(store, content.length, { mtime: 1000 })).commit(), 'io-error');
    failing = false;
    await store.close();
    const next = await open();
    expect(await value(next.resume('key'))).toEqual(firstOf(content.length));
    await finish(next, content.length);
  });

  it('old uploads of other stores are removed while the store is open', async () => {
    const clock = steppedClock();
    const store = await open({ clock });
    leavePart(100, content, { key: 'young' });
    ageBy(leavePart(100, content, { key: 'old' }), 25 * hour);
    clock.tick();
    await expect.poll(() => store.unfinished()).toEqual({ count: 1, bytes: 100 });
    truncateSync(join(parts(), partFiles()[0]!), 0);
    expect(await value(store.resume('young'))).toEqual(none);
  });
});

describe('a full disk', () => {
  it('a full disk gets back the space of an upload that it cannot complete', async () => {
    let full = false;
    const fs = interceptedFileSystem({
      before: ({ name }) => (full && name === 'writev' ? 'ENOSPC' : undefined),
    });
    const store = await open({ fs });
    const sink = await begun(store, 5000);
    full = true;
    await refused(sink.write([content.subarray(5000)]), 'disk-full');
    expect(temporariesIn(root)).toEqual([]);
    expect(store.unfinished().count).toBe(0);
    full = false;
    await finish(store, 0);
  });

  it.each(['fsync', 'os'] as const)(
    'a full disk refuses a large put before its content (%s)',
    async (durability) => {
      const store = await open({ durability });
      const size = Number.MAX_SAFE_INTEGER;
      await refused(store.put('file', { size }), 'disk-full');
      await refused(store.put('file', { size, upload: 'key' }), 'disk-full');
      await (await begun(store, 5000)).abort();
      await refused(store.put('file', { size, upload: 'key', offset: 5000 }), 'disk-full');
      expect(temporariesIn(root)).toEqual([]);
      expect(store.unfinished()).toEqual({ count: 0, bytes: 0 });
    },
  );

  it('the free space is not checked for small puts, and is ignored when the file system reports no size', async () => {
    let asked = 0;
    const fs = interceptedFileSystem({
      before: ({ name }) => {
        if (name !== 'statfs') return undefined;
        asked += 1;
        return 'ENOSYS';
      },
    });
    const store = await open({ fs });
    await value(put(store, 'small', pattern(1024 * 1024 - 1)));
    expect(asked).toBe(0);
    await value(put(store, 'large', pattern(1024 * 1024)));
    expect(asked).toBe(1);
  });
});

describe('the record of an upload', () => {
  /** A store, and the log of its operations since it was opened. */
  async function loggedStore(more: Interception = {}) {
    const log: string[] = [];
    const store = await open({ fs: loggedFileSystem(root, log, more) });
    log.length = 0;
    return { store, log };
  }

  it('the bytes of an upload are synced before the record claims them, and the record before the answer', async () => {
    const { store, log } = await loggedStore();
    const sink = await begun(store, 5000);
    await value(sink.sync());
    log.push('answer');
    expectInOrder(log, [
      /^end writev/,
      /^begin fdatasync/,
      /^end fdatasync/,
      /^begin rename \S+ \S+\/u1~key~5000~/,
      /^end rename/,
      /^begin fsync \.\/\.sluice\/tmp\/\d+-\d+\./,
      /^end fsync \.\/\.sluice\/tmp\/\d+-\d+\./,
      'answer',
    ]);
    log.length = 0;
    await value(sink.write([content.subarray(5000, 6000)]));
    expect(await value(store.resume('key'))).toEqual(firstOf(6000));
    log.push('answer');
    expectInOrder(log, [
      /^end fdatasync/,
      /^end rename \S+ \S+\/key~6000~[0-9a-f]{8}~s$/,
      'begin fsync ./.sluice/parts',
      'end fsync ./.sluice/parts',
      'answer',
    ]);
  });

  it('the record of an upload never claims bytes written after its sync began', async () => {
    let written = 0;
    /** The bytes that were written when each of the syncs under way began. */
    const begun: number[] = [];
    /** The bytes that the last sync that ended has made durable. */
    let covered = 0;
    const claims: { claimed: number; covered: number }[] = [];
    const { store } = await loggedStore({
      before({ name, args }) {
        if (name === 'fdatasync') begun.push(written);
        const [, claimed] = /key~(\d+)~/.exec(`${args[1]}`) ?? [];
        if (name === 'rename' && claimed !== undefined) claims.push({ claimed: Number(claimed), covered });
        return undefined;
      },
      after({ name }, result) {
        if (name === 'writev') written += Number(result);
        if (name === 'fdatasync') covered = begun.shift() ?? 0;
      },
    });
    const chunk = Buffer.alloc(1_000_000, 5);
    const sink = await value(store.put('file', { size: 1e8, upload: 'key' }));
    for (let i = 0; i < 40; i++) await value(sink.write([chunk]));
    expect(claims.length).toBeGreaterThan(0);
    await sink.abort();
    expect((await value(store.resume('key'))).offset).toBe(4e7);
    expect(claims.at(-1)?.claimed).toBe(4e7);
    for (const { claimed, covered } of claims) expect(covered).toBeGreaterThanOrEqual(claimed);
  });

  it('the record of an upload stays as before a sync that failed, and the next call gets the error', async () => {
    let failing = false;
    const { store } = await loggedStore({
      before: ({ name }) => (failing && name === 'fdatasync' ? 'EIO' : undefined),
    });
    const chunk = Buffer.alloc(1_000_000, 5);
    const sink = await value(store.put('file', { size: 1e8, upload: 'key' }));
    await value(sink.write([chunk]));
    await value(sink.sync());
    failing = true;
    const outcomes: Outcome<void>[] = [];
    for (let i = 0; i < 30 && outcomes.every(({ ok }) => ok); i++) outcomes.push(await sink.write([chunk]));
    expect(outcomes.at(-1)).toMatchObject({ ok: false, error: { code: 'io-error', cause: 'EIO' } });
    failing = false;
    expect(await value(store.resume('key'))).toEqual({ offset: 1e6, crc32: crc32(chunk) });
  });

  it('the record of an upload stays as before when the sync of its commit fails', async () => {
    let failing = false;
    const { store } = await loggedStore({
      before({ name }) {
        if (!failing || name !== 'fdatasync') return undefined;
        // The system reports a lost write once. The next sync succeeds.
        failing = false;
        return 'EIO';
      },
    });
    const sink = await begun(store, 5000);
    await value(sink.sync());
    await value(sink.write([content.subarray(5000)]));
    failing = true;
    await refused(sink.commit(), 'io-error');
    expect(await value(store.resume('key'))).toEqual(firstOf(5000));
  });

  it('a takeover waits for a write under way before it closes the file', async () => {
    const { store, log } = await loggedStore();
    const sink = await begun(store, 5000);
    log.length = 0;
    const writing = sink.write([content.subarray(5000, 9000)]);
    const resumed = store.resume('key');
    await value(writing);
    expect(await value(resumed)).toEqual(firstOf(9000));
    expectInOrder(log, [
      /^begin writev/,
      /^end writev/,
      /^begin fdatasync/,
      /^end fdatasync/,
      /^begin close \S+\/u1~/,
    ]);
    expect(log.findIndex((line) => /^begin close \S+\/u/.test(line))).toBeGreaterThan(
      log.findIndex((line) => /^end writev/.test(line)),
    );
  });

  it('a put without an upload makes no extra calls of the system', async () => {
    const { store, log } = await loggedStore();
    await value(put(store, 'file', content));
    const done = log.filter((line) => line.startsWith('begin ')).map((line) => line.split(' ')[1]);
    expect(done).toEqual(['open', 'writev', 'fdatasync', 'fstat', 'close', 'lstat', 'rename', 'fsync']);
  });
});

it('other files in the folder of stored uploads are not taken for uploads', async () => {
  leavePart(100, content);
  writeFileSync(join(parts(), 'notes'), 'notes');
  appendFileSync(join(parts(), 'key~1~2~s'), 'x');
  const store = await open();
  expect(store.unfinished()).toEqual({ count: 1, bytes: 100 });
  await value(store.cancel('key'));
  expect(partFiles().sort()).toEqual(['key~1~2~s', 'notes']);
  expect(statSync(join(parts(), 'notes')).size).toBe(5);
});
