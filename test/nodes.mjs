/**
 * `npm run test:nodes -- [--node VERSION]… [FILE]…`: runs the tests, or the files named, on each line of Node that
 * `engines` in `package.json` names, but for the one that runs this. `--node` runs them on that version instead.
 *
 * npm's package `node` brings the programs, into a folder that is removed at the end. Ends with status 1 when the tests
 * fail on one of them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: { node: { type: 'string', multiple: true } },
});

const running = process.versions.node.split('.')[0];
const lines = engines.node.split('||').flatMap((range) => /\d+/.exec(range) ?? []);
const versions = values.node ?? lines.filter((line) => line !== running);

/** Installs a version of Node; returns the folder of its program. */
function install(version, folder) {
  // A script of the package fetches the program for this machine.
  writeFileSync(join(folder, 'package.json'), '{ "allowScripts": { "node": true } }');
  const args = ['install', '--ignore-scripts=false', '--no-audit', '--no-fund', `node@${version}`];
  execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(folder, 'node_modules/node/bin');
}

/** Runs the tests on a version of Node; returns whether they passed. */
function testOn(version) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-node-'));
  try {
    const bin = install(version, folder);
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
    const program = join(bin, 'node');
    console.log(`On Node ${execFileSync(program, ['--version'], { encoding: 'utf8' }).trim()}:`);
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    return spawnSync(program, [vitest, 'run', ...files], { cwd: root, env, stdio: 'inherit' }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const failed = versions.filter((version) => !testOn(version));
console.log(
  failed.length === 0 ? `Passed on Node ${versions.join(', ')}.` : `Failed on Node ${failed.join(', ')}.`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
