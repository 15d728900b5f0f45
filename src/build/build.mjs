/**
 * `npm run build`: makes `dist/`. The library is a module for each source, beside its declarations; the command line is
 * a bundle.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { bundleAll } from './bundle.mjs';
import { bundlePage } from './bundle-page.mjs';
import { bundleWeb } from './bundle-web.mjs';
import { writeNotices } from './notices.mjs';
import { fromRoot } from './paths.mjs';
import { pruneDeclarations } from './prune-declarations.mjs';

const { exports, imports } = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8'));
const faces = Object.values(exports).flatMap(({ types }) => /^\.\/dist\/(.*)\.d\.ts$/.exec(types)?.[1] ?? []);
/** By the specifiers of `imports`: the name of the module for Node, and of that for any other platform. */
const platformModules = Object.fromEntries(
  Object.entries(imports).map(([specifier, targets]) => [
    specifier,
    { node: moduleName(targets.node), default: moduleName(targets.default) },
  ]),
);

// What an earlier build has left must not get into the package.
rmSync(fromRoot('dist'), { recursive: true, force: true });
execFileSync(
  process.execPath,
  [fromRoot('node_modules/typescript/bin/tsc'), '-p', fromRoot('tsconfig.build.json')],
  { stdio: 'inherit' },
);
pruneDeclarations(faces);
const metafiles = await Promise.all([bundleAll(faces, platformModules), bundlePage(), bundleWeb()]);
writeNotices(metafiles, 'dist/cli/NOTICES.txt');
chmodSync(fromRoot('dist/cli/main.js'), 0o755);

/** The name of a module below `src/`, of its path in the package. */
function moduleName(path) {
  return /^\.\/dist\/(.*)\.js$/.exec(path)[1];
}
