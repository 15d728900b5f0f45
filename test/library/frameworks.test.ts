/**
 * The examples for frameworks, in `src/demo/frameworks/`: compiled against the packed tarball as a user has it, and then run, each
 * in its framework.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type InstalledPackage, installPackage, root, tsc } from '../support/processes/installed-package.ts';

const frameworks = [
  ...['@nestjs/common', '@nestjs/core', 'reflect-metadata', '@angular/core'],
  ...['react', '@types/react', 'react-test-renderer', 'ws'],
];
let { project, remove } = {} as InstalledPackage;

beforeAll(() => {
  ({ project, remove } = installPackage(frameworks));
  for (const folder of ['src/demo/frameworks', 'test/support/frameworks'])
    cpSync(join(root, folder), project, { recursive: true });
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2022', 'DOM'],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    experimentalDecorators: true,
    // The declarations of the frameworks are theirs; the package's own are checked with its documents.
    skipLibCheck: true,
    types: ['node'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  execFileSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8', stdio: 'pipe' });
});
afterAll(() => remove());

/** What a program of `test/support/frameworks/` prints. */
async function run(program: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(project, program), ...args], {
    timeout: 120_000,
  });
  return JSON.parse(stdout);
}

describe('the examples for frameworks', () => {
  test('the module of Nest serves files as long as its application runs, and sends them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-nest-'));
    try {
      expect(await run('run-nest.mjs', folder)).toEqual({
        stored: { filename: 'a.txt', size: 5 },
        inStore: 5,
        listening: null,
        afterClose: 'shutting-down',
        refused: 'in-use',
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('the hook of React uploads with progress in strict mode, and leaves nothing behind an unmount', async () => {
    expect(await run('run-react.mjs')).toEqual({
      phases: ['idle', 'sending', 'stored'],
      end: { phase: 'stored', filename: 'photo.jpg', size: 3_000_000 },
      neverFalls: true,
      files: ['photo.jpg'],
    });
  });

  test('the service of Angular has one connection for all, makes it anew, and ends with its injector', async () => {
    expect(await run('run-angular.mjs')).toEqual({
      before: null,
      heard: ['welcome', 'ONE', 'welcome', 'TWO'],
      after: 'TWO',
      connections: 1,
      over: true,
      rejected: 'There is no connection to ws://127.0.0.1:PORT',
    });
  });
});
