import { concat, defer, NEVER, Observable, of } from 'rxjs';
import { expect, test } from 'vitest';
import { download } from '../../../src/cli/transfer/download.ts';
import type { LocalFile, LocalFileOptions, Placed } from '../../../src/cli/transfer/local-file.ts';
import type { Report, Transfer } from '../../../src/cli/transfer/report/report.ts';
import { createDownloads, type Downloads } from '../../../src/client/transfers/downloads.ts';
import { serve } from '../../../src/server/serve.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { pattern } from '../../transport/connection-helpers.ts';

const nothing: Report = {
  expect: () => {},
  resumed: () => {},
  progress: () => {},
  done: () => {},
  failed: () => {},
  warn: () => {},
  retry: () => {},
  abandon: () => {},
  end: () => {},
};

test.each([
  ['an earlier run has left', [700], 700],
  ['an earlier run has left, over connections that break', [700, 800, 950], 700],
  ['this run has received, over a connection that breaks', [0, 800], 0],
  ['an earlier run has left, which are no good', [700, 0], 0],
])(
  'when a file goes on behind the bytes that %s, the report says where, and the result what was received',
  async (_, tries, before) => {
    const told: unknown[] = [];
    const report: Report = {
      ...nothing,
      resumed: (_, from) => told.push(from),
      progress: (_, bytes) => told.push(`${bytes} there`),
      done: (_, size, done) => told.push({ size, before: done.before }),
    };
    const fetch: Downloads['fetch'] = (filename, target) =>
      new Observable((subscriber) => {
        for (const offset of tries) {
          target.begin({
            filename,
            size: 1000,
            mtime: 0,
            offset,
            length: 1000 - offset,
            pause() {},
            resume() {},
          });
        }
        target.write(new Uint8Array(1000 - tries.at(-1)!));
        subscriber.next({ received: 1000, total: 1000 });
        subscriber.complete();
      });
    const begin = ({ written }: LocalFileOptions): LocalFile => ({
      write: ({ length }) => written(length),
      finish: () => 'placed',
      abort: () => {},
    });
    const world = {
      downloads: { fetch },
      report,
      begin,
      concurrency: 1,
      keepsPartFiles: false,
      kept: new Set<Transfer>(),
    };
    const got = await download([{ path: 'a', filename: 'a', size: 1000 }], {
      ...world,
      isUnwanted: () => false,
    });
    expect(told).toEqual([...tries, '1000 there', { size: 1000, before }]);
    expect(got).toEqual({
      files: 1,
      bytes: 1000,
      transferred: 1000 - before,
      failed: 0,
      existing: 0,
      givenUp: null,
    });
  },
);

test('a file that turns out to be another one is begun again, and the bytes written before are dropped', async () => {
  const fetch: Downloads['fetch'] = (filename, target) =>
    new Observable((subscriber) => {
      for (const mtime of [1, 2]) {
        target.begin({ filename, size: 4, mtime, offset: 0, length: 4, pause() {}, resume() {} });
        target.write(new Uint8Array(mtime === 1 ? 3 : 4));
      }
      subscriber.complete();
    });
  const files: unknown[] = [];
  const begin = ({ mtime, again, written }: LocalFileOptions): LocalFile => ({
    write: ({ length }) => written(length),
    finish: async (): Promise<Placed> => {
      files.push({ mtime, again, end: 'placed' });
      return 'placed';
    },
    abort: (how) => files.push({ mtime, again, end: how }),
  });
  const got = await download([{ path: 'a', filename: 'a', size: 4 }], {
    downloads: { fetch },
    report: nothing,
    begin,
    concurrency: 1,
    keepsPartFiles: false,
    kept: new Set<Transfer>(),
    isUnwanted: () => false,
  });
  expect(files).toEqual([
    { mtime: 1, again: false, end: 'drop' },
    { mtime: 2, again: true, end: 'placed' },
  ]);
  expect(got).toMatchObject({ files: 1, bytes: 4, transferred: 4 });
});

test('once the server is given up no further file is asked for, and the files under way end', async () => {
  const asked: string[] = [];
  const fetch: Downloads['fetch'] = (filename, target) =>
    new Observable((subscriber) => {
      asked.push(filename);
      if (filename === 'a') {
        const fault = { code: 'reset', message: 'the connection broke' } as const;
        setImmediate(() => subscriber.error({ code: 'connection', cause: fault, sent: true }));
      } else {
        setTimeout(() => {
          target.begin({ filename, size: 1, mtime: 0, offset: 0, length: 1, pause() {}, resume() {} });
          target.write(new Uint8Array(1));
          subscriber.complete();
        }, 20);
      }
    });
  const begin = ({ written }: LocalFileOptions): LocalFile => ({
    write: ({ length }) => written(length),
    finish: () => 'placed',
    abort: () => {},
  });
  const transfers = ['a', 'b', 'c', 'd'].map((name) => ({ path: name, filename: name, size: 1 }));
  const got = await download(transfers, {
    downloads: { fetch },
    report: nothing,
    begin,
    concurrency: 2,
    keepsPartFiles: false,
    kept: new Set<Transfer>(),
    isUnwanted: () => false,
  });
  expect(asked).toEqual(['a', 'b']);
  const givenUp = { files: 3, why: 'the connection broke', status: 3 };
  expect(got).toEqual({ files: 1, bytes: 1, transferred: 1, failed: 0, existing: 0, givenUp });
});

/** Disks that fail: while the file arrives, at its end, and both. */
test.each([
  ['while it arrives', true, false],
  ['when it is finished', false, true],
  ['first the one and then the other', true, true],
])(
  'a file that cannot be written %s is reported once and released, and the others are received',
  async (_, early, late) => {
    const store = memoryStore();
    const names = ['a', 'bad', 'b', 'c'];
    for (const name of names) {
      const sink = await store.put(name, { size: 400_000 });
      if (!sink.ok) throw new Error(sink.error.message);
      await sink.value.write([pattern(400_000)]);
      await sink.value.commit();
    }
    const told: string[] = [];
    const report: Report = {
      ...nothing,
      done: ({ filename }) => told.push(`${filename} done`),
      failed: ({ filename }, { message }) => told.push(`${filename}: ${message}`),
    };
    let aborted = 0;
    const begin = ({ path, written, failed }: LocalFileOptions): LocalFile => ({
      write: ({ length }) => {
        written(length);
        if (early && path === 'bad') failed(new Error('disk is full'));
      },
      finish: async (): Promise<Placed> => {
        if (!late || path !== 'bad') return 'placed';
        failed(new Error('disk is full'));
        throw new Error('disk is full');
      },
      abort: () => aborted++,
    });
    const connect = () =>
      defer(() => {
        const [here, there] = memoryPair();
        const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
        serve({ connections$, store, limits: { linger: 100 } }).subscribe();
        return of(here);
      });
    const transfers = names.map((name) => ({ path: name, filename: name, size: 400_000 }));
    const downloads = createDownloads({ connect, retries: 0 });
    const world = {
      downloads,
      report,
      begin,
      concurrency: 64,
      keepsPartFiles: false,
      kept: new Set<Transfer>(),
    };
    const got = await download(transfers, { ...world, isUnwanted: () => false });
    downloads.end();
    expect(got).toEqual({
      files: 3,
      bytes: 1_200_000,
      transferred: 1_200_000,
      failed: 1,
      existing: 0,
      givenUp: null,
    });
    expect(told.sort()).toEqual(['a done', 'b done', 'bad: disk is full', 'c done']);
    expect(aborted).toBeGreaterThan(0);
  },
);
