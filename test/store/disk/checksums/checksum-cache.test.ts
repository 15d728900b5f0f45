/** The checksums of committed files: when the store returns them, and their journal. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pattern, put, value } from '../../../../src/store/conformance/case.ts';
import type { FileStore } from '../../../../src/store/contract.ts';
import { crc32 } from '../../../../src/store/crc32.ts';
import {
  CHECKSUMS_MAX,
  type ChecksumCache,
  createChecksumCache,
} from '../../../../src/store/disk/checksums/checksum-cache.ts';
import { createChecksumJournal } from '../../../../src/store/disk/checksums/checksum-journal.ts';
import { formatLine } from '../../../../src/store/disk/checksums/checksum-lines.ts';
import { createDirectories } from '../../../../src/store/disk/directories/directories.ts';
import { createDiskIo } from '../../../../src/store/disk/disk-io.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { nodeFileSystem } from '../../../../src/store/disk/file-system.ts';
import { openRoot } from '../../../../src/store/disk/opening/root.ts';
import { run } from '../../../../src/store/task.ts';
import { interceptedFileSystem } from '../../../support/stores/fs-intercepted.ts';
import { openSharedRoot } from '../../../support/stores/shared-root.ts';
import { rootForEachTest } from '../../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});

const journal = () => join(root, '.sluice/sums');
const sumOf = async (store: FileStore, name: string) => (await value(store.stat(name))).crc32;
const content = pattern(1000);
const sum = crc32(content);

/** Opens a store on the root, acts, and closes it. */
async function withStore<T>(act: (store: FileStore) => Promise<T>): Promise<T> {
  const store = await value(openDiskStore(root, { durability: 'os', checksums: 'disk' }));
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

const putOne = (name = 'a') => withStore((store) => put(store, name, content).then(value));

it('checksums are in memory only by default, and nothing is left on the disk', async () => {
  const store = await value(openDiskStore(root, { durability: 'os' }));
  await value(put(store, 'a', content));
  expect(await sumOf(store, 'a')).toBe(sum);
  await store.close();
  expect(existsSync(journal())).toBe(false);
});

describe('the sum of a file', () => {
  it('stat and open give the checksum after a put, a replacement and a rename', () =>
    withStore(async (store) => {
      await value(put(store, 'a', 'something else'));
      await value(put(store, 'a', content, { mtime: 5 }));
      expect(await sumOf(store, 'a')).toBe(sum);
      await value(store.rename('a', 'b/c'));
      await value(store.rename('b/c', 'd', { ifAbsent: true }));
      await value(put(store, 'e', content, { ifAbsent: true }));
      for (const name of ['d', 'e']) {
        expect(await sumOf(store, name)).toBe(sum);
        const source = await value(store.open(name));
        expect(source.crc32).toBe(sum);
        await source.close();
      }
    }));

  const changes: Record<string, (path: string) => void> = {
    'written to': (path) => appendFileSync(path, 'x'),
    'overwritten at the same length': (path) => {
      writeFileSync(path, pattern(1000, 2));
      utimesSync(path, 1000, 1000.5);
    },
    'replaced by another of the same size and time': (path) => {
      const { atime, mtime } = statSync(path);
      rmSync(path);
      writeFileSync(path, pattern(1000, 2));
      utimesSync(path, atime, mtime);
    },
  };
  for (const [title, change] of Object.entries(changes)) {
    it(`no checksum is given for a file that was ${title} behind the store's back`, () =>
      withStore(async (store) => {
        await value(put(store, 'a', content, { mtime: 1_000_000_500 }));
        const until = Date.now() + 20;
        while (Date.now() < until);
        change(join(root, 'a'));
        expect(await sumOf(store, 'a')).toBeUndefined();
        await value(put(store, 'a', content));
        expect(await sumOf(store, 'a')).toBe(sum);
      }));
  }

  it('a rename of a file that was changed before does not move its checksum', () =>
    withStore(async (store) => {
      await value(put(store, 'a', content));
      appendFileSync(join(root, 'a'), 'x');
      await value(store.rename('a', 'b'));
      expect(await sumOf(store, 'b')).toBeUndefined();
    }));

  it('a bounded number of checksums is stored, those that were used last', () => {
    const kept: string[] = [];
    const sums = createChecksumCache((name) => void kept.push(name));
    const stats = statSync(root);
    for (let i = 0; i < CHECKSUMS_MAX; i++) sums.add(`${i}`, stats, i);
    expect(sums.lookup('0', stats)).toBe(0);
    sums.add('one more', stats, 1);
    expect([...sums.entries()]).toHaveLength(CHECKSUMS_MAX);
    expect(sums.lookup('0', stats)).toBe(0);
    expect(sums.lookup('1', stats)).toBeUndefined();
    for (let i = 0; i < CHECKSUMS_MAX / 2; i++) sums.add(`${i}`.padEnd(1000, 'x'), stats, i);
    expect(sums.bytes).toBeLessThan(16 * 1024 * 1024);
    expect(kept).toHaveLength(CHECKSUMS_MAX + 1 + CHECKSUMS_MAX / 2);
  });
});

describe('the journal', () => {
  it('the journal gives the checksums to the next store on the root', async () => {
    await withStore(async (store) => {
      for (let i = 0; i < 3000; i++) await value(put(store, `many/${i % 10}/${i}`, `${i}`));
      await value(put(store, 'moved', content));
      await value(store.rename('moved', 'here'));
    });
    await withStore(async (store) => {
      for (const i of [0, 1, 1023, 1024, 2999])
        expect(await sumOf(store, `many/${i % 10}/${i}`)).toBe(crc32(Buffer.from(`${i}`)));
      expect(await sumOf(store, 'here')).toBe(sum);
    });
    expect(statSync(journal()).mode & 0o777).toBe(0o600);
  });

  it('the journal has no effect for a file that was replaced meanwhile', async () => {
    await putOne();
    writeFileSync(join(root, 'a'), 'other');
    expect(await withStore((store) => sumOf(store, 'a'))).toBeUndefined();
  });

  it('the journal is written by several stores at once, and read by all', async () => {
    const stores = [];
    for (let i = 0; i < 4; i++)
      stores.push(await value(openDiskStore(root, { durability: 'os', checksums: 'disk' })));
    await Promise.all(stores.map((store, i) => put(store, `of ${i}`, `${i}`)));
    await Promise.all(stores.map((store) => store.close()));
    await withStore(async (store) => {
      for (let i = 0; i < 4; i++) expect(await sumOf(store, `of ${i}`)).toBe(crc32(Buffer.from(`${i}`)));
    });
  });

  it('the journal may have torn or invalid lines', async () => {
    await putOne('first');
    const whole = readFileSync(journal(), 'utf8');
    appendFileSync(journal(), '["torn",12');
    await putOne('second');
    const hostile = [
      'null',
      '[]',
      '["../x",1,1,1,1,1,1]',
      '["first",1,1,1,-1,1,1]',
      '["first",1,1,1,"1",1,1]',
      '{"a":1}',
      '['.repeat(3000),
      'x'.repeat(1_000_000),
      '\u0000\ufffd',
    ];
    appendFileSync(
      journal(),
      Buffer.concat([Buffer.from(`\n${hostile.join('\n')}`), Buffer.from([0xff, 10])]),
    );
    await putOne('third');
    await withStore(async (store) => {
      for (const name of ['first', 'second', 'third']) expect(await sumOf(store, name)).toBe(sum);
    });
    expect(whole.trim().split('\n')).toHaveLength(1);
  });

  const inTheWay: Record<string, () => void> = {
    'a link to a file': () => symlinkSync(join(root, 'victim'), journal()),
    'another name of a file': () => linkSync(join(root, 'victim'), journal()),
    'a FIFO': () => void execFileSync('mkfifo', [journal()]),
    'a folder': () => mkdirSync(journal()),
  };
  for (const [title, make] of Object.entries(inTheWay)) {
    it(`the store works without a journal when ${title} is in its place`, async () => {
      await withStore(async (store) => {
        writeFileSync(join(root, 'victim'), 'not to be touched');
        make();
        await value(put(store, 'a', content));
        expect(await sumOf(store, 'a')).toBe(sum);
      });
      await withStore(async (store) => expect(await sumOf(store, 'a')).toBeUndefined());
      expect(readFileSync(join(root, 'victim'), 'utf8')).toBe('not to be touched');
    });
  }

  it('the store works without a journal when it cannot be written, whatever the reason', async () => {
    for (const errno of ['ENOSPC', 'EROFS', 'EACCES', 'EIO', 'EMFILE']) {
      const fs = interceptedFileSystem({
        before: ({ name, args }) =>
          (name === 'open' && `${args[0]}`.endsWith('/sums')) || (name === 'writev' && args[2] === null)
            ? errno
            : undefined,
      });
      const store = await value(openDiskStore(root, { durability: 'os', checksums: 'disk', fs }));
      await value(put(store, errno, content));
      expect(await sumOf(store, errno)).toBe(sum);
      await store.close();
    }
    expect(existsSync(journal())).toBe(false);
  });

  it('a store that stored nothing does not write to the journal', async () => {
    await withStore(async (store) => void (await store.stat('nothing')));
    expect(existsSync(journal())).toBe(false);
  });
});

describe('a journal that has grown', () => {
  /**
   * Writes the names to the journal in each round, without a store. The journal is compacted from 10,000 bytes
   * on.
   *
   * @param beforeRound called before each round. It does what other processes do at that time.
   */
  async function writeJournal(
    names: readonly string[],
    rounds: number,
    beforeRound: (round: number, checksums: ChecksumCache) => void = () => {},
  ): Promise<void> {
    mkdirSync(join(root, '.sluice'), { recursive: true });
    const io = createDiskIo(nodeFileSystem, false);
    const directories = createDirectories(io, await run(openRoot(io, root, false)), false);
    const checksums = createChecksumCache((name, checksum) => written.add(name, checksum));
    const written = createChecksumJournal(io, directories, () => checksums, {
      flushDelayMs: 0,
      compactBytesMin: 10_000,
    });
    await run(written.load(checksums));
    const stats = statSync(root);
    for (let round = 0; round < rounds; round++) {
      beforeRound(round, checksums);
      for (const name of names) checksums.add(name, stats, round);
      await written.close();
    }
    directories.close();
  }

  it('a journal that has grown is compacted to one line for each name, and none is lost', async () => {
    await writeJournal(['of another'], 1);
    const names = Array.from({ length: 20 }, (_, i) => `name ${i}`);
    await writeJournal(names, 200);
    expect(statSync(journal()).size).toBeLessThan(12_000);
    const lines = readFileSync(journal(), 'utf8').split('\n');
    for (const name of ['of another', ...names])
      expect(lines.findLast((line) => line.includes(`"${name}"`))).toBeDefined();
    assert.equal(existsSync(join(root, '.sluice/sums.new')), false);
  });

  it('a journal is compacted with the checksums in memory, and only once when it does not shrink', async () => {
    await writeJournal(
      Array.from({ length: 200 }, (_, i) => `of another ${i}`),
      1,
    );
    const others = readFileSync(journal());
    rmSync(journal());
    const inodes: number[] = [];
    await writeJournal(['mine'], 4, (round, checksums) => {
      if (round > 0) inodes.push(statSync(journal()).ino);
      else {
        writeFileSync(journal(), others);
        checksums.addKnown('known', { crc32: 0, size: 0, mtime: 0, ino: 0, since: 0, until: 0 });
      }
    });
    expect(readFileSync(journal(), 'utf8')).toContain('"known"');
    // Each compaction replaces the file.
    expect(new Set(inodes).size).toBe(1);
  });

  it('a journal that one process compacts keeps the newer lines of others', async () => {
    const newer = { crc32: 7, size: 1, mtime: 2, ino: 3, since: 2_000, until: 2_001 };
    await writeJournal(['mine'], 400, (round, checksums) => {
      if (round === 0) checksums.addKnown('shared', { ...newer, crc32: 6, since: 1_000, until: 1_001 });
      // As another process writes it, which has stored the file since.
      if (round === 1) appendFileSync(journal(), formatLine('shared', newer));
    });
    expect(statSync(journal()).size).toBeLessThan(12_000);
    const lines = readFileSync(journal(), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"shared"'));
    expect(lines).toEqual([formatLine('shared', newer).trim()]);
  });

  it('the journal of three processes on one root gives each file its own checksum', async () => {
    const { processes, close } = await openSharedRoot(root, 3, { checksums: 'disk', durability: 'os' });
    const names = Array.from({ length: 20 }, (_, i) => `name ${i}`);
    for (let round = 0; round < 6; round++)
      for (const [i, name] of names.entries())
        await value(put(processes[(round + i) % 3]!.store, name, `${name} of round ${round}`));
    await close();
    const opened = await value(openDiskStore(root, { checksums: 'disk' }));
    for (const name of names)
      expect((await value(opened.stat(name))).crc32).toBe(crc32(Buffer.from(`${name} of round 5`)));
    await opened.close();
  });

  it('a journal is not compacted while another process does so, unless that process died', async () => {
    mkdirSync(join(root, '.sluice'));
    const other = join(root, '.sluice/sums.new');
    writeFileSync(other, '');
    await writeJournal(['a', 'b'], 200);
    expect(statSync(journal()).size).toBeGreaterThan(20_000);
    chmodSync(other, 0o600);
    utimesSync(other, 1000, 1000);
    await writeJournal(['a', 'b'], 3);
    expect(statSync(journal()).size).toBeLessThan(10_000);
    expect(existsSync(other)).toBe(false);
  });
});
