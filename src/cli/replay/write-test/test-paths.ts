/** The two files that `--write-test` writes: the test that was named, and the capture beside it. */
import { existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { systemWords } from '../../../files/protocol/system-words.ts';
import { exitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { printable } from '../../shared/format.ts';

export interface TestPaths {
  readonly test: string;
  readonly capture: string;
}

/** Vitest finds tests by these endings. */
const TEST_FILE = /\.(?:test|spec)\.[cm]?[jt]s$/;

/** Parses the path of `--write-test`. */
export function testPath(text: string): string {
  if (TEST_FILE.test(text) && !basename(text).startsWith('.')) return text;
  throw new InvalidArgumentError('It must end in .test.ts or .test.js, as vitest finds tests by that.');
}

/** @example testPathsOf('test/out.test.ts') // { test: 'test/out.test.ts', capture: 'test/out.test.pcapng' } */
export const testPathsOf = (test: string): TestPaths => ({
  test,
  capture: join(dirname(test), basename(test).replace(/\.[cm]?[jt]s$/, '.pcapng')),
});

/** Throws an `ExitError` when the capture would take the place of the recording that it is made of. */
export function refuseOriginal({ capture }: TestPaths, file: string): void {
  if (file === '-' || !existsSync(capture) || !existsSync(file)) return;
  if (realpathSync(capture) !== realpathSync(file)) return;
  throw exitError(
    exitStatus.failed,
    `${printable(file)} is the recording itself: the test needs another name, as its capture would replace it`,
  );
}

/** Throws an `ExitError` when one of the files is there already. */
export function refuseExisting({ test, capture }: TestPaths): void {
  const there = [test, capture].filter((path) => existsSync(path));
  if (there.length === 0) return;
  const names = there.map(printable).join(' and ');
  const are = there.length === 1 ? 'is' : 'are';
  throw exitError(exitStatus.failed, `${names} ${are} there already: --force replaces both files`);
}

/** Writes both files, the test last, so that a test is never without its capture. Throws an `ExitError`. */
export function writeTestFiles(paths: TestPaths, source: string, capture: Uint8Array, force: boolean): void {
  const write = (path: string, content: string | Uint8Array): void => {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content, { flag: force ? 'w' : 'wx' });
    } catch (error) {
      const why = systemWords(error, 'write');
      throw exitError(exitStatus.failed, `${printable(path)} cannot be written: ${why}`);
    }
  };
  write(paths.capture, capture);
  try {
    write(paths.test, source);
  } catch (thrown) {
    if (!force) rmSync(paths.capture, { force: true });
    throw thrown;
  }
}
