/**
 * A server that is killed at random moments, again and again, while several clients upload to it and retry.
 * Every acknowledged file is stored byte for byte, every stored file is whole, an interrupted upload resumes
 * where the server says, and nothing unfinished is left at the end.
 */
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { endAll } from '../../support/processes/cli.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { randomFrom } from '../../support/random/seeded.ts';
import { libraryClient, plainClient, resumingClient } from '../../support/stores/crash-clients.ts';
import { crashFolder, crashWorkers } from '../../support/stores/crash-places.ts';
import { createCrashRun, killWhileSending } from '../../support/stores/crash-run.ts';
import { newRoot, removeRoot, temporariesIn } from '../../support/stores/store-roots.ts';

afterEach(endAll);

/** Servers side by side, each with a root and clients of its own: while one starts, another is busy. */
const SERVERS = 3;
const KILLS = Math.min(100, cases(6));

test('a server that is killed again and again keeps every acknowledged file', async () => {
  const counts = await Promise.all(
    Array.from({ length: SERVERS }, async (_, seed) => {
      const root = newRoot();
      onTestFinished(() => removeRoot(root));
      const random = randomFrom(testSeed + seed);
      const run = createCrashRun(crashFolder(root, seed % 3 === 2 ? 'os' : 'fsync'), random);
      const clients = [
        plainClient(run, 1),
        plainClient(run, 2),
        resumingClient(run, 3),
        resumingClient(run, 4),
        libraryClient(run, 5),
      ];
      await killWhileSending(run, clients, KILLS);
      expect(temporariesIn(root)).toEqual([]);
      return run.counts;
    }),
  );
  const sum = (of: (each: (typeof counts)[number]) => number) =>
    counts.reduce((all, each) => all + of(each), 0);
  expect(sum(({ kills }) => kills)).toBe(SERVERS * KILLS);
  // With fewer of them the run would have shown nothing.
  expect(sum(({ broken }) => broken)).toBeGreaterThan(2 * KILLS);
  expect(sum(({ resumed }) => resumed)).toBeGreaterThan(KILLS / 4);
  expect(sum(({ stored }) => stored)).toBeGreaterThan(5 * KILLS);
}, 600_000);

/** Of a server with three workers: the server itself, which ends them all; or one of them, which another replaces. */
test.each([
  ['the server', 'os', (root: string) => crashFolder(root, 'os', ['--workers', '3'])],
  ['a worker', 'fsync', (root: string) => crashWorkers(root, 'fsync', 3)],
  ['a worker', 'os', (root: string) => crashWorkers(root, 'os', 3)],
] as const)(
  '%s that is killed again and again, of three workers with %s, keeps every acknowledged file',
  async (_, __, placeOf) => {
    const root = newRoot();
    onTestFinished(() => removeRoot(root));
    const run = createCrashRun(placeOf(root), randomFrom(testSeed));
    const clients = [
      plainClient(run, 1),
      plainClient(run, 2),
      resumingClient(run, 3),
      resumingClient(run, 4),
      libraryClient(run, 5),
    ];
    await killWhileSending(run, clients, KILLS);
    expect(temporariesIn(root)).toEqual([]);
    expect(run.counts.kills).toBe(KILLS);
    expect(run.counts.stored).toBeGreaterThan(5 * KILLS);
  },
  600_000,
);
