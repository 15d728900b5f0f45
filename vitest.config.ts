import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { casesFactor } from './test/support/random/cases.ts';

const TIMEOUT_MS = 180_000 * Math.max(1, casesFactor);

/** These count what a process holds while thousands of sockets are theirs, or run other programs that do. */
const OF_PROCESSES = /^test\/(bench|library\/package|e2e\/resilience\/(bounds|many-connections))\b/;

/**
 * What a test does to its whole process, or counts of it: memory, descriptors, modules, what is not undone behind it. The
 * file of such a test has a process of its own. The clock, the environment and what is spied on are as they were when a
 * file is over (`test/support/as-it-was.ts`), and a worker runs one file at a time.
 */
const OF_THE_WHOLE_PROCESS = new RegExp(
  [
    String.raw`\bvi\.(mock|doMock|stubGlobal|spyOn\(globalThis)\b`,
    String.raw`\bprocess\.(memoryUsage|on|once|chdir|umask|getActiveResourcesInfo)\b`,
    String.raw`/proc/self/fd|setFlagsFromString|\bgc\(`,
  ].join('|'),
);

/** A test that starts processes, or that has each operation of a store fail in turn, takes longer than its size says. */
const TAKES_LONG =
  /node:child_process|support\/(engines\/engines|processes\/cli|captures\/tshark|stores\/(crash-run|fs-intercepted|faulty-fs))\b/;

/** Begins with the files that take long, so that none of them is left alone at the end while all other workers are idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // In the order of projects; below it by how long they took the last time, where that is known, else by size.
    const sorted = await super.sort(files);
    const [first] = sorted;
    const rank = ({ project, moduleId }: TestSpecification) =>
      (project === first?.project ? 0 : 2) + (TAKES_LONG.test(readFileSync(moduleId, 'utf8')) ? 0 : 1);
    const ranks = new Map(sorted.map((file) => [file, rank(file)]));
    return sorted.sort((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0));
  }
}

const alone = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file}`)
  .filter((file) => OF_PROCESSES.test(file) || OF_THE_WHOLE_PROCESS.test(readFileSync(file, 'utf8')));

/** The sources import it by the `imports` of `package.json`, which lead to what is built of them. */
const resolve = {
  alias: { '#checksums': fileURLToPath(new URL('src/client/checksums/node.ts', import.meta.url)) },
};

const common = {
  pool: 'forks',
  setupFiles: ['test/support/random/one-seed.ts', 'test/support/as-it-was.ts'] as string[],
  // They assert nothing: they end what hangs, also on a machine that is busy with other things.
  testTimeout: TIMEOUT_MS,
  hookTimeout: TIMEOUT_MS,
  expect: { poll: { timeout: TIMEOUT_MS / 2 } },
} as const;

export default defineConfig({
  test: {
    globalSetup: [
      'test/support/install-tools.ts',
      'test/support/engines/end-engines.ts',
      'test/support/random/choose-seed.ts',
    ],
    // Two more than there are cores: many tests wait for a process, a disk or a timer.
    maxWorkers: availableParallelism() + 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { resolve, test: { ...common, name: 'alone', include: alone } },
      // What these import is loaded once a worker, rather than once a file: that would take longer than they do.
      {
        resolve,
        test: {
          ...common,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          isolate: false,
        },
      },
    ],
  },
});
