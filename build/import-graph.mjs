/** Which modules and packages each source imports, as esbuild finds it: without what are only types. */
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { fromRoot } from './paths.mjs';

/** @param entries files; all that they lead to is in the graph. */
export async function importGraph(entries) {
  const { metafile } = await build({
    absWorkingDir: fromRoot('.'),
    entryPoints: entries,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'never-written',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const imports = new Map(
    Object.entries(metafile.inputs).map(([file, input]) => [
      fromRoot(file),
      input.imports.map(({ path, external }) => (external ? path : resolve(fromRoot('.'), path))),
    ]),
  );

  /** Whether a module imports a package, itself or through another. */
  function leadsTo(module, name, seen = new Set()) {
    if (seen.has(module)) return false;
    seen.add(module);
    return (imports.get(module) ?? []).some((each) => each === name || leadsTo(each, name, seen));
  }

  return {
    leadsTo,
    /** The modules that import none of these packages, themselves or through another. */
    modulesWithout: (names) =>
      [...imports.keys()].filter((module) => !names.some((name) => leadsTo(module, name))),
  };
}
