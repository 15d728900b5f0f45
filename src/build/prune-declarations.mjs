/** Removes the declarations that no face of the package leads to: nobody can import them. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fromRoot } from './paths.mjs';

const SPECIFIER = /\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g;

/** @param faces the names of the modules that can be imported from the package. */
export function pruneDeclarations(faces) {
  const reached = new Set();
  for (const face of faces) reach(fromRoot(`dist/${face}.d.ts`), reached);
  const dist = fromRoot('dist');
  for (const file of readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.d.ts'))) {
    const path = join(dist, file);
    if (!reached.has(path)) rmSync(path);
  }
}

/** Adds a file, and all that it imports, to `reached`. */
function reach(path, reached) {
  if (reached.has(path)) return;
  reached.add(path);
  for (const [, specifier] of readFileSync(path, 'utf8').matchAll(SPECIFIER)) {
    const imported = resolve(dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts'));
    // An example in a docstring may import what is no file of the package.
    if (existsSync(imported)) reach(imported, reached);
  }
}
