/** A log of changes in a folder: what it records, keeps, refuses and delivers. */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { ChangeLog, Intent } from '../../../src/store/changes/change-log.ts';
import { joinLog } from '../../../src/store/changes/log-owner.ts';
import { type ChangeLogOptions, openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import type { Outcome } from '../../../src/store/contract.ts';
import { type FileSystem, nodeFileSystem } from '../../../src/store/disk/file-system.ts';
import { newOwner } from '../../../src/store/disk/owner.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const opened = new Set<ChangeLog>();
afterEach(async () => {
  for (const log of opened) await log.close();
  opened.clear();
});

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value;
}

async function open(root: string, options: ChangeLogOptions = {}): Promise<ChangeLog> {
  const log = value(await openChangeLog(root, { sinks: ['sink'], durability: 'os', ...options }));
  opened.add(log);
  return log;
}

const stored = (name: string, ino = 1): Intent => ({ type: 'stored', name, size: 5, ino });

async function happen(log: ChangeLog, intent: Intent): Promise<void> {
  await log.settle(value(await log.begin(intent)), 'happened');
}

/** Resolves when an event of this number is there. */
const appended = (log: ChangeLog, sequence: number) =>
  new Promise<void>((resolve) => {
    const stop = log.onAppended((last) => {
      if (last < sequence) return;
      stop();
      resolve();
    });
  });

const codeOf = (outcome: Outcome<unknown>) => (outcome.ok ? 'ok' : outcome.error.code);

describe('a log of changes', () => {
  test('has an event of what happened, and none of what did not', async () => {
    const log = await open(tempFolder());
    const there = appended(log, 1);
    await log.settle(value(await log.begin(stored('not'))), 'did-not');
    await happen(log, { ...stored('a.txt'), crc32: 7 });
    await there;
    const events = await log.read(0, 10);
    expect(events).toEqual([
      {
        ...{ id: expect.stringMatching(/^[0-9a-f]{16}-2$/), sequence: 1, type: 'stored', name: 'a.txt' },
        ...{ size: 5, crc32: 7, time: expect.any(Number) },
      },
    ]);
  });

  test('lets the changes of a name happen one after the other, and those of others meanwhile', async () => {
    const log = await open(tempFolder());
    const first = value(await log.claim(['a', 'b']));
    const order: string[] = [];
    const second = log.claim(['b']).then((claimed) => {
      order.push('b');
      return claimed;
    });
    const third = log.begin(stored('a')).then((begun) => {
      order.push('a');
      return begun;
    });
    const other = value(await log.begin(stored('c')));
    order.push('c');
    await log.settle(first, 'did-not');
    await Promise.all([second, third]);
    expect(order[0]).toBe('c');
    expect([...order].sort()).toEqual(['a', 'b', 'c']);
    await log.settle(other, 'happened');
  });

  test('writes the intents that come together with one sync', async () => {
    let syncs = 0;
    const fs: FileSystem = {
      ...nodeFileSystem,
      fdatasync: (fd, callback) => {
        syncs += 1;
        nodeFileSystem.fdatasync(fd, callback);
      },
    };
    const log = await open(tempFolder(), { durability: 'fsync', fs });
    await happen(log, stored('first'));
    syncs = 0;
    await Promise.all(Array.from({ length: 100 }, (_, i) => log.begin(stored(`${i}`))));
    // One for the end of the first change, perhaps, and one or two for all that came.
    expect(syncs).toBeLessThanOrEqual(3);
  });

  test('refuses changes when it is full, and takes them again once its events were delivered', async () => {
    const log = await open(tempFolder(), { maxBytes: 1024 ** 2 });
    let count = 0;
    let code = 'ok';
    while (code === 'ok') {
      const begun = await log.begin(stored(`${count}${'x'.repeat(900)}`));
      code = codeOf(begun);
      if (begun.ok) {
        count += 1;
        await log.settle(begun.value, 'happened');
      }
    }
    expect(code).toBe('events-full');
    expect((await log.status()).bytes).toBeLessThanOrEqual(1024 ** 2);
    expect(count).toBeGreaterThan(400);
    const { last } = await log.status();
    log.advance('sink', last);
    expect(codeOf(await log.begin(stored('again')))).toBe('ok');
  });

  test('makes changes without events when it is full and is to drop them, and counts those', async () => {
    const log = await open(tempFolder(), { maxBytes: 1024 ** 2, whenFull: 'drop' });
    for (let i = 0; i < 1000; i++) await happen(log, stored(`${i}${'x'.repeat(900)}`));
    const count = async () => {
      const { dropped, last } = await log.status();
      return dropped + last;
    };
    await expect.poll(count).toBe(1000);
    const { dropped, bytes } = await log.status();
    expect(dropped).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(1024 ** 2);
  });

  test('removes files of its own that every sink has passed, and keeps those that one has not', async () => {
    const root = tempFolder();
    const log = await open(root, { maxBytes: 1024 ** 2, sinks: ['slow', 'fast'] });
    const files = () =>
      readdirSync(join(root, '.sluice/changes')).filter((name) => name.endsWith('.log')).length;
    for (let i = 1; i <= 3000; i++) {
      await happen(log, stored(`${i}${'x'.repeat(900)}`));
      log.advance('fast', i - 1);
      log.advance('slow', Math.min(i - 1, 2800));
    }
    // Half of the bytes are for replays.
    expect(files()).toBeLessThanOrEqual(10);
    const [first] = await log.read(2800, 1);
    expect(first?.sequence).toBe(2801);
  });

  test('reads events of every age in their order', async () => {
    const log = await open(tempFolder());
    for (let i = 1; i <= 5000; i++) await happen(log, stored(`name-${i}`));
    await log.settle(value(await log.begin(stored('last'))), 'did-not');
    const names: string[] = [];
    for (let after = 0; after < 5000; ) {
      const page = await log.read(after, 700);
      names.push(...page.map(({ name }) => name));
      after = page.at(-1)!.sequence;
    }
    expect(names).toEqual(Array.from({ length: 5000 }, (_, i) => `name-${i + 1}`));
  });

  test('refuses an intent that cannot be written, and keeps what has happened until it can', async () => {
    let fails = false;
    const fs: FileSystem = {
      ...nodeFileSystem,
      writevSync: (fd, chunks, position) => {
        if (!fails) return nodeFileSystem.writevSync(fd, chunks, position);
        // A part of it is written, as on a disk that is full.
        nodeFileSystem.writevSync(fd, [chunks[0]!.subarray(0, 20)], position);
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'writev' });
      },
    };
    const root = tempFolder();
    const log = await open(root, { fs });
    const ticket = value(await log.begin(stored('a')));
    fails = true;
    await log.settle(ticket, 'happened');
    expect(codeOf(await log.begin(stored('b')))).toBe('disk-full');
    expect((await log.status()).fault).toContain('ENOSPC');
    fails = false;
    await happen(log, stored('c'));
    await log.close();
    const again = await open(root);
    expect((await again.read(0, 10)).map(({ name }) => name)).toEqual(['a', 'c']);
  });

  test('is of one process at a time', async () => {
    const root = tempFolder();
    const log = await open(root);
    expect(codeOf(await openChangeLog(root, { ownerWaitMs: 0 }))).toBe('unavailable');
    await log.close();
    await open(root);
  });

  test('is opened only when who made changes for its last owner has gone, as one may be under way', async () => {
    const root = tempFolder();
    const member = await joinLog(root, nodeFileSystem);
    const another = await joinLog(root, nodeFileSystem);
    expect(codeOf(await openChangeLog(root, { ownerWaitMs: 0 }))).toBe('unavailable');
    await member.leave();
    expect(codeOf(await openChangeLog(root, { ownerWaitMs: 0 }))).toBe('unavailable');
    const opening = open(root);
    await another.leave();
    await opening;
  });

  test('waits for none that was killed', async () => {
    const root = tempFolder();
    await (await joinLog(root, nodeFileSystem)).leave();
    const dead = spawnSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).stdout.trim();
    const [, after] = newOwner().split('-');
    writeFileSync(join(root, '.sluice', 'changes', `member-${dead}-${after}`), '');
    await open(root, { ownerWaitMs: 0 });
    expect(readdirSync(join(root, '.sluice', 'changes')).filter((name) => name.startsWith('member'))).toEqual(
      [],
    );
  });
});

describe('a log that is opened again', () => {
  test('has its events, its cursors and its dead letters', async () => {
    const root = tempFolder();
    const log = await open(root, { sinks: ['one', 'two'] });
    await happen(log, stored('a'));
    await happen(log, stored('b'));
    const there = appended(log, 3);
    await happen(log, stored('c'));
    await there;
    const events = await log.read(0, 10);
    log.advance('one', 2);
    await log.bury('two', events[0]!, 'no');
    await log.close();
    const again = await open(root, { sinks: ['one', 'two', 'new'] });
    expect(await again.read(0, 10)).toEqual(events);
    expect([again.cursor('one'), again.cursor('two'), again.cursor('new')]).toEqual([2, 0, 3]);
    expect(await again.deadLetters('two')).toMatchObject([{ event: events[0], reason: 'no' }]);
    await again.close();
    const without = await open(root, { sinks: ['one'] });
    expect((await without.status()).sinks.map(({ sink }) => sink)).toEqual(['one']);
  });

  test('decides what was open by the files that are there', async () => {
    const root = tempFolder();
    const log = await open(root);
    const file = (name: string) => {
      writeFileSync(join(root, name), name);
      return statSync(join(root, name)).ino;
    };
    const made = file('staged');
    await log.begin(stored('made', made));
    renameSync(join(root, 'staged'), join(root, 'made'));
    await log.begin(stored('not-made', file('other')));
    await log.begin({ ...stored('kept', file('kept')), type: 'removed' });
    const gone = file('gone');
    await log.begin({ ...stored('gone', gone), type: 'removed' });
    rmSync(join(root, 'gone'));
    mkdirSync(join(root, 'folder'));
    const moved = file('old');
    await log.begin({ ...stored('folder/new', moved), type: 'renamed', from: 'old' });
    renameSync(join(root, 'old'), join(root, 'folder/new'));
    await log.begin({ ...stored('unmoved-to', file('unmoved')), type: 'renamed', from: 'unmoved' });
    await log.close();
    const again = await open(root);
    expect((await again.read(0, 10)).map(({ type, name }) => `${type} ${name}`)).toEqual([
      'stored made',
      'removed gone',
      'renamed folder/new',
    ]);
    await again.close();
    expect((await (await open(root)).read(0, 10)).length).toBe(3);
  });

  test('takes a file of its own whose beginning was not completed as one that is not there', async () => {
    const root = tempFolder();
    const log = await open(root, { segmentBytes: 1000 });
    writeFileSync(join(root, 'a'), 'x');
    await log.begin(stored('a', statSync(join(root, 'a')).ino));
    const folder = join(root, '.sluice/changes');
    const segments = () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.log'))
        .sort();
    while (segments().length < 3) await happen(log, stored('b'));
    await log.close();
    const last = join(folder, segments().at(-1)!);
    // The head says that an intent is open, and that is torn.
    const head = 8 + readFileSync(last).readUInt32LE(0);
    truncateSync(last, head + 20);
    const again = await open(root);
    const names: string[] = [];
    for (let after = 0; after < (await again.status()).last; ) {
      const page = await again.read(after, 1000);
      names.push(...page.map(({ name }) => name));
      after = page.at(-1)!.sequence;
    }
    expect(names.filter((name) => name === 'a')).toEqual(['a']);
    expect(names.length).toBeGreaterThan(2);
  });

  const segmentsIn = (root: string) =>
    readdirSync(join(root, '.sluice/changes'))
      .filter((name) => name.endsWith('.log'))
      .sort()
      .map((name) => join(root, '.sluice/changes', name));
  /** A byte in the record of an event. */
  const inRecordOf = (bytes: Buffer, sequence: number) => bytes.indexOf(`"sequence":${sequence},`);
  const readAll = async (log: ChangeLog) => {
    const events = [];
    for (let after = 0; ; after = events.at(-1)!.sequence) {
      const page = await log.read(after, 3);
      if (page.length === 0) return events;
      events.push(...page);
    }
  };

  test('loses nothing but what is damaged, tells it to each who reads it, once, and gives no id twice', async () => {
    const root = tempFolder();
    const log = await open(root);
    for (const name of ['a', 'b', 'c', 'd']) await happen(log, stored(name));
    await log.close();
    const [segment] = segmentsIn(root);
    const bytes = readFileSync(segment!);
    bytes[inRecordOf(bytes, 2)]! ^= 1;
    writeFileSync(segment!, bytes);
    const told: string[] = [];
    const again = await open(root, { onDamaged: (what) => told.push(what) });
    expect(told).toEqual([expect.stringMatching(/^\d+ bytes in 000000000001\.log are no records$/)]);
    await happen(again, stored('e'));
    await again.close();
    const third = await open(root, { onDamaged: (what) => told.push(what) });
    expect(told).toHaveLength(1);
    const events = await readAll(third);
    expect(await readAll(third)).toEqual(events);
    expect(told).toEqual([told[0], told[0]]);
    expect(events.map(({ name, sequence }) => `${sequence} ${name}`)).toEqual(['1 a', '3 c', '4 d', '5 e']);
    expect(new Set(events.map(({ id }) => id)).size).toBe(4);
    expect(third.cursor('sink')).toBe(0);
  });

  test.each(['the only', 'the last'])(
    'finds the events of %s file of its own when the beginning of that is damaged',
    async (which) => {
      const root = tempFolder();
      const log = await open(root, { segmentBytes: 1500 });
      const files = which === 'the only' ? 1 : 3;
      let count = 0;
      do await happen(log, stored(`file ${count++}`));
      while (segmentsIn(root).length < files);
      await happen(log, stored(`file ${count++}`));
      await log.close();
      const last = segmentsIn(root).at(-1)!;
      const bytes = readFileSync(last);
      bytes[9]! ^= 1;
      writeFileSync(last, bytes);
      const told: string[] = [];
      const again = await open(root, { segmentBytes: 1500, onDamaged: (what) => told.push(what) });
      expect(told).toEqual([expect.stringContaining('has lost its beginning')]);
      expect((await readAll(again)).map(({ name }) => name)).toEqual(
        Array.from({ length: count }, (_, i) => `file ${i}`),
      );
      expect(again.cursor('sink')).toBe(0);
      const isThere = appended(again, count + 1);
      await happen(again, stored('new'));
      await isThere;
      const after = await readAll(again);
      expect(after.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: count + 1 }, (_, i) => i + 1),
      );
      expect(new Set(after.map(({ id }) => id)).size).toBe(count + 1);
    },
  );

  test('tells nothing of an end that is torn, and cuts it off', async () => {
    const root = tempFolder();
    const log = await open(root);
    for (const name of ['a', 'b']) await happen(log, stored(name));
    await log.close();
    const [segment] = segmentsIn(root);
    const { size } = statSync(segment!);
    writeFileSync(segment!, Buffer.concat([readFileSync(segment!), Buffer.alloc(5000, 7)]));
    const told: string[] = [];
    const again = await open(root, { onDamaged: (what) => told.push(what) });
    expect(told).toEqual([]);
    expect(statSync(segment!).size).toBe(size);
    expect(await readAll(again)).toHaveLength(2);
  });

  test('completes a rename that has given the new name and not taken the old one', async () => {
    const root = tempFolder();
    const log = await open(root);
    writeFileSync(join(root, 'old'), 'x');
    const { ino } = statSync(join(root, 'old'));
    await log.begin({ ...stored('new', ino), type: 'renamed', from: 'old' });
    nodeFileSystem.linkSync(join(root, 'old'), join(root, 'new'));
    await log.close();
    const again = await open(root);
    expect((await again.read(0, 10)).map(({ from, name }) => [from, name])).toEqual([['old', 'new']]);
    expect(existsSync(join(root, 'old'))).toBe(false);
    expect(existsSync(join(root, 'new'))).toBe(true);
  });
});

describe('the cursor of a sink', () => {
  test('can be moved back and forwards, and whoever delivers is told', async () => {
    const log = await open(tempFolder());
    for (let i = 0; i < 5; i++) await happen(log, stored(`${i}`));
    const moved: string[] = [];
    log.onMoved((sink) => moved.push(`${sink} ${log.cursor(sink)}`));
    value(await log.move('sink', 3));
    value(await log.move('sink', 1));
    expect(moved).toEqual(['sink 3', 'sink 1']);
    expect(codeOf(await log.move('nobody', 1))).toBe('not-found');
  });

  test('says what is pending, and since when', async () => {
    const log = await open(tempFolder());
    const there = appended(log, 2);
    await happen(log, stored('a'));
    await happen(log, stored('b'));
    await there;
    const [, second] = await log.read(0, 2);
    log.advance('sink', 1);
    expect((await log.status()).sinks).toEqual([
      { sink: 'sink', at: 1, pending: 1, oldest: second!.time, deadLetters: 0 },
    ]);
  });
});
