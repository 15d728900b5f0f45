/**
 * The disk store while its nth file operation fails, for n = 0, 1, 2 … until the whole scenario has run without
 * a failure.
 *
 * Whichever operation fails: the store answers with an error that names the cause, or with a success that is
 * true. Each name has its old content or the new one, and what was acknowledged is stored. No unfinished file
 * is left, no descriptor stays open, and the store continues to work.
 */
import assert from 'node:assert/strict';
import { cpSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/files/protocol/errors.ts';
import { pattern, put, value } from '../../../src/store/conformance/case.ts';
import type { FileStore, Outcome } from '../../../src/store/contract.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { DISK_MODES, type DiskMode, optionsOf } from '../../support/stores/disk-modes.ts';
import { everyOperationInTurn } from '../../support/stores/drawn-faults.ts';
import { faultyFileSystem } from '../../support/stores/faulty-fs.ts';
import type { Operation } from '../../support/stores/fs-intercepted.ts';
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
/** A content in a form that is short enough for messages. */
const brief = (content: string) => (content === large ? 'large' : content);

interface Step {
  readonly act: (store: FileStore) => Promise<Outcome<unknown>>;
  /** The contents that it gives to names; null removes the name. */
  readonly result: Readonly<Record<string, string | null>>;
  /** The code with which it fails even when no operation does. */
  readonly refusal?: ErrorCode;
}

const steps: readonly Step[] = [
  { act: (store) => put(store, 'folder/replaced', 'new'), result: { 'folder/replaced': 'new' } },
  { act: (store) => put(store, 'made/deep/down', 'deep'), result: { 'made/deep/down': 'deep' } },
  { act: (store) => put(store, 'large', large), result: { large } },
  { act: (store) => put(store, 'once', 'once', { ifAbsent: true }), result: { once: 'once' } },
  { act: (store) => put(store, 'timed', 'timed', { mtime: 1000 }), result: { timed: 'timed' } },
  { act: (store) => put(store, 'empty-folder', 'file'), result: { 'empty-folder': 'file' } },
  { act: (store) => put(store, 'folder', 'x'), result: {}, refusal: 'name-conflict' },
  { act: (store) => put(store, 'folder', large), result: {}, refusal: 'name-conflict' },
  { act: (store) => put(store, 'short', 'x', { size: 2 }), result: {}, refusal: 'size-mismatch' },
  { act: (store) => put(store, 'new/long', 'xxx', { size: 2 }), result: {}, refusal: 'size-mismatch' },
  {
    act: async (store) => {
      const sink = await store.put('never/aborted', { size: 10 });
      if (!sink.ok) return sink;
      const written = await sink.value.write([pattern(5)]);
      if (written.ok) await sink.value.abort();
      return written;
    },
    result: {},
  },
  {
    act: (store) => Promise.resolve(store.rename('from', 'to/here')),
    result: { from: null, 'to/here': 'moved' },
  },
  {
    act: (store) => Promise.resolve(store.rename('from-2', 'to-2', { ifAbsent: true })),
    result: { 'from-2': null, 'to-2': 'moved 2' },
  },
  { act: (store) => Promise.resolve(store.remove('folder/removed')), result: { 'folder/removed': null } },
  { act: (store) => Promise.resolve(store.stat('kept')), result: {} },
  { act: (store) => Promise.resolve(store.list({ limit: 5 })), result: {} },
  {
    act: async (store) => {
      const source = await store.open('kept');
      if (!source.ok) return source;
      const read = await source.value.read(0, 100);
      await source.value.close();
      return read;
    },
    result: {},
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

/** Whether an unfinished file may stay until the store is closed when this operation has failed. */
const cleansUp = (failed: Operation | undefined) => failed?.name === 'unlink' || failed?.name === 'close';

/** The stored files, read without the store, whose own reads can fail. */
const contents = (root: string): Map<string, string> =>
  new Map(
    filesBelow(root)
      .filter((name) => !name.startsWith('.sluice/'))
      .map((name) => [name, brief(readFileSync(join(root, name), 'utf8'))]),
  );

/** The number of an operation that no run reaches, so that none fails. */
const NEVER = -1;

/** Runs the scenario while the nth operation fails; returns whether there were so many operations. */
async function runWithFault(mode: DiskMode, errno: string, nth: number): Promise<boolean> {
  const root = await prepared();
  const { fs, hit, describeHit } = faultyFileSystem({ errno, nth });

  const checkFailure = (outcome: Outcome<unknown>, refusal?: ErrorCode) => {
    if (outcome.ok) return;
    if (outcome.error.code === refusal) return;
    assert.equal(outcome.error.code, codeOf[errno], `${describeHit()}: ${JSON.stringify(outcome.error)}`);
    assert.equal(outcome.error.cause, errno);
    assert.ok(
      !JSON.stringify(outcome.error).includes('/secret/path'),
      'the error contains no path of the system',
    );
  };

  let opened = await openDiskStore(root, optionsOf(mode, fs));
  if (!opened.ok) {
    checkFailure(opened);
    assert.ok(opened.error.message.includes(root), 'the message names the root');
    assert.deepEqual(openBelow(root), [], `${describeHit()} left a descriptor open`);
    opened = await openDiskStore(root, optionsOf(mode, fs));
  }
  const store = await value(opened);

  let expected = new Map<string, string>(Object.entries(before));
  for (const { act, result, refusal } of steps) {
    const old = expected;
    expected = new Map(old);
    for (const [name, content] of Object.entries(result)) {
      if (content === null) expected.delete(name);
      else expected.set(name, brief(content));
    }

    const wasHitBefore = hit() !== undefined;
    const outcome = await act(store);
    checkFailure(outcome, refusal);
    if (refusal !== undefined) assert.ok(!outcome.ok);
    if (!outcome.ok && refusal === undefined) {
      // Each name has its old content or the new one. After a put with ifAbsent, or a link, both names may exist.
      const now = contents(root);
      for (const [name, content] of now) {
        assert.ok(
          [old.get(name), expected.get(name)].includes(content),
          `${describeHit()}: ${name} is neither old nor new`,
        );
      }
      for (const name of old.keys())
        assert.ok(now.has(name) || !expected.has(name), `${describeHit()}: ${name} is lost`);
      const again = await act(store);
      // A change whose sync failed was made, but not acknowledged. A second call finds it made.
      if (!again.ok)
        assert.ok(
          ['exists', 'not-found'].includes(again.error.code),
          `${describeHit()}: ${again.error.message}`,
        );
    }
    // Up to the nth operation a run is the same as the one without a failure, which checks each step.
    if (hit() === undefined && nth !== NEVER) continue;
    assert.deepEqual(contents(root), expected, `${describeHit()}: the contents after a step`);
    if (!cleansUp(hit())) {
      assert.deepEqual(temporariesIn(root), [], `${describeHit()} left an unfinished file`);
    }
    if (!wasHitBefore && hit() !== undefined)
      assert.deepEqual(unfinishedOpen(root), [], `${describeHit()} left a file open`);
  }

  await store.close();
  if (!cleansUp(hit())) assert.deepEqual(temporariesIn(root), []);
  assert.deepEqual(openBelow(root), [], `${describeHit()} left a descriptor open`);
  removeRoot(root);
  return hit() !== undefined;
}

describe('the disk store, one operation failing', () => {
  for (const mode of DISK_MODES) {
    it(`the disk store (${mode}) stays whole after an error at every operation in turn`, async () => {
      await runWithFault(mode, '', NEVER);
      const operations = await everyOperationInTurn(Object.keys(codeOf), (errno, nth) =>
        runWithFault(mode, errno, nth),
      );
      expect(operations).toBeGreaterThan(100);
    });
  }
});
