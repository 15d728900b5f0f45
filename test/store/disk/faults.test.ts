/**
 * The disk store with its nth file operation failing, for n = 1, 2, 3 … until the whole scenario runs through.
 *
 * Whatever fails: the answer is an error that names the cause or a success that is one, a name has its old content or
 * the new, what was acknowledged is there, nothing unfinished is left, no descriptor stays open, and the store goes on.
 */
import assert from 'node:assert/strict';
import { cpSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/files/protocol/errors.ts';
import { pattern, put, value } from '../../../src/store/conformance/case.ts';
import type { Outcome, Store } from '../../../src/store/contract.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import {
  describeOperation,
  interceptedFileSystem,
  type Operation,
} from '../../support/stores/fs-intercepted.ts';
import {
  filesBelow,
  newRoot,
  openBelow,
  removeRoot,
  temporariesIn,
} from '../../support/stores/store-roots.ts';

const codeOf: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk-full',
  EIO: 'io-error',
  EACCES: 'permission-denied',
  EMFILE: 'too-many-open-files',
  EROFS: 'read-only',
};

const large = 'large '.repeat(50_000);
/** A content as the messages show it. */
const brief = (content: string) => (content === large ? 'large' : content);

/** A step: what it does, and which contents (null: none) the names may have after it. */
interface Step {
  readonly does: (store: Store) => Promise<Outcome<unknown>>;
  readonly leads: Readonly<Record<string, string | null>>;
  /** The code it fails with although nothing is wrong with the disk. */
  readonly refusal?: ErrorCode;
}

const steps: readonly Step[] = [
  { does: (store) => put(store, 'folder/replaced', 'new'), leads: { 'folder/replaced': 'new' } },
  { does: (store) => put(store, 'made/deep/down', 'deep'), leads: { 'made/deep/down': 'deep' } },
  { does: (store) => put(store, 'large', large), leads: { large } },
  { does: (store) => put(store, 'once', 'once', { ifAbsent: true }), leads: { once: 'once' } },
  { does: (store) => put(store, 'timed', 'timed', { mtime: 1000 }), leads: { timed: 'timed' } },
  { does: (store) => put(store, 'empty-folder', 'file'), leads: { 'empty-folder': 'file' } },
  { does: (store) => put(store, 'folder', 'x'), leads: {}, refusal: 'name-conflict' },
  { does: (store) => put(store, 'folder', large), leads: {}, refusal: 'name-conflict' },
  { does: (store) => put(store, 'short', 'x', { size: 2 }), leads: {}, refusal: 'size-mismatch' },
  { does: (store) => put(store, 'new/long', 'xxx', { size: 2 }), leads: {}, refusal: 'size-mismatch' },
  {
    does: async (store) => {
      const sink = await store.put('never/aborted', { size: 10 });
      if (!sink.ok) return sink;
      const written = await sink.value.write([pattern(5)]);
      if (written.ok) await sink.value.abort();
      return written;
    },
    leads: {},
  },
  {
    does: (store) => Promise.resolve(store.rename('from', 'to/here')),
    leads: { from: null, 'to/here': 'moved' },
  },
  {
    does: (store) => Promise.resolve(store.rename('from-2', 'to-2', { ifAbsent: true })),
    leads: { 'from-2': null, 'to-2': 'moved 2' },
  },
  { does: (store) => Promise.resolve(store.remove('folder/removed')), leads: { 'folder/removed': null } },
  { does: (store) => Promise.resolve(store.stat('kept')), leads: {} },
  { does: (store) => Promise.resolve(store.list({ limit: 5 })), leads: {} },
  {
    does: async (store) => {
      const source = await store.open('kept');
      if (!source.ok) return source;
      const read = await source.value.read(0, 100);
      await source.value.close();
      return read;
    },
    leads: {},
  },
];

const before: Readonly<Record<string, string>> = {
  kept: 'kept',
  'folder/replaced': 'old',
  'folder/removed': 'to remove',
  from: 'moved',
  'from-2': 'moved 2',
};

let template: string | undefined;
afterAll(() => template !== undefined && removeRoot(template));

/** A root as the store leaves one that has stored those files. It is stored once, and copied for each run. */
async function prepared(): Promise<string> {
  if (template === undefined) {
    template = newRoot();
    const opened = await value(openDiskStore(template, { durability: 'os' }));
    for (const [name, content] of Object.entries(before)) await value(put(opened, name, content));
    await opened.close();
    mkdirSync(join(template, 'empty-folder/empty'), { recursive: true });
  }
  const root = newRoot();
  cpSync(template, root, { recursive: true, preserveTimestamps: true });
  return root;
}

const unfinishedOpen = (root: string) =>
  openBelow(root).filter((path) => path.includes('(deleted)') || lstatSync(path).isFile());

/** Whether a failure of this very operation excuses an unfinished file until the store is closed. */
const cleansUp = ({ name }: Operation) => name === 'unlink' || name === 'close';

/** What is there, seen from outside: the store's own reads would be operations that can fail. */
const contents = (root: string): Map<string, string> =>
  new Map(
    filesBelow(root)
      .filter((name) => !name.startsWith('.sluice/'))
      .map((name) => [name, brief(readFileSync(join(root, name), 'utf8'))]),
  );

/** Which operation fails when none does. */
const NEVER = -1;

/** Runs the scenario with the nth operation failing; answers whether there was an nth. */
async function runWithFault(durability: 'fsync' | 'os', errno: string, nth: number): Promise<boolean> {
  const root = await prepared();
  let hit: Operation | undefined;
  const fs = interceptedFileSystem({
    before(operation) {
      if (operation.number !== nth) return undefined;
      hit = operation;
      return errno;
    },
  });
  const named = () => (hit === undefined ? 'nothing' : describeOperation(hit));

  const checkFailure = (outcome: Outcome<unknown>, refusal?: ErrorCode) => {
    if (outcome.ok) return;
    if (outcome.error.code === refusal) return;
    assert.equal(outcome.error.code, codeOf[errno], `${named()}: ${JSON.stringify(outcome.error)}`);
    assert.equal(outcome.error.cause, errno);
    assert.ok(!JSON.stringify(outcome.error).includes('/secret/path'), 'no path of the system is told');
  };

  let opened = await openDiskStore(root, { durability, fs });
  if (!opened.ok) {
    checkFailure(opened);
    assert.ok(opened.error.message.includes(root), 'the operator is told which folder');
    assert.deepEqual(openBelow(root), [], `${named()} left a descriptor open`);
    opened = await openDiskStore(root, { durability, fs });
  }
  const store = await value(opened);

  let expected = new Map<string, string>(Object.entries(before));
  for (const { does, leads, refusal } of steps) {
    const old = expected;
    expected = new Map(old);
    for (const [name, content] of Object.entries(leads)) {
      if (content === null) expected.delete(name);
      else expected.set(name, brief(content));
    }

    const untouched = hit === undefined;
    const outcome = await does(store);
    checkFailure(outcome, refusal);
    if (refusal !== undefined) assert.ok(!outcome.ok);
    if (!outcome.ok && refusal === undefined) {
      // Each name is what it was or what it was to be. With ifAbsent or a hard link both names may be there.
      const now = contents(root);
      for (const [name, content] of now) {
        assert.ok(
          [old.get(name), expected.get(name)].includes(content),
          `${named()}: ${name} is neither old nor new`,
        );
      }
      for (const name of old.keys())
        assert.ok(now.has(name) || !expected.has(name), `${named()}: ${name} is lost`);
      const again = await does(store);
      // A change whose sync failed was made all the same, only not promised: to make it again finds it made.
      if (!again.ok)
        assert.ok(['exists', 'not-found'].includes(again.error.code), `${named()}: ${again.error.message}`);
    }
    // Until the nth operation all is as in the run in which none fails, and that is looked at.
    if (hit === undefined && nth !== NEVER) continue;
    assert.deepEqual(contents(root), expected, `${named()}: what is there after a step`);
    if (hit === undefined || !cleansUp(hit)) {
      assert.deepEqual(temporariesIn(root), [], `${named()} left an unfinished file`);
    }
    if (untouched && hit !== undefined)
      assert.deepEqual(unfinishedOpen(root), [], `${named()} left a file open`);
  }

  await store.close();
  if (hit?.number === undefined || !cleansUp(hit)) assert.deepEqual(temporariesIn(root), []);
  assert.deepEqual(openBelow(root), [], `${named()} left a descriptor open`);
  removeRoot(root);
  return hit !== undefined;
}

describe('the disk store, one operation failing', () => {
  const kinds = { ENOSPC: ['ENOSPC'], EIO: ['EIO'], 'one of several errors': ['EACCES', 'EMFILE', 'EROFS'] };
  for (const durability of ['fsync', 'os'] as const) {
    for (const [title, errnos] of Object.entries(kinds)) {
      it(`the disk store (${durability}) stays whole after ${title} at every operation in turn`, async () => {
        await runWithFault(durability, '', NEVER);
        let nth = 0;
        while (await runWithFault(durability, errnos[nth % errnos.length] ?? '', nth)) nth += 1;
        expect(nth).toBeGreaterThan(100);
      });
    }
  }
});
