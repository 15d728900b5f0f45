import { fc, test as property } from '@fast-check/vitest';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ClientFault } from '../../../src/client/client-fault.ts';
import type { ConnectionPoolOptions } from '../../../src/client/pool/pool-options.ts';
import type { DownloadTarget, PartialDownload } from '../../../src/client/transfers/download-target.ts';
import { createDownloads } from '../../../src/client/transfers/downloads.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { type AnsweringLink, answeringLink } from '../../support/network/answering-link.ts';
import { frame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

const quick = { backoff: { initial: 1, maximum: 1 } } as const;
const over = (link: Pick<AnsweringLink, 'connect'>, options: Partial<ConnectionPoolOptions> = {}) =>
  createDownloads({ connect: link.connect, ...quick, ...options });

/** Keeps what it is given, as a file would, and notes where it was told to begin. */
function kept(had: Uint8Array = new Uint8Array(0), before?: PartialDownload) {
  let content = Buffer.from(had);
  const begun: number[] = [];
  const target: DownloadTarget = {
    ...(before === undefined ? {} : { kept: () => before }),
    begin: ({ offset }) => {
      begun.push(offset);
      content = content.subarray(0, offset);
    },
    write: (bytes) => {
      content = Buffer.concat([content, bytes]);
    },
  };
  return { target, begun, content: () => content };
}

async function storeOf(name: string, content: Uint8Array, mtime = 1000) {
  const store = memoryStore();
  const replace = async (content: Uint8Array, mtime: number) => {
    const sink = await store.put(name, { size: content.length, mtime });
    if (!sink.ok) throw new Error(sink.error.message);
    await sink.value.write([content]);
    await sink.value.commit();
  };
  await replace(content, mtime);
  return { store, replace };
}

const failure = async (fetching: Promise<unknown>): Promise<ClientFault> =>
  fetching.then(
    () => {
      throw new Error('it has not failed');
    },
    (fault) => fault,
  );

property.prop(
  [
    fc.integer({ min: 0, max: 300_000 }),
    fc.array(fc.integer({ min: 0, max: 150_000 }), { maxLength: 5 }),
    fc.integer({ min: 1, max: 3 }),
  ],
  { numRuns: cases(60), seed: 5 },
)(
  'a download receives the content, each byte of it once, whatever the places at which connections break',
  async (size, cuts, parallel) => {
    const content = bytesFrom(size, size);
    const { store } = await storeOf('f', content);
    const link = answeringLink({ store, cuts });
    const downloads = over(link, { parallel, retries: 10 });
    const { target, begun, content: got } = kept();
    let written = 0;
    const write = (bytes: Uint8Array<ArrayBuffer>) => {
      written += bytes.length;
      target.write(bytes);
    };
    await lastValueFrom(downloads.fetch('f', { ...target, write }), { defaultValue: null });
    downloads.end();
    expect(got().equals(content)).toBe(true);
    expect(written).toBe(size);
    expect(begun).toEqual([...begun].sort((a, b) => a - b));
  },
);

describe('what an earlier run has left', () => {
  const content = bytesFrom(1, 200_000);
  const half = content.subarray(0, 100_000);
  const state = { size: 200_000, mtime: 1000, crc32: crc32(content, 0) };
  const fetched: PartialDownload = { offset: half.length, crc32: crc32(half, 0), file: state };

  test('bytes that an earlier run has left are not fetched again', async () => {
    const { store } = await storeOf('f', content);
    const link = answeringLink({ store });
    const { target, begun, content: got } = kept(half, fetched);
    const progress = await firstValueFrom(over(link).fetch('f', target).pipe(toArray()));
    expect(begun).toEqual([100_000]);
    expect(got().equals(content)).toBe(true);
    expect(progress.at(-1)).toEqual({ received: 200_000, total: 200_000 });
    expect(link.received()).toBeLessThan(101_000);
  });

  test('a file that an earlier run has left complete needs no byte', async () => {
    const { store } = await storeOf('f', content);
    const {
      target,
      begun,
      content: got,
    } = kept(content, {
      ...fetched,
      offset: content.length,
      crc32: state.crc32,
    });
    await lastValueFrom(over(answeringLink({ store })).fetch('f', target), { defaultValue: null });
    expect(begun).toEqual([200_000]);
    expect(got().equals(content)).toBe(true);
  });

  test.each([
    ['another time', { ...state, mtime: 1001 }],
    ['another size', { ...state, size: 199_999 }],
    ['another CRC-32', { ...state, crc32: 1 }],
  ])('what an earlier run has left is dropped when the file has %s', async (_, file) => {
    const { store } = await storeOf('f', content);
    const link = answeringLink({ store });
    const { target, begun, content: got } = kept(half, { ...fetched, file });
    await lastValueFrom(over(link).fetch('f', target));
    expect(begun).toEqual([0]);
    expect(got().equals(content)).toBe(true);
  });

  test('a file of which an earlier run has left wrong bytes is fetched once more from the start', async () => {
    const { store } = await storeOf('f', content);
    const wrong = Buffer.from(half);
    wrong[5]! ^= 1;
    const { target, begun, content: got } = kept(wrong, { ...fetched, crc32: crc32(wrong, 0) });
    await lastValueFrom(over(answeringLink({ store })).fetch('f', target));
    expect(begun).toEqual([100_000, 0]);
    expect(got().equals(content)).toBe(true);
  });

  test('the bytes that an earlier run has left are asked for when the download has its turn, and that may take time', async () => {
    const { store } = await storeOf('f', content);
    const { target, begun } = kept(half, fetched);
    const later = { ...target, kept: () => Promise.resolve(fetched) };
    await lastValueFrom(over(answeringLink({ store })).fetch('f', later));
    expect(begun).toEqual([100_000]);
  });
});

test('a file that is replaced between two tries is fetched from the start', async () => {
  const [old, new_] = [bytesFrom(1, 200_000), bytesFrom(2, 150_000)];
  const { store, replace } = await storeOf('f', old);
  const link = answeringLink({
    store,
    cuts: [120_000],
    before: (number) => (number === 1 ? replace(new_, 2000) : null),
  });
  const { target, begun, content } = kept();
  await lastValueFrom(over(link).fetch('f', target));
  expect(begun).toEqual([0, 0]);
  expect(content().equals(new_)).toBe(true);
});

describe('a server that sends what does not have the CRC-32 it says', () => {
  const body = Buffer.from('hello');
  const says = (crc32: number) => ({
    ack: 'get',
    filename: 'f',
    size: 5,
    mtime: 1,
    offset: 0,
    body: 5,
    crc32,
  });

  test('a server whose bytes do not have its CRC-32 is asked once more, from the start', async () => {
    const right = crc32(body, 0);
    const link = answeringLink({
      answer: ({ id }, count) =>
        Buffer.concat([frame({ ...says(right), id }), count === 0 ? Buffer.from('hellO') : body]),
    });
    const { target, begun, content } = kept();
    await lastValueFrom(over(link).fetch('f', target));
    expect(begun).toEqual([0, 0]);
    expect(content().equals(body)).toBe(true);
    expect(link.connections()).toBe(1);
  });

  test('a server whose bytes do not have its CRC-32 twice is a fault', async () => {
    const link = answeringLink({ answer: ({ id }) => Buffer.concat([frame({ ...says(1), id }), body]) });
    const { target, begun } = kept();
    expect(await failure(lastValueFrom(over(link).fetch('f', target)))).toMatchObject({
      code: 'mismatch',
      message: expect.stringContaining('00000001'),
    });
    expect(begun).toEqual([0, 0]);
  });
});

describe('gives up', () => {
  test('a download gives up at once when there is no such file', async () => {
    const link = answeringLink();
    const fault = await failure(lastValueFrom(over(link).fetch('none', kept().target)));
    expect(fault).toMatchObject({ code: 'refused', error: { code: 'not-found' } });
    expect(link.connections()).toBe(1);
  });

  test('a download gives up after its further tries without progress', async () => {
    const { store } = await storeOf('f', bytesFrom(1, 50_000));
    const link = answeringLink({ store, cuts: [0, 0, 0, 0, 0] });
    const fault = await failure(lastValueFrom(over(link, { retries: 2 }).fetch('f', kept().target)));
    expect(fault.code).toBe('connection');
    expect(link.connections()).toBe(3);
  });

  test('a download does not give up while each try makes progress', async () => {
    const content = bytesFrom(1, 600_000);
    const { store } = await storeOf('f', content);
    const link = answeringLink({ store, cuts: Array.from({ length: 6 }, () => 90_000) });
    const { target, content: got } = kept();
    await lastValueFrom(over(link, { retries: 1 }).fetch('f', target));
    expect(link.connections()).toBe(7);
    expect(got().equals(content)).toBe(true);
  });

  test.each(['begin', 'write', 'kept'] as const)(
    'a download gives up when its target throws in %s, and the others go on',
    async (where) => {
      const { store } = await storeOf('f', bytesFrom(1, 50_000));
      const downloads = over(answeringLink({ store }));
      const full = () => {
        throw new Error('the disk is full');
      };
      const other = kept();
      const [fault] = await Promise.all([
        failure(lastValueFrom(downloads.fetch('f', { ...kept().target, [where]: full }))),
        lastValueFrom(downloads.fetch('f', other.target)),
      ]);
      expect(fault).toMatchObject({ code: 'content', message: 'the disk is full' });
      expect(other.content().equals(bytesFrom(1, 50_000))).toBe(true);
    },
  );
});

test('unsubscribing from a download stops its writes, and the others are fetched', async () => {
  const { store } = await storeOf('f', bytesFrom(1, 300_000));
  const downloads = over(answeringLink({ store }));
  const other = kept();
  let written = 0;
  const first = downloads.fetch('f', { begin: () => {}, write: stop }).subscribe();
  function stop(): void {
    written++;
    queueMicrotask(() => first.unsubscribe());
  }
  await lastValueFrom(downloads.fetch('f', other.target));
  expect(other.content().length).toBe(300_000);
  expect(written).toBeLessThan(4);
});

test('a target that pauses is given no more until it resumes', async () => {
  const content = bytesFrom(1, 2_000_000);
  const { store } = await storeOf('f', content);
  const got: Uint8Array[] = [];
  let flow = { pause: () => {}, resume: () => {} };
  const done = lastValueFrom(
    over(answeringLink({ store })).fetch('f', {
      begin: (download) => {
        flow = download;
      },
      write: (bytes) => {
        got.push(bytes);
        if (got.length === 1) flow.pause();
      },
    }),
  );
  await expect.poll(() => got.length).toBeGreaterThan(0);
  // Meanwhile another one has all of it.
  await lastValueFrom(over(answeringLink({ store })).fetch('f', kept().target));
  expect(Buffer.concat(got).length).toBeLessThan(1_000_000);
  flow.resume();
  await done;
  expect(Buffer.concat(got).equals(content)).toBe(true);
});

test('stat and page are tried again over another connection', async () => {
  const { store } = await storeOf('a/f', bytesFrom(1, 100));
  const link = answeringLink({ store, cuts: [3, 0] });
  const downloads = over(link);
  expect(await firstValueFrom(downloads.stat('a/f'))).toMatchObject({ name: 'a/f', size: 100 });
  expect(link.connections()).toBe(3);
  expect((await firstValueFrom(downloads.page({ prefix: 'a/' }))).files.length).toBe(1);
  expect(link.connections()).toBe(3);
  expect(await failure(firstValueFrom(downloads.stat('b')))).toMatchObject({ code: 'refused' });
});
