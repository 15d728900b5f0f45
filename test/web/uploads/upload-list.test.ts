/** The list carried out, against a server in memory: without a browser, but with its `File`. */
import {
  concat,
  filter,
  firstValueFrom,
  mergeMap,
  NEVER,
  type Observable,
  of,
  Subject,
  throwError,
} from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { serve } from '../../../src/server/serve.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import type { Claims } from '../../../src/web/uploads/claims.ts';
import type { Entry, Source } from '../../../src/web/uploads/entry.ts';
import type { QueueState, RememberedFile } from '../../../src/web/uploads/queue-state.ts';
import type { Records } from '../../../src/web/uploads/records.ts';
import { createUploadList } from '../../../src/web/uploads/upload-list.ts';
import { gatedStore } from '../../support/web/gated-store.ts';
import { pattern } from '../../transport/connection-helpers.ts';

const MIB = 1024 * 1024;
const HASHED = '01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca';

/** What a browser would remember, in memory. */
function recordsInMemory() {
  const kept = new Map<string, RememberedFile>();
  const keyOf = ({ source, size, modified }: Source) => JSON.stringify([source, size, modified]);
  const records: Records = {
    survives: Promise.resolve(true),
    all: async () => [],
    has: async (source) => kept.has(keyOf(source)),
    put: async (files) => {
      for (const file of files) kept.set(keyOf(file), file);
    },
    remove: async (sources) => {
      for (const source of sources) kept.delete(keyOf(source));
    },
    close: () => {},
  };
  return { kept, records };
}

const ALONE: Claims = {
  claim: () => concat(of('mine' as const), NEVER),
  tabs: async () => null,
  gone: () => NEVER,
};

function listed({ hash = () => of(HASHED) as Observable<string>, claims = ALONE } = {}) {
  const store = gatedStore();
  const connect = () => {
    const [here, there] = memoryPair();
    const arriving$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
    serve({ connections$: arriving$, store, limits: { linger: 100 } }).subscribe();
    return of(here);
  };
  const options = {
    connect,
    resumeThreshold: MIB,
    progress: MIB / 4,
    sendWindow: MIB,
    backoff: { initial: 1, maximum: 1 },
  };
  const { kept, records } = recordsInMemory();
  const list = createUploadList({
    ...{ records, claims, hash },
    small: createUploads(options),
    large: createUploads({ ...options, parallel: 2 }),
    stat: (name) => connect().pipe(mergeMap((connection) => createClient(connection).stat(name))),
  });
  const until = (is: (state: QueueState) => boolean) => firstValueFrom(list.state$.pipe(filter(is)));
  const becomes = (name: string, status: Entry['status']) =>
    until(({ entries }) => entries.some((entry) => entry.name === name && entry.status === status));
  return { store, list, kept, until, becomes };
}

const picked = (path: string, bytes: Uint8Array, lastModified = 7_000_000) => ({
  path,
  file: new File([Uint8Array.from(bytes)], path, { lastModified }),
});

describe('the list, carried out', () => {
  test('small and large files are stored, remembered while they are open, and forgotten then', async () => {
    const { store, list, kept, until, becomes } = listed();
    store.takeUpTo(MIB);
    list.add('to/', [picked('large', pattern(3 * MIB)), picked('small', pattern(5))], false);
    await becomes('to/small', 'stored');
    await expect.poll(() => [...kept.values()].map(({ source }) => source)).toEqual(['to/large']);
    expect([...kept.values()][0]!.ends).toMatch(/^[0-9a-f]{64}$/);
    await until(({ entries }) => entries[0]!.durable > 0);
    await expect.poll(() => [...kept.values()][0]!.durable).toBe(list.state().entries[0]!.durable);
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await becomes('to/large', 'stored');
    await expect.poll(() => kept.size).toBe(0);
    expect(Buffer.compare(store.contents.get('to/large')!.bytes, pattern(3 * MIB))).toBe(0);
    expect(store.contents.get('to/small')!.mtime).toBe(7_000_000);
    list.end();
  });

  test('a name that exists is asked about once, and a free one is found for keeping both', async () => {
    const { store, list, kept, becomes } = listed();
    for (const name of ['a.txt', 'a (2).txt']) list.add('', [picked(name, pattern(1))], false);
    await becomes('a (2).txt', 'stored');
    list.add('', [picked('a.txt', pattern(2))], false);
    await becomes('a.txt', 'asking');
    await expect.poll(() => [...kept.values()].map(({ isUndecided }) => isUndecided)).toEqual([true]);
    list.dispatch({ type: 'answered', id: 2, choice: 'keep-both', all: false });
    await becomes('a (3).txt', 'stored');
    expect(store.contents.get('a (3).txt')!.bytes.length).toBe(2);
    expect(store.contents.get('a.txt')!.bytes.length).toBe(1);
    list.end();
  });

  test('what an earlier page has sent without being told is stored; another file of that name is asked about', async () => {
    const { store, list, becomes } = listed();
    list.add('', [picked('same', pattern(9)), picked('other', pattern(9))], false);
    await becomes('other', 'stored');
    list.dispatch({ type: 'clear' });
    const record = { verify: false, ends: null, onExists: 'ask', copy: 1, modified: 7_000_000 } as const;
    const records = [
      { ...record, source: 'same', name: 'same', size: 9 },
      { ...record, source: 'other', name: 'other', size: 10 },
    ];
    list.dispatch({ type: 'remembered', records });
    list.add('', [picked('same', pattern(9)), picked('other', pattern(10))], false);
    await becomes('same', 'stored');
    await becomes('other', 'asking');
    expect(store.contents.get('other')!.bytes.length).toBe(9);
    list.end();
  });

  test('a file that has changed since it was picked fails, and so does one that cannot be hashed', async () => {
    const broken = throwError(() => new Error('no'));
    const { list, until } = listed({ hash: () => broken });
    const gone = {
      path: 'gone',
      file: {
        size: 2 * MIB,
        lastModified: 1,
        slice: () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }),
      } as unknown as File,
    };
    list.add('', [gone], false);
    list.add('', [picked('unhashed', pattern(1))], true);
    const { entries } = await until(
      ({ entries }) => entries.filter(({ status }) => status === 'failed').length === 2,
    );
    expect(entries.map(({ why }) => why)).toEqual(['the file has changed, or is gone: pick it again', 'no']);
    list.end();
  });

  test('the server is told the SHA-256 of a file, and refuses other bytes', async () => {
    const { store, list, becomes, until } = listed();
    list.add('', [picked('zeros', new Uint8Array(10))], true);
    await becomes('zeros', 'stored');
    expect(store.puts[0]).toMatchObject({ sha256: HASHED });
    list.add('', [picked('wrong', pattern(10))], true);
    const { entries } = await until(({ entries }) => entries[1]!.status === 'failed');
    expect(entries[1]!.why).toContain('SHA-256');
    list.end();
  });

  test('a pause of all stops what is under way, which goes on from what the server has', async () => {
    const { store, list, becomes, until } = listed();
    store.takeUpTo(MIB);
    list.add('', [picked('a', pattern(4 * MIB))], false);
    await until(({ entries }) => entries[0]!.durable > 0);
    list.dispatch({ type: 'pause', id: null });
    expect(list.state().entries[0]!.status).toBe('paused');
    store.takeUpTo(Number.POSITIVE_INFINITY);
    list.dispatch({ type: 'resume', id: null });
    await becomes('a', 'stored');
    expect(store.puts.at(-1)!.offset).toBeGreaterThan(0);
    expect(store.written()).toBeLessThan(6 * MIB);
    list.end();
  });

  test('a file that another tab has waits for it, and then goes on, or is done', async () => {
    const free$ = new Subject<'free'>();
    let tries = 0;
    const claims: Claims = {
      ...ALONE,
      claim: () =>
        ++tries <= 2
          ? concat(of('taken' as const), free$)
          : ALONE.claim({ source: '', size: 0, modified: 0 }),
    };
    const { list, kept, becomes } = listed({ claims });
    list.add('', [picked('done', pattern(1)), picked('left', pattern(1))], false);
    await becomes('left', 'elsewhere');
    await expect.poll(() => kept.size).toBe(2);
    for (const [key, { source }] of kept) if (source === 'done') kept.delete(key);
    free$.next('free');
    free$.complete();
    await becomes('done', 'skipped');
    await becomes('left', 'stored');
    list.end();
  });
});
