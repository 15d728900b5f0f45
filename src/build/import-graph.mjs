/** Which modules and packages each source imports, as esbuild finds it: without what are only types. */
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { fromRoot } from './paths.mjs';

/**
 * @param entries files; all that they lead to is in the graph.
 * @param alias the files that specifiers lead to which are no paths.
 */
export async function importGraph(entries, alias) {
  const { metafile } = await build({
    absWorkingDir: fromRoot('.'),
    entryPoints: entries,
    bundle: true,
    packages: 'external',
    alias,
    platform: 'node',
    format: 'esm',
    outdir: 'never-written',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const absolute = (path) => resolve(fromRoot('.'), path);
  const imports = new Map(
    Object.entries(metafile.inputs).map(([file, input]) => [
      absolute(file),
      input.imports.map(({ path, kind, external }) => ({ to: external ? path : absolute(path), kind })),
    ]),
  );

  /** Adds what a module imports, itself or through another, to `reached`: modules and packages, not what it loads later. */
  function reach(module, reached = new Set()) {
    if (reached.has(module)) return reached;
    reached.add(module);
    for (const { to, kind } of imports.get(module) ?? []) if (kind !== 'dynamic-import') reach(to, reached);
    return reached;
  }

  const modules = [...imports.keys()];
  const reached = new Map(modules.map((module) => [module, reach(module)]));
  return {
    modules,
    /** What a module imports, itself or through another. */
    reachedFrom: (module) => reached.get(module),
    /** The modules that are imported only when they are needed. */
    loadedLater: modules.filter((module) =>
      [...imports.values()].flat().some(({ to, kind }) => to === module && kind === 'dynamic-import'),
    ),
  };
}
