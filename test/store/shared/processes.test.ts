/**
 * Processes with stores on one root that are killed at random, while clients upload to any of them. No acknowledged
 * offset is lost, no file is half, and no quota is exceeded or stays reserved.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Outcome, UploadOffset } from '../../../src/store/contract.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { createRootOwner } from '../../../src/store/shared/root-owner.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { between, oneOf, randomFrom } from '../../support/random/seeded.ts';
import { forkStores } from '../../support/stores/sharing-processes.ts';
import { newRoot, removeRoot, storedIn, temporariesIn } from '../../support/stores/store-roots.ts';

const SIZE = 400_000;
const content = Uint8Array.from({ length: SIZE }, (_, i) => i % 251);
const PROCESSES = 3;
const CLIENTS = 4;
const KILLS = Math.min(60, cases(5));
/** Room for the files of all clients but one. */
const QUOTA = (CLIENTS - 1) * SIZE;

it('processes that are killed lose nothing that was acknowledged, and hold nothing', async () => {
  const root = newRoot();
  onTestFinished(() => removeRoot(root));
  const random = randomFrom(testSeed);
  const owner = createRootOwner({ quotas: () => [{ prefix: '', bytes: QUOTA }] });
  const start = await forkStores(owner, [root, 'fsync', 'quotas']);
  const processes = await Promise.all(Array.from({ length: PROCESSES }, start));
  onTestFinished(async () => {
    await Promise.all(processes.map(({ kill }) => kill()));
    owner.close();
  });
  const counts = { resumed: 0, stored: 0, refused: 0, broken: 0 };
  let isEnding = false;
  let steps = 0;

  const anyProcess = () => processes[between(random, 0, PROCESSES - 1)]!;

  /** Uploads a file again and again, each time to another process. */
  async function upload(client: number): Promise<void> {
    const [key, name] = [`key-${client}`, `file-${client}`];
    let acknowledged = 0;
    while (!isEnding) {
      const { calls } = anyProcess();
      try {
        const there = await calls.call<Outcome<UploadOffset>>('resume', key);
        if (!there.ok) throw new Error(there.error.code);
        const { offset } = there.value;
        expect(offset).toBeGreaterThanOrEqual(acknowledged);
        expect(there.value.crc32).toBe(crc32(content.subarray(0, offset)));
        if (offset > 0) counts.resumed += 1;
        const put = await calls.call<Outcome<number>>('put', { name, size: SIZE, upload: key, offset });
        if (!put.ok) throw new Error(put.error.code);
        for (let at = offset; at < SIZE; at += 100_000) {
          const to = Math.min(SIZE, at + 100_000);
          const written = await calls.call<Outcome<void>>('write', { sink: put.value, from: at, to });
          if (!written.ok) throw new Error(written.error.code);
          const synced = await calls.call<Outcome<UploadOffset>>('sync', put.value);
          if (synced.ok) acknowledged = synced.value.offset;
          steps += 1;
        }
        // From now on a process that dies may have stored the file.
        acknowledged = 0;
        const stored = await calls.call<Outcome<unknown>>('commit', put.value);
        if (!stored.ok) throw new Error(stored.error.code);
        counts.stored += 1;
        if (random() < 0.5) await calls.call('remove', name);
      } catch (error) {
        if (error instanceof Error && error.name === 'AssertionError') throw error;
        const code = error instanceof Error ? error.message : '';
        if (code === 'quota-exceeded') counts.refused += 1;
        else counts.broken += 1;
        await new Promise(setImmediate);
      }
    }
  }

  const clients = Array.from({ length: CLIENTS }, (_, client) => upload(client));
  const failed = Promise.all(clients);
  failed.catch(() => {});
  for (let kill = 0; kill < KILLS; kill++) {
    const until = steps + between(random, 2, 15);
    while (steps < until) await Promise.race([new Promise((resolve) => setTimeout(resolve, 1)), failed]);
    const at = between(random, 0, PROCESSES - 1);
    await processes[at]!.kill();
    processes[at] = await start();
  }
  isEnding = true;
  await failed;

  expect(counts.broken).toBeGreaterThan(0);
  expect(counts.stored).toBeGreaterThan(KILLS / 2);
  expect(counts.resumed).toBeGreaterThan(0);
  for (let client = 0; client < CLIENTS; client++) await anyProcess().calls.call('cancel', `key-${client}`);
  const sizes = storedIn(root).map((name) => statSync(join(root, name)).size);
  expect(sizes.every((size) => size === SIZE)).toBe(true);
  expect(temporariesIn(root)).toEqual([]);
  // A put that asks has what is not counted counted again.
  await anyProcess().calls.call<Outcome<number>>('put', { name: 'last', size: 10 * QUOTA });
  expect(owner.usage()).toEqual([{ prefix: '', bytes: QUOTA, used: sizes.length * SIZE, reserved: 0 }]);
  expect(owner.unfinished()).toEqual({ count: 0, bytes: 0 });
}, 120_000);

/** Few names, of which some are folders of others, so that folders come and go. */
const NAMES = ['a', 'b/c', 'b/d', 'b/e/f', 'g/h/i', 'g/h', 'b'] as const;
/** What may come of a change, when others change the same names. */
const EXPECTED = new Set(['not-found', 'exists', 'name-conflict']);
const CHANGES = Math.min(20_000, cases(1000));

for (const durability of ['fsync', 'os']) {
  it(`changes of the same names by three processes at once leave whole files (${durability})`, async () => {
    const root = newRoot();
    onTestFinished(() => removeRoot(root));
    const random = randomFrom(testSeed);
    const owner = createRootOwner({ quotas: () => [{ prefix: '', bytes: 1e9 }] });
    const start = await forkStores(owner, [root, durability, 'quotas']);
    const processes = await Promise.all(Array.from({ length: PROCESSES }, start));
    onTestFinished(async () => {
      await Promise.all(processes.map(({ kill }) => kill()));
      owner.close();
    });
    let left = CHANGES;
    const unexpected: string[] = [];
    const change = async () => {
      const { calls } = processes[between(random, 0, PROCESSES - 1)]!;
      const [name, to] = [oneOf(random, NAMES), oneOf(random, NAMES)];
      const [kind, size, ifAbsent] = [random(), between(random, 1, 1000), random() < 0.3];
      const asked: [string, unknown] =
        kind < 0.5
          ? ['store', { name, size, ifAbsent }]
          : kind < 0.75
            ? ['remove', name]
            : ['rename', { from: name, to, ifAbsent }];
      const outcome = await calls.call<Outcome<unknown>>(...asked);
      if (!outcome.ok && !EXPECTED.has(outcome.error.code))
        unexpected.push(`${JSON.stringify(asked)}: ${outcome.error.code} ${outcome.error.message}`);
    };
    const client = async () => {
      while (left-- > 0) await change();
    };
    await Promise.all(Array.from({ length: 4 * PROCESSES }, client));
    expect(unexpected).toEqual([]);
    let used = 0;
    for (const name of storedIn(root)) {
      const stored = readFileSync(join(root, name));
      expect(stored.equals(content.subarray(0, stored.length))).toBe(true);
      used += stored.length;
    }
    expect(temporariesIn(root)).toEqual([]);
    await processes[0]!.calls.call('put', { name: 'last', size: 2e9 });
    expect(owner.usage()).toEqual([{ prefix: '', bytes: 1e9, used, reserved: 0 }]);
  }, 120_000);
}
