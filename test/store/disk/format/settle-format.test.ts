/**
 * The format of the store's own files: the file that says it, the roots that are refused because of it, and
 * upgrades from one format to the next, with one that is made for these tests.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { bytes, put, refused, textOf, value } from '../../../../src/store/conformance/case.ts';
import type { FileStore, Outcome } from '../../../../src/store/contract.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import type { FormatUpgrade } from '../../../../src/store/disk/format/upgrades.ts';
import { openInFormat } from '../../../../src/store/disk/opening/open-in-format.ts';
import { wait } from '../../../../src/store/task.ts';
import { cases } from '../../../support/random/cases.ts';
import { faultyFileSystem } from '../../../support/stores/faulty-fs.ts';
import { interceptedFileSystem } from '../../../support/stores/fs-intercepted.ts';
import { expectInOrder, loggedFileSystem } from '../../../support/stores/operation-log.ts';
import { filesBelow, openBelow, rootForEachTest, storedIn } from '../../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});

const formatFile = () => join(root, '.sluice/format');
const formatText = () => readFileSync(formatFile(), 'utf8');

/** Leaves a root whose format is said by this text. */
function leaveFormat(text: string): void {
  mkdirSync(join(root, '.sluice/tmp'), { recursive: true });
  writeFileSync(formatFile(), text);
}

/** Everything in a root, with what a write would change. */
const snapshot = () =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((path) => {
      const { mtimeNs, size } = lstatSync(join(root, path), { bigint: true });
      return [path, mtimeNs, size];
    });

async function refusal(opening: Promise<Outcome<FileStore>>): Promise<string> {
  const outcome = await opening;
  assert.ok(!outcome.ok, 'expected a refusal');
  expect(outcome.error.code).toBe('format-conflict');
  return outcome.error.message;
}

describe('the file of the format', () => {
  it('a new root has its format on the disk before anything is stored there', async () => {
    const log: string[] = [];
    const store = await value(openDiskStore(root, { fs: loggedFileSystem(root, log) }));
    expect(formatText()).toBe('sluice store format 1\n');
    log.push('open');
    await value(put(store, 'a', 'x'));
    expectInOrder(log, [
      /^end writev \.\/\.sluice\/tmp\/[^/]+\/format/,
      /^end fdatasync \.\/\.sluice\/tmp\/[^/]+\/format/,
      /^begin rename .* \.\/\.sluice\/format$/,
      /^end rename .* \.\/\.sluice\/format$/,
      'end fsync ./.sluice',
      'end fsync .',
      'open',
      /^begin writev \.\/\.sluice\/tmp\/[^/]+\/1/,
    ]);
    await store.close();
    expect(storedIn(root)).toEqual(['a']);
  });

  it('a root that has its format is opened without a write to it', async () => {
    await (await value(openDiskStore(root))).close();
    const log: string[] = [];
    const store = await value(openDiskStore(root, { fs: loggedFileSystem(root, log) }));
    expect(log.filter((line) => /^end (writev|rename|fsync|fdatasync|unlink)/.test(line))).toEqual([]);
    await store.close();
  });

  it('a root from before there was a format gets the first one, and keeps its uploads and checksums', async () => {
    const first = await value(openDiskStore(root, { checksums: 'disk' }));
    await value(put(first, 'a', 'x'));
    const sink = await value(first.put('b', { size: 2, upload: 'key' }));
    await value(sink.write([bytes('x')]));
    await sink.abort();
    await first.close();
    rmSync(formatFile());
    const next = await value(openDiskStore(root, { checksums: 'disk' }));
    expect(formatText()).toBe('sluice store format 1\n');
    expect((await value(next.resume('key'))).offset).toBe(1);
    expect((await value(next.stat('a'))).crc32).toBeDefined();
    await next.close();
  });

  it.each(['fsync', 'os'] as const)(
    'whichever operation fails while a new root is opened, the next opening finds no half of a format (%s)',
    async (durability) => {
      for (let nth = 0; ; nth++) {
        const { fs, hit, describeHit } = faultyFileSystem({ errno: 'ENOSPC', nth });
        const outcome = await openDiskStore(root, { durability, fs });
        if (outcome.ok) await outcome.value.close();
        else expect(outcome.error).toMatchObject({ code: 'disk-full', cause: 'ENOSPC' });
        assert.deepEqual(openBelow(root), [], `${describeHit()} left a descriptor open`);
        await (await value(openDiskStore(root, { durability }))).close();
        expect(filesBelow(root)).toEqual(['.sluice/format']);
        if (hit() === undefined) break;
        rmSync(root, { recursive: true });
      }
    },
  );

  it('a reserved folder that is made again has the format again', async () => {
    const store = await value(openDiskStore(root));
    rmSync(join(root, '.sluice'), { recursive: true });
    await value(put(store, 'a', 'x'));
    expect(formatText()).toBe('sluice store format 1\n');
    await store.close();
  });
});

describe('a root that is refused because of its format', () => {
  it.each([
    ['a newer format', 'sluice store format 7\n', 'is of format 7'],
    [
      'a newer format with lines that this version does not know',
      'sluice store format 7\nsums: v2\n',
      'is of format 7',
    ],
    [
      'an unfinished upgrade to a newer format',
      'sluice store format 1 to 2\n',
      'is on its way from format 1 to 2',
    ],
  ])(
    '%s is refused with both formats and what to do, and nothing in it is changed',
    async (_, text, found) => {
      leaveFormat(text);
      mkdirSync(join(root, '.sluice/tmp/1-0.0123456789abcdef.0'));
      const before = snapshot();
      const message = await refusal(openDiskStore(root));
      expect(message).toBe(
        `${root} cannot be used as the root of a store; its '.sluice' ${found}, ` +
          'and this version of the program knows formats up to 1; ' +
          'use the version that wrote it, or a newer one, or choose another folder',
      );
      expect(snapshot()).toEqual(before);
    },
  );

  property.prop(
    [
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.constantFrom(
          '1',
          '1\n',
          'sluice store format 0\n',
          'sluice store format 01\n',
          'sluice store format 1',
        ),
        fc.constantFrom(
          'sluice store format 1\r\n',
          'sluice store format 2 to 1\n',
          'sluice store format 1 to 1\n',
        ),
        fc.constantFrom('sluice store format -1\n', 'sluice store format 1e3\n', `${'\0'.repeat(22)}`),
      ),
    ],
    { numRuns: cases(50) },
  )('a file that no store wrote is refused, never guessed, and never replaced', async (text) => {
    fc.pre(!text.startsWith('sluice store format 1\n'));
    leaveFormat(text);
    const written = formatText();
    expect(await refusal(openDiskStore(root))).toContain("'.sluice/format' does not say in which format");
    expect(formatText()).toBe(written);
    expect(readdirSync(join(root, '.sluice')).sort()).toEqual(['format', 'tmp']);
  });

  it.each([
    ['a folder', () => mkdirSync(formatFile())],
    ['a link', () => symlinkSync('/etc/hostname', formatFile())],
    ['a FIFO', () => execFileSync('mkfifo', [formatFile()])],
  ])('%s in the place of the file is refused', async (_, make) => {
    mkdirSync(join(root, '.sluice'));
    make();
    expect(await refusal(openDiskStore(root))).toContain("'.sluice/format' does not say in which format");
  });

  it('a store refuses to go on in a reserved folder of a newer format that took the place of its own', async () => {
    const store = await value(openDiskStore(root));
    rmSync(join(root, '.sluice'), { recursive: true });
    leaveFormat('sluice store format 2\n');
    await refused(put(store, 'a', 'x'), 'format-conflict');
    expect(filesBelow(root)).toEqual(['.sluice/format']);
    await store.close();
  });
});

/** The files that the upgrade of these tests renames, in the first format. */
const OLD_NAMES = ['old-1', 'old-2', 'old-3'];
const names = () => readdirSync(join(root, '.sluice/kept')).sort();
const inFormat = (word: string) => OLD_NAMES.map((name) => name.replace('old', word));

/** Renames the files of `.sluice/kept` whose names begin with a word, so that they begin with another. */
const renaming = (from: string, to: string): FormatUpgrade =>
  function* ({ io, at, reserved, durable }) {
    for (const { name } of yield* io.entries(at(reserved, 'kept')))
      yield* io.rename(at(reserved, `kept/${name}`), at(reserved, `kept/${name.replace(from, to)}`));
    if (!durable) return;
    const fd = yield* io.open(at(reserved, 'kept'), 0);
    try {
      yield* io.syncFile(fd, true);
    } finally {
      io.closeQuietly(fd);
    }
  };

const upgrades: readonly FormatUpgrade[] = [renaming('old', 'middle'), renaming('middle', 'new')];

/** Opens the root as a version of the program would that knows so many formats. */
const openAs = (
  known: number,
  options: DiskStoreOptions = {},
  inUseWaitMs = 0,
): Promise<Outcome<FileStore>> =>
  openInFormat(root, options, { upgrades: upgrades.slice(0, known - 1), inUseWaitMs });

/** Leaves a root of the first format with files that an upgrade renames. */
function leaveOld(): void {
  rmSync(root, { recursive: true });
  mkdirSync(join(root, '.sluice/kept'), { recursive: true });
  for (const name of OLD_NAMES) writeFileSync(join(root, '.sluice/kept', name), 'x');
}

describe('an upgrade', () => {
  it('an older root is upgraded through every format up to that of the program', async () => {
    leaveOld();
    await (await value(openAs(1))).close();
    await (await value(openAs(3))).close();
    expect(names()).toEqual(inFormat('new'));
    expect(formatText()).toBe('sluice store format 3\n');
    expect(await refusal(openAs(2))).toContain('is of format 3');
  });

  it('a new root has the newest format', async () => {
    rmSync(root, { recursive: true });
    mkdirSync(join(root, '.sluice/kept'), { recursive: true });
    await (await value(openAs(3))).close();
    expect(formatText()).toBe('sluice store format 3\n');
  });

  it('an upgrade is marked on the disk before its first operation, and the mark goes after its last', async () => {
    leaveOld();
    const log: string[] = [];
    const marks: string[] = [];
    const before = ({ name, args }: { name: string; args: readonly unknown[] }) => {
      if (name === 'rename' && `${args[0]}`.includes('/kept/')) marks.push(formatText());
      return undefined;
    };
    await (await value(openAs(2, { fs: loggedFileSystem(root, log, { before }) }))).close();
    expect(new Set(marks)).toEqual(new Set(['sluice store format 1 to 2\n']));
    const last = log.findLastIndex((line) => line.startsWith('end rename') && line.includes('kept/'));
    expectInOrder(log, [
      /^end rename .* \.\/\.sluice\/format$/,
      'end fsync ./.sluice',
      /^begin rename \.\/\.sluice\/kept/,
    ]);
    expectInOrder(log.slice(last), [
      'end fsync ./.sluice/kept',
      /^begin rename .* \.\/\.sluice\/format$/,
      'end fsync ./.sluice',
    ]);
  });

  it.each(['fsync', 'os'] as const)(
    'whichever operation of an upgrade is its last, the next opening completes it, and an older program meets no half (%s)',
    async (durability) => {
      for (let nth = 0; ; nth++) {
        leaveOld();
        await (await value(openAs(1))).close();
        const { fs, hit, describeHit } = faultyFileSystem({ errno: 'EIO', nth, lasting: true });
        const crashed = await openAs(3, { durability, fs });
        if (hit() === undefined) {
          await (await value(Promise.resolve(crashed))).close();
          break;
        }
        if (crashed.ok) await crashed.value.close();
        const older = await openAs(1);
        if (older.ok) {
          assert.deepEqual(names(), OLD_NAMES, `${describeHit()} left half an upgrade to an older program`);
          await older.value.close();
        } else {
          assert.equal(older.error.code, 'format-conflict');
        }
        const store = await value(openAs(3));
        assert.deepEqual(names(), inFormat('new'), describeHit());
        await value(put(store, 'a', 'x'));
        expect(await textOf(store, 'a')).toBe('x');
        await store.close();
        expect(filesBelow(join(root, '.sluice/tmp'))).toEqual([]);
      }
    },
  );

  it('an upgrade that was interrupted goes on where it was, and does not run the ones before again', async () => {
    leaveOld();
    const ran: number[] = [];
    const counted = (fails: boolean): readonly FormatUpgrade[] =>
      [1, 2].map(
        (number) =>
          // biome-ignore lint/correctness/useYield: an upgrade is a task, and this one does nothing.
          function* () {
            ran.push(number);
            if (fails && number === 2)
              throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'open' });
          },
      );
    const opened = (fails: boolean) => openInFormat(root, {}, { upgrades: counted(fails), inUseWaitMs: 0 });
    await refused(opened(true), 'io-error');
    expect(formatText()).toBe('sluice store format 2 to 3\n');
    await (await value(opened(false))).close();
    expect(ran).toEqual([1, 2, 2]);
  });
});

describe('several stores on one root', () => {
  it('stores that are opened at once upgrade the root once, and all are open then', async () => {
    let running = 0;
    let runs = 0;
    const upgrade: FormatUpgrade = function* () {
      runs += 1;
      running += 1;
      expect(running).toBe(1);
      for (let i = 0; i < 20; i++) yield* wait((callback) => setImmediate(callback, null));
      running -= 1;
    };
    const rules = { upgrades: [upgrade], inUseWaitMs: 60_000 };
    const stores = await Promise.all([1, 2, 3, 4].map(() => value(openInFormat(root, {}, rules))));
    expect(runs).toBe(1);
    for (const [i, store] of stores.entries()) await value(put(store, `${i}`, 'x'));
    for (const store of stores) await store.close();
    expect(storedIn(root)).toEqual(['0', '1', '2', '3']);
    expect(filesBelow(join(root, '.sluice'))).toEqual(['format']);
  });

  it('an upgrade is refused while a store of the older format is open, which goes on, and is possible then', async () => {
    leaveOld();
    const older = await value(openAs(1));
    const message = await refusal(openAs(2));
    expect(message).toContain(
      `its '.sluice' is of an older format, and is upgraded once nothing else has the store open; ` +
        `stop the other programs (process ${process.pid}), then open it again`,
    );
    expect(names()).toEqual(OLD_NAMES);
    await value(put(older, 'a', 'x'));
    await (await value(openAs(1))).close();
    await older.close();
    const newer = await value(openAs(2));
    expect(names()).toEqual(inFormat('middle'));
    await newer.close();
  });

  it('an upgrade waits for a store of the older format that is closed meanwhile', async () => {
    leaveOld();
    const older = await value(openAs(1));
    let looks = 0;
    const fs = interceptedFileSystem({
      before: ({ name, args }) => {
        // The second look at the owners of staging folders finds that the store is closed.
        if (name === 'readdir' && `${args[0]}`.endsWith('/.') && ++looks === 1) void older.close();
        return undefined;
      },
    });
    const newer = await value(openAs(2, { fs }, 60_000));
    expect(looks).toBeGreaterThan(1);
    expect(names()).toEqual(inFormat('middle'));
    await newer.close();
  });

  it.each([
    ['older', 1, 2],
    ['newer', 2, 1],
  ])(
    'at whichever operation of its opening another program opens the root, an %s program is never open beside it',
    async (_, first, second) => {
      for (let nth = 0; ; nth++) {
        leaveOld();
        let other: Promise<Outcome<FileStore>> | undefined;
        let isOpening = true;
        const fs = interceptedFileSystem({
          before: ({ number }) => {
            // With this durability an opening runs from its beginning to its end within the call.
            if (isOpening && number === nth) other = openAs(second, { durability: 'os' });
            return undefined;
          },
        });
        const one = await openAs(first, { durability: 'os', fs });
        isOpening = false;
        if (other === undefined) {
          await (await value(Promise.resolve(one))).close();
          break;
        }
        const two = await other;
        expect([one.ok && two.ok, one.ok || two.ok]).toEqual([false, true]);
        const isOld = (first === 1 ? one : two).ok;
        expect(names()).toEqual(isOld ? OLD_NAMES : inFormat('middle'));
        for (const outcome of [one, two]) if (outcome.ok) await outcome.value.close();
        await (await value(openAs(2))).close();
        expect(names()).toEqual(inFormat('middle'));
      }
    },
  );

  it('a store of another host that may be alive keeps the root from an upgrade, one that is long dead does not', async () => {
    leaveOld();
    const owner = join(root, '.sluice/tmp', '123-4.0123456789abcdef.1');
    mkdirSync(owner, { recursive: true });
    expect(await refusal(openAs(2))).toContain('process 123');
    const longAgo = Date.now() / 1000 - 25 * 60 * 60;
    utimesSync(owner, longAgo, longAgo);
    await (await value(openAs(2))).close();
    expect(existsSync(owner)).toBe(false);
  });
});
