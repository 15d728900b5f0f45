/**
 * An upload that is interrupted and gone on with, with the nth file operation failing, for n = 1, 2, 3 … until all of it
 * runs through.
 *
 * Whatever fails: what a resume claims is the beginning of the content, and has the CRC-32 that it says; a name has its
 * old content or the whole new one; what was answered holds after a crash; no descriptor stays open; and the upload can be
 * finished once nothing fails any more.
 */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pattern, value } from '../../../../src/store/conformance/case.ts';
import type { Outcome, Sink, Store, UploadOffset } from '../../../../src/store/contract.ts';
import { crc32 } from '../../../../src/store/crc32.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import {
  describeOperation,
  interceptedFileSystem,
  type Operation,
} from '../../../support/stores/fs-intercepted.ts';
import { newRoot, openBelow, removeRoot, temporariesIn } from '../../../support/stores/store-roots.ts';

const codes = ['disk-full', 'io-error', 'too-many-open-files', 'bad-offset'];

interface Run {
  readonly content: Uint8Array;
  readonly durability: 'fsync' | 'os';
  readonly errno: string;
  readonly nth: number;
  /** Whether the failing goes on from the nth on, instead of being that of one operation. */
  readonly lasting: boolean;
  /** How far each try gets, as a part of the content, and whether it asks for a sync half-way. */
  readonly tries: readonly { readonly to: number; readonly syncs: boolean }[];
}

const withSyncs = [0.4, 0.7, 1].map((to) => ({ to, syncs: true }));

/** Runs the scenario with a fault; answers whether there was an nth operation. */
async function runWithFault({ content, durability, errno, nth, lasting, tries }: Run): Promise<boolean> {
  const root = newRoot();
  let hit: Operation | undefined;
  let failing = true;
  const fs = interceptedFileSystem({
    before(operation) {
      const fails = lasting ? operation.number >= nth : operation.number === nth;
      if (!failing || !fails) return undefined;
      hit ??= operation;
      return errno;
    },
  });
  const named = () => (hit === undefined ? 'nothing' : describeOperation(hit));

  /** The value of an answer that may fail only as the fault makes it. */
  function got<T>(outcome: Outcome<T>): T | undefined {
    if (outcome.ok) return outcome.value;
    assert.ok(hit !== undefined, `nothing failed, and yet: ${outcome.error.message}`);
    assert.ok(codes.includes(outcome.error.code), `${named()}: ${outcome.error.message}`);
    return undefined;
  }
  const isBeginning = ({ offset, crc32: crc }: UploadOffset) => {
    assert.ok(offset <= content.length, named());
    assert.equal(
      crc,
      crc32(content.subarray(0, offset)),
      `${named()}: the claim of ${offset} bytes is wrong`,
    );
  };
  const nameIsWhole = () => {
    if (!readdirSync(root).includes('file')) return;
    assert.ok(Buffer.from(content).equals(readFileSync(join(root, 'file'))), `${named()}: half a file`);
  };

  /** Writes from `from` to `to` in a few pieces; answers how much was taken. */
  async function write(sink: Sink, from: number, to: number): Promise<number> {
    const step = Math.ceil((to - from) / 3);
    for (let at = from; at < to; at += step) {
      const written = await sink.write([content.subarray(at, Math.min(to, at + step))]);
      if (got(written) === undefined && !written.ok) return -1;
    }
    return to;
  }

  /** What would be found if this process and its machine had stopped now: the claim must hold for a copy of it all. */
  async function afterCrash(atLeast: number): Promise<void> {
    const copy = newRoot();
    cpSync(root, copy, { recursive: true });
    const owners = join(copy, '.sluice/tmp');
    // Its owner is dead to whoever finds it: another token, which nobody has.
    for (const owner of readdirSync(owners)) {
      const dead = owner.replace(/\.[0-9a-f]{16}\./, '.0000000000000000.');
      cpSync(join(owners, owner), join(owners, dead), { recursive: true });
    }
    const store = await value(openDiskStore(copy, { durability: 'os' }));
    const part = await value(store.resume('key'));
    isBeginning(part);
    assert.ok(part.offset >= atLeast, `${named()}: ${atLeast} were promised, ${part.offset} are there`);
    await store.close();
    removeRoot(copy);
  }

  /** One try: resume, put what is missing up to `to`, and commit when that is all. Answers whether it went well. */
  async function attempt(store: Store, to: number, syncs: boolean): Promise<boolean> {
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
      if (hit !== undefined) await afterCrash(synced.offset);
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
  assert.deepEqual(openBelow(root), [], `${named()} left a descriptor open`);

  failing = false;
  const store = await value(openDiskStore(root, { durability }));
  const left = await value(store.resume('key'));
  isBeginning(left);
  if (!readdirSync(root).includes('file')) assert.ok(await attempt(store, content.length, true), named());
  nameIsWhole();
  // A copy may be left of what was taken on twice; nothing else.
  await store.cancel('key');
  assert.deepEqual(
    temporariesIn(root).filter((path) => !path.startsWith('tmp/')),
    [],
    named(),
  );
  await store.close();
  assert.deepEqual(temporariesIn(root), [], named());
  removeRoot(root);
  return hit !== undefined;
}

describe('an upload, interrupted twice, one operation failing', () => {
  const small = pattern(10_001, 0);
  for (const durability of ['fsync', 'os'] as const) {
    it.each(['EIO', 'ENOSPC', 'EMFILE'])(
      `an upload that is interrupted twice (${durability}) claims only bytes that exist after %s at every operation in turn`,
      async (errno) => {
        let nth = 0;
        while (
          await runWithFault({ content: small, durability, errno, nth, lasting: false, tries: withSyncs })
        )
          nth += 1;
        expect(nth).toBeGreaterThan(80);
      },
    );

    it.each(['EIO', 'ENOSPC'])(
      `an upload that is interrupted twice (${durability}) claims only bytes that exist after %s at every operation from the nth on`,
      async (errno) => {
        let nth = 0;
        while (
          await runWithFault({ content: small, durability, errno, nth, lasting: true, tries: withSyncs })
        )
          nth += 1;
        expect(nth).toBeGreaterThan(80);
      },
    );
  }

  it('an upload that is recorded while it is written (fsync) claims only bytes that exist after EIO', async () => {
    const content = Buffer.alloc(10_000_001, small);
    const tries = [0.95, 1].map((to) => ({ to, syncs: false }));
    const run = { content, durability: 'fsync', errno: 'EIO', lasting: false, tries } as const;
    let nth = 0;
    while (await runWithFault({ ...run, nth })) nth += 1;
    expect(nth).toBeGreaterThan(50);
  });
});
