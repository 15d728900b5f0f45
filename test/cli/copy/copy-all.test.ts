/** Copies between stores in memory, which are made to change, lie and break off at exact places. */
import { expect, test } from 'vitest';
import { bytes, contentOf, namesIn, put, value } from '../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { err, ok } from '../../../src/store/outcome.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { copy, counted, interrupted, opening, putting, reading } from '../../support/stores/copies.ts';

const MiB = 1024 * 1024;

const large = bytesFrom(1, 12 * MiB + 345);

async function withLarge() {
  const [from, to] = [memoryStore(), memoryStore()];
  await put(from, 'film', large, { mtime: 1000 });
  return { from, to };
}

test('files are copied with name, bytes and modification time, and not read the second time', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  const contents = { a: '', 'a b/ä': 'x', 'b/c': 'yy', '\u{ff5e}': 'bmp', '\u{1f600}': 'astral' };
  for (const [name, content] of Object.entries(contents)) await put(from, name, content, { mtime: 5000 });
  await put(to, 'a b/z', 'is not in the source');
  const first = await copy(from, to);
  expect(first.result).toMatchObject({ files: 5, failed: 0, unchanged: 0 });
  for (const [name, content] of Object.entries(contents)) {
    expect(await contentOf(to, name)).toEqual(bytes(content));
    expect(await value(to.stat(name))).toMatchObject({ mtime: 5000 });
  }
  expect(await namesIn(to)).toHaveLength(6);
  let opened = 0;
  const watched = opening(from, (source) => {
    opened++;
    return source;
  });
  expect((await copy(watched, to)).result).toMatchObject({ files: 0, unchanged: 5 });
  expect(opened).toBe(0);
});

test('listings of several pages are compared to their end, whatever is only on one side', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  for (let i = 0; i < 2500; i++) {
    if (i % 3 !== 0) await put(from, `f${i}`, 'x', { mtime: 1 });
    if (i % 2 !== 0) await put(to, `f${i}`, 'x', { mtime: 1 });
  }
  const shared = (await namesIn(from)).filter((name) => Number(name.slice(1)) % 2 !== 0);
  const { result } = await copy(from, to);
  expect(result.unchanged).toBe(shared.length);
  expect(result.files + result.unchanged).toBe((await namesIn(from)).length);
});

test('only files of another size or time are replaced, and with no-clobber none', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  for (const name of ['same', 'size', 'time', 'new']) await put(from, name, 'ab', { mtime: 7 });
  await put(to, 'same', 'AB', { mtime: 7 });
  await put(to, 'size', 'abc', { mtime: 7 });
  await put(to, 'time', 'AB', { mtime: 8 });
  expect((await copy(from, to, { clobber: false })).said).toEqual({ new: 'copied' });
  expect((await copy(from, to)).said).toEqual({ size: 'copied', time: 'copied' });
  expect(await contentOf(to, 'same')).toEqual(bytes('AB'));
});

test('only names that begin with the prefix are copied', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  for (const name of ['a/1', 'ab', 'b/1']) await put(from, name, 'x');
  await copy(from, to, { prefix: 'a/' });
  expect(await namesIn(to)).toEqual(['a/1']);
});

test('a large file that was interrupted goes on behind the bytes that are there', async () => {
  const { from, to } = await withLarge();
  const first = await interrupted(from, to, 5 * MiB);
  expect(first.result.kept).toMatchObject([{ filename: 'film' }]);
  expect(await namesIn(to)).toEqual([]);
  const there = counted(to);
  const second = await copy(from, there.to);
  expect(second.result).toMatchObject({ files: 1, bytes: large.length, transferred: large.length - 5 * MiB });
  expect(second.resumed).toEqual({ film: 5 * MiB });
  expect(there.written.bytes).toBe(large.length - 5 * MiB);
  expect(Buffer.from(await contentOf(to, 'film')).equals(large)).toBe(true);
  expect(to.unfinished()).toEqual({ count: 0, bytes: 0 });
});

test('an interrupted upload whose bytes are not those of the file begins anew', async () => {
  const { from, to } = await withLarge();
  await interrupted(from, to, 5 * MiB);
  const other = bytesFrom(2, large.length);
  await put(from, 'film', other, { mtime: 1000 });
  const there = counted(to);
  expect((await copy(from, there.to)).said).toEqual({ film: 'copied' });
  expect(there.written.bytes).toBe(other.length);
  expect(Buffer.from(await contentOf(to, 'film')).equals(other)).toBe(true);
});

test('small files under way are dropped at the end, and no further one is begun', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  for (let i = 0; i < 50; i++) await put(from, `f${i}`, 'x');
  const ending = new AbortController();
  let begun = 0;
  const stopping = opening(
    reading(from, 0, () => ending.abort()),
    (source) => {
      begun++;
      return source;
    },
  );
  const { result } = await copy(stopping, to, { signal: ending.signal });
  expect(result).toMatchObject({ failed: 0, kept: [] });
  expect(begun).toBeLessThanOrEqual(3);
  expect([to.sinks, from.sources]).toEqual([0, 0]);
});

test('what has arrived of a large file that cannot be read for a while is kept', async () => {
  const { from, to } = await withLarge();
  let isBroken = true;
  const failing = opening(from, (source) => ({
    ...source,
    read: (offset, length, memory) =>
      isBroken && offset === 5 * MiB ? err('io-error') : source.read(offset, length, memory),
  }));
  expect((await copy(failing, to)).said.film).toMatch(/^it cannot be read: /);
  isBroken = false;
  expect(await copy(failing, to)).toMatchObject({ said: { film: 'copied' }, resumed: { film: 5 * MiB } });
});

test('a file that changes while it is copied is told, is not stored, and is copied by the next run', async () => {
  const { from, to } = await withLarge();
  await put(from, 'other', 'x');
  let changes = 0;
  const changing = reading(from, 4 * MiB, async (name) => {
    if (changes++ === 0) await put(from, name, 'new', { mtime: 2000 });
  });
  const first = await copy(changing, to);
  expect(first.said).toMatchObject({
    film: 'it was changed while it was copied; the same command copies it again',
    other: 'copied',
  });
  expect(first.result).toMatchObject({ files: 1, failed: 1 });
  expect(await namesIn(to)).toEqual(['other']);
  expect(to.unfinished().count).toBe(0);
  expect((await copy(changing, to)).said).toEqual({ film: 'copied' });
  expect(await contentOf(to, 'film')).toEqual(bytes('new'));
});

test('a file that became shorter in place is told to have changed', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  await put(from, 'log', 'long');
  const cut = opening(from, (source) => ({ ...source, read: () => ok(new Uint8Array()) }));
  expect((await copy(cut, to)).said.log).toContain('it was changed');
  expect(to.sinks).toBe(0);
});

test('a file that vanished is told, and is no failure', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  for (const name of ['before', 'meanwhile', 'stays']) await put(from, name, 'x');
  const vanishing: FileStore = {
    ...reading(from, 0, (name) => (name === 'meanwhile' ? from.remove(name) : undefined)),
  };
  const open = vanishing.open;
  const losing: FileStore = {
    ...vanishing,
    open: async (name) => {
      if (name === 'before') await from.remove(name);
      return await open(name);
    },
  };
  const { said, result } = await copy(losing, to);
  const gone = 'it is no longer there';
  expect(said).toEqual({ before: gone, meanwhile: gone, stays: 'copied' });
  expect(result.failed).toBe(0);
  expect(await namesIn(to)).toEqual(['stays']);
});

test('bytes that do not have the CRC-32 that the source knows are not stored', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  await put(from, 'a', 'right');
  const rotten = opening(from, (source) => ({ ...source, read: () => ok(bytes('wrong')) }));
  const { said, result } = await copy(rotten, to);
  expect(said.a).toBe('what was read does not have the CRC-32 that the file had when it was stored');
  expect(result.failed).toBe(1);
  expect(await namesIn(to)).toEqual([]);
});

test('a file that the target has stored with another CRC-32 is removed, so that it is copied again', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  await put(from, 'a', 'right');
  const spoiling = putting(to, (sink) => ({ write: () => sink.write([bytes('wrong')]) }));
  const unsure = opening(from, ({ crc32: _, ...source }) => source);
  expect((await copy(unsure, spoiling)).said.a).toContain('does not have the CRC-32 of what was read');
  expect(await namesIn(to)).toEqual([]);
  expect((await copy(from, spoiling)).said.a).toContain('does not have the CRC-32 that was said');
});

test('a conflict of names is told, and does not stop the other files', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  await put(from, 'a', 'x');
  await put(from, 'b', 'x');
  await put(to, 'a/c', 'x');
  const { said, result } = await copy(from, to);
  expect(said).toMatchObject({
    a: expect.stringContaining('a file and a folder cannot have the same name'),
    b: 'copied',
  });
  expect(result.failed).toBe(1);
});

test('a copy whose upload another one takes over leaves it alone', async () => {
  const { from, to } = await withLarge();
  let others: Promise<unknown> | null = null;
  const slow = reading(from, 5 * MiB, () => {
    others ??= copy(from, to);
    return others;
  });
  const { said } = await copy(slow, to);
  expect(said).toEqual({ film: 'another copy has taken it over' });
  await others;
  expect(Buffer.from(await contentOf(to, 'film')).equals(large)).toBe(true);
});

test('no further file is begun when the target is away, and what has arrived is kept', async () => {
  const { from, to } = await withLarge();
  await put(from, 'z', 'x');
  let pieces = 0;
  const breaking = putting(to, (sink) => ({
    write: async (chunks) => {
      if (pieces++ < 8) return await sink.write(chunks);
      await sink.abort();
      return err('unavailable');
    },
  }));
  const { result, said } = await copy(from, breaking, { parallel: 1 });
  expect(result).toMatchObject({ files: 0, failed: 1, givenUp: expect.any(String) });
  expect(Object.keys(said)).toEqual(['film']);
  expect((await copy(from, to)).resumed).toMatchObject({ film: 2 * MiB });
});

test('a store that cannot be listed ends the copy after the files under way', async () => {
  const [from, to] = [memoryStore(), memoryStore()];
  await put(from, 'a', 'x');
  const broken: FileStore = { ...from, list: () => err('io-error', 'it is broken') };
  await expect(copy(broken, to)).rejects.toThrow(/from: .*it is broken/);
  await expect(copy(from, { ...to, list: () => err('io-error') })).rejects.toThrow(/to: /);
});
