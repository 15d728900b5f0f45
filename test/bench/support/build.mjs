// A build of the project that is measured: this checkout's own, or another's (`--against DIR`). What a benchmark
// measures comes from here, so that it is the same benchmark for every build.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** A folder that is no build of the project; its message says what to do. */
export class NoBuild extends Error {}

/**
 * Opens a checkout with its own `dist/` and `node_modules/`.
 *
 * @param dir the checkout's folder, which has the `package.json`.
 * @returns `main` is the file of its command line; `commit` names what is checked out there.
 * @throws NoBuild when there is no such folder, or nothing is built in it.
 */
export function openBuild(dir) {
  const root = resolve(dir);
  if (!existsSync(root)) throw new NoBuild(`${dir}: there is no such folder`);
  if (!existsSync(join(root, 'package.json'))) {
    throw new NoBuild(`${dir}: it has no package.json; name the folder of a checkout of the project`);
  }
  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const faces = Object.values(exports ?? {}).map((face) => face?.default);
  const main = join(root, bin?.sluice ?? 'dist/cli/main.js');
  const files = faces.filter((face) => face?.endsWith('.js')).map((face) => join(root, face));
  const missing = [main, ...files].find((file) => !existsSync(file));
  if (missing !== undefined) {
    const how = `build it first: (cd ${root} && npm ci && npm run build)`;
    throw new NoBuild(`${dir}: it has no dist, or only a part (${missing} is not there); ${how}`);
  }
  return { dir: root, main, files, commit: commitOf(root), stale: isStale(root, main) };
}

/** The build of this checkout. */
export const ownBuild = openBuild(fileURLToPath(new URL('../../..', import.meta.url)));

function commitOf(root) {
  try {
    const git = (...args) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: 'pipe' });
    const changed = git('status', '--porcelain', '--', 'src').trim() !== '' ? ' with changes' : '';
    return `${git('log', '-1', '--format=%h %s').trim()}${changed}`;
  } catch {
    return 'not in git';
  }
}

/** Whether a source file was written after the build was. */
function isStale(root, main) {
  const src = join(root, 'src');
  if (!existsSync(src)) return false;
  const built = statSync(main).mtimeMs;
  return readdirSync(src, { recursive: true }).some((name) => statSync(join(src, name)).mtimeMs > built);
}

/**
 * Loads what a benchmark measures from the faces of a build's package, whichever of them exports it.
 *
 * @param names exported names; a list is one thing under several names, the newest first.
 * @returns the values under the names given, the first of each list; and `rxjs`, the copy that this build uses.
 * @example const { deframe, fromSocket } = await load(build, 'deframe', ['fromSocket', 'socketConnection']);
 */
export async function load(build, ...names) {
  const all = {};
  for (const file of build.files) Object.assign(all, await import(pathToFileURL(file).href));
  const rxjs = createRequire(join(build.dir, 'package.json'))('rxjs');
  const loaded = names.map((each) => {
    const known = [each].flat();
    const found = known.find((name) => name in all);
    if (found === undefined) throw new Error(`the build in ${build.dir} exports no ${known.join(' or ')}`);
    return [known[0], all[found]];
  });
  return { rxjs, ...Object.fromEntries(loaded) };
}

/**
 * Measures a build in a process of its own, so that what another build has compiled or left on the heap is not in its
 * way: runs `node SCRIPT --run DIR ARGS…`, which prints a line of JSON.
 */
export async function measureApart(script, build, args = [], { env, before = [] } = {}) {
  const [program, ...rest] = [
    ...before,
    process.execPath,
    fileURLToPath(script),
    '--run',
    build.dir,
    ...args,
  ];
  const { stdout } = await promisify(execFile)(program, rest, { env: { ...process.env, ...env } });
  return JSON.parse(stdout);
}

/** Whether this process is one that `measureApart` started for that script: if so, its build and arguments. */
export function measuredHere(script) {
  const [, path, run, dir, ...args] = process.argv;
  if (run !== '--run' || pathToFileURL(path ?? '').href !== script) return undefined;
  return { build: openBuild(dir), args };
}
