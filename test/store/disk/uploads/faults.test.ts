/**
 * An upload that is interrupted and resumed while its nth file operation fails, for n = 0, 1, 2 … until all of it
 * has run without a failure.
 *
 * Whichever operation fails: a resume claims the beginning of the content, with the right CRC-32. The name has
 * its old content or the whole new one, and every answer still holds after a crash. No descriptor stays open,
 * and the upload can be finished once no operation fails any more.
 */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pattern, value } from '../../../../src/store/conformance/case.ts';
import type { FileStore, Outcome, Sink, UploadOffset } from '../../../../src/store/contract.ts';
import { crc32 } from '../../../../src/store/crc32.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { cases, testSeed } from '../../../support/random/cases.ts';
import { between, randomFrom } from '../../../support/random/seeded.ts';
import { everyOperationInTurn } from '../../../support/stores/drawn-faults.ts';
import { type Fault, faultyFileSystem } from '../../../support/stores/faulty-fs.ts';
import { newRoot, openBelow, removeRoot, temporariesIn } from '../../../support/stores/store-roots.ts';

const codes = ['disk-full', 'io-error', 'too-many-open-files', 'bad-offset'];

interface Run {
  readonly content: Uint8Array;
  readonly durability: 'fsync' | 'os';
  readonly fault: Fault;
  /** How far each attempt gets, as a fraction of the content, and whether it syncs half-way. */
  readonly tries: readonly { readonly to: number; readonly syncs: boolean }[];
}

const withSyncs = [0.4, 0.7, 1].map((to) => ({ to, syncs: true }));

/** Runs the scenario with a fault; returns whether there were so many operations. */
async function runWithFault({ content, durability, fault, tries }: Run): Promise<boolean> {
  const root = newRoot();
  const { fs, hit, describeHit, repair } = faultyFileSystem(fault);

  /** The value of an outcome; undefined for an error, which only the fault may have caused. */
  function got<T>(outcome: Outcome<T>): T | undefined {
    if (outcome.ok) return outcome.value;
    assert.ok(hit() !== undefined, `no operation failed, but: ${outcome.error.message}`);
    assert.ok(codes.includes(outcome.error.code), `${describeHit()}: ${outcome.error.message}`);
    return undefined;
  }
  const isBeginning = ({ offset, crc32: crc }: UploadOffset) => {
    assert.ok(offset <= content.length, describeHit());
    assert.equal(
      crc,
      crc32(content.subarray(0, offset)),
      `${describeHit()}: the claim of ${offset} bytes is wrong`,
    );
  };
  const nameIsWhole = () => {
    if (!readdirSync(root).includes('file')) return;
    assert.ok(Buffer.from(content).equals(readFileSync(join(root, 'file'))), `${describeHit()}: half a file`);
  };

  /** Writes the bytes from `from` to `to` in a few pieces; returns `to`, or -1 when a write failed. */
  async function write(sink: Sink, from: number, to: number): Promise<number> {
    const step = Math.ceil((to - from) / 3);
    for (let at = from; at < to; at += step) {
      const written = await sink.write([content.subarray(at, Math.min(to, at + step))]);
      if (got(written) === undefined && !written.ok) return -1;
    }
    return to;
  }

  /** Checks the claim that a store would find if this process had stopped now, on a copy of the root. */
  async function checkAfterCrash(atLeast: number): Promise<void> {
    const copy = newRoot();
    cpSync(root, copy, { recursive: true });
    const owners = join(copy, '.sluice/tmp');
    // To the store on the copy the owner is dead, because no store has this token.
    for (const owner of readdirSync(owners)) {
      const dead = owner.replace(/\.[0-9a-f]{16}\./, '.0000000000000000.');
      cpSync(join(owners, owner), join(owners, dead), { recursive: true });
    }
    const store = await value(openDiskStore(copy, { durability: 'os' }));
    const part = await value(store.resume('key'));
    isBeginning(part);
    assert.ok(
      part.offset >= atLeast,
      `${describeHit()}: ${atLeast} were answered, ${part.offset} are stored`,
    );
    await store.close();
    removeRoot(copy);
  }

  /** Resumes, puts the missing bytes up to `to`, and commits when those are all; returns whether nothing failed. */
  async function attempt(store: FileStore, to: number, syncs: boolean): Promise<boolean> {
    const part = got(await store.resume('key'));
    if (part === undefined) return false;
    isBeginning(part);
    const options = { size: content.length, upload: 'key', offset: part.offset, ifAbsent: to % 2 === 0 };
    const sink = got(await store.put('file', options));
    if (sink === undefined) return false;
    const half = part.offset + Math.floor((to - part.offset) / 2);
    if ((await write(sink, part.offset, half)) < 0) return false;
    if (syncs) {
      const synced = got(await sink.sync());
      if (synced === undefined) return false;
      assert.equal(synced.offset, half);
      isBeginning(synced);
      if (hit() !== undefined) await checkAfterCrash(synced.offset);
    }
    if ((await write(sink, half, to)) < 0) return false;
    if (to < content.length) {
      await sink.abort();
      return true;
    }
    const stored = got(await sink.commit());
    if (stored !== undefined) assert.equal(stored.crc32, crc32(content));
    return stored !== undefined;
  }

  const opened = await openDiskStore(root, { durability, fs });
  if (got(opened) !== undefined && opened.ok) {
    const store = opened.value;
    for (const { to, syncs } of tries) await attempt(store, Math.floor(content.length * to), syncs);
    nameIsWhole();
    await store.close();
  }
  nameIsWhole();
  assert.deepEqual(openBelow(root), [], `${describeHit()} left a descriptor open`);

  repair();
  const store = await value(openDiskStore(root, { durability }));
  const left = await value(store.resume('key'));
  isBeginning(left);
  if (!readdirSync(root).includes('file'))
    assert.ok(await attempt(store, content.length, true), describeHit());
  nameIsWhole();
  // Two files may have been left of an upload that was taken over twice, but nothing else.
  await store.cancel('key');
  assert.deepEqual(
    temporariesIn(root).filter((path) => !path.startsWith('tmp/')),
    [],
    describeHit(),
  );
  await store.close();
  assert.deepEqual(temporariesIn(root), [], describeHit());
  removeRoot(root);
  return hit() !== undefined;
}

describe('an upload, interrupted twice, one operation failing', () => {
  const small = pattern(10_001, 0);
  for (const durability of ['fsync', 'os'] as const) {
    it(`an upload that is interrupted twice (${durability}) claims only bytes that exist after an error at every operation in turn`, async () => {
      const run = { content: small, durability, tries: withSyncs };
      const operations = await everyOperationInTurn(['EIO', 'ENOSPC', 'EMFILE'], (errno, nth) =>
        runWithFault({ ...run, fault: { errno, nth } }),
      );
      expect(operations).toBeGreaterThan(80);
    });

    it(`an upload that is interrupted twice (${durability}) claims only bytes that exist after an error at every operation from the nth on`, async () => {
      const run = { content: small, durability, tries: withSyncs };
      const operations = await everyOperationInTurn(['EIO', 'ENOSPC'], (errno, nth) =>
        runWithFault({ ...run, fault: { errno, nth, lasting: true } }),
      );
      expect(operations).toBeGreaterThan(80);
    });
  }

  it('an upload that is recorded while it is written (fsync) claims only bytes that exist after EIO', async () => {
    const content = Buffer.alloc(10_000_001, small);
    const tries = [0.95, 1].map((to) => ({ to, syncs: false }));
    const run = { content, durability: 'fsync', tries } as const;
    // One operation of four fails, the first of them drawn; in the long form each.
    const step = Math.ceil(4 / cases(1));
    let nth = between(randomFrom(testSeed), 0, step - 1);
    while (await runWithFault({ ...run, fault: { errno: 'EIO', nth } })) nth += step;
    expect(nth).toBeGreaterThan(50);
  });
});
