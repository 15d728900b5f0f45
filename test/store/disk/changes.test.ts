/** A disk store with a log of changes: its events are what has happened to its files, whatever fails. */
import { fc, test as propertyTest } from '@fast-check/vitest';
import { afterEach, describe, expect, test } from 'vitest';
import type { ChangeEvent, ChangeLog, ChangeRecorder } from '../../../src/store/changes/change-log.ts';
import { openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import { namesIn, put, value } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { err } from '../../../src/store/outcome.ts';
import { cases } from '../../support/random/cases.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { newRoot, removeRoot } from '../../support/stores/store-roots.ts';

const NAMES = ['a', 'b', 'c/d', 'c/e'] as const;

interface Opened {
  readonly store: FileStore;
  readonly log: ChangeLog;
}

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function open(options: DiskStoreOptions = {}): Promise<Opened> {
  const root = newRoot();
  const { durability = 'fsync' } = options;
  const log = await value(openChangeLog(root, { sinks: ['sink'], durability }));
  const store = await value(openDiskStore(root, { ...options, changes: log }));
  ends.push(
    () => store.close(),
    () => log.close(),
    () => removeRoot(root),
  );
  return { store, log };
}

/** The events, once there are as many as changes that have ended. */
async function eventsOf({ log }: Opened): Promise<readonly ChangeEvent[]> {
  // All that was begun before has ended when it is the turn of a change of all of its names.
  const ticket = await value(log.claim([...NAMES, 'zz']));
  await value(log.begin({ type: 'stored', name: 'zz', size: 0, ino: 0 }, ticket));
  await log.settle(ticket, 'did-not');
  return await log.read(0, 1000);
}

const inWords = ({ type, name, from, size }: ChangeEvent): string =>
  `${type} ${from === undefined ? '' : `${from} > `}${name} ${size}`;

describe.each(['fsync', 'os'] as const)('a disk store with a log (%s)', (durability) => {
  test('has an event of each change of a file, in their order', async () => {
    const opened = await open({ durability });
    const { store } = opened;
    await value(put(store, 'a', '12345'));
    await value(put(store, 'a', '123'));
    await value(put(store, 'b/c', '1', { upload: 'key' }));
    await value(put(store, 'new', '', { ifAbsent: true }));
    await value(store.rename('a', 'b/d'));
    await value(store.rename('b/d', 'e', { ifAbsent: true }));
    await value(store.remove('e'));
    const events = await eventsOf(opened);
    expect(events.map(inWords)).toEqual([
      ...['stored a 5', 'stored a 3', 'stored b/c 1', 'stored new 0'],
      ...['renamed a > b/d 3', 'renamed b/d > e 3', 'removed e 3'],
    ]);
    expect(events[0]!.crc32).toBe(0xcbf53a1c);
    // The checksum is that which the store knows of the file.
    expect(events[6]!.crc32).toBe(events[1]!.crc32);
  });

  test('has no event of what it refuses, or of what changes nothing', async () => {
    const opened = await open({ durability });
    const { store } = opened;
    await value(put(store, 'a/b', '1'));
    await put(store, 'a/b', '1', { ifAbsent: true });
    await put(store, 'a', '1');
    await put(store, 'x', '1', { crc32: 1 });
    await store.remove('nothing');
    await store.rename('nothing', 'x');
    await store.rename('a/b', 'a/b');
    const sink = await value(store.put('aborted', { size: 1 }));
    await sink.abort();
    expect((await eventsOf(opened)).map(inWords)).toEqual(['stored a/b 1']);
  });

  test('orders the changes of a name as they happened, though they come at once', async () => {
    const opened = await open({ durability });
    const { store } = opened;
    const puts = Array.from({ length: 40 }, (_, i) => put(store, `n${i % 3}`, 'x'.repeat(i)));
    await Promise.all([...puts, store.remove('n0'), store.rename('n1', 'n2'), store.rename('n2', 'n0')]);
    const files = new Map<string, number>();
    for (const event of await eventsOf(opened)) apply(files, event);
    for (const [name, size] of files) expect((await value(store.stat(name))).size).toBe(size);
    expect([...files.keys()].sort()).toEqual(await namesIn(store));
  });

  test('changes nothing when the log refuses it, and keeps an upload for later', async () => {
    const root = newRoot();
    ends.push(() => removeRoot(root));
    let isFull = true;
    const changes: ChangeRecorder = {
      claim: async () => ({ ok: true, value: 1 }),
      begin: async () => (isFull ? err('events-full') : { ok: true, value: 1 }),
      settle: async () => {},
    };
    const store = await value(openDiskStore(root, { durability, changes }));
    const refusal = { ok: false, error: { code: 'events-full' } };
    expect(await put(store, 'a', '12345', { upload: 'key' })).toMatchObject(refusal);
    expect(await namesIn(store)).toEqual([]);
    expect((await value(store.resume('key'))).offset).toBe(5);
    isFull = false;
    await value(put(store, 'a', '', { size: 5, upload: 'key', offset: 5 }));
    isFull = true;
    expect(await store.remove('a')).toMatchObject(refusal);
    expect(await store.rename('a', 'b')).toMatchObject(refusal);
    expect(await namesIn(store)).toEqual(['a']);
    await store.close();
  });
});

/** What an event says of the files that there are. */
function apply(files: Map<string, number>, { type, name, from, size }: ChangeEvent): void {
  if (type === 'removed') files.delete(name);
  else files.set(name, size);
  if (from !== undefined) files.delete(from);
}

const name = fc.constantFrom(...NAMES);
const step = fc.oneof(
  fc.record({
    type: fc.constant('put' as const),
    name,
    size: fc.nat(9),
    ifAbsent: fc.boolean(),
    upload: fc.boolean(),
  }),
  fc.record({ type: fc.constant('remove' as const), name }),
  fc.record({ type: fc.constant('rename' as const), name, to: name, ifAbsent: fc.boolean() }),
);

propertyTest.prop(
  [fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(120), fc.constantFrom('EIO', 'ENOSPC', 'EACCES')],
  { numRuns: cases(60) },
)('the events of a store of which an operation fails are what its files say', async (steps, which, code) => {
  let number = -1;
  const fs = interceptedFileSystem({
    before: ({ name }) => (number >= 0 && name !== 'close' && number++ === which ? code : undefined),
  });
  const opened = await open({ durability: 'fsync', fs });
  const { store } = opened;
  number = 0;
  await Promise.all(
    steps.map((each, i) => {
      if (each.type === 'remove') return store.remove(each.name);
      const { ifAbsent } = each;
      if (each.type === 'rename') return store.rename(each.name, each.to, { ifAbsent });
      const upload = each.upload ? { upload: `key-${i}` } : {};
      return put(store, each.name, 'x'.repeat(each.size), { ifAbsent, ...upload });
    }),
  );
  number = -1;
  const files = new Map<string, number>();
  for (const event of await eventsOf(opened)) apply(files, event);
  const found = new Map<string, number>();
  for (const each of await namesIn(store)) found.set(each, (await value(store.stat(each))).size);
  expect([...files].sort()).toEqual([...found].sort());
  for (const end of ends.splice(0)) await end();
});
