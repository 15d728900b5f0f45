/**
 * Bundles the library and the command line, in one run of esbuild, so that they share what both use.
 *
 * - The library leaves its packages to whoever installs it. Above all its RxJS must be the user's.
 * - The command line contains the packages that only it uses, and an RxJS of its own, of which it needs a part: the whole
 *   takes longer to load than Node takes to start. Modules that lead to RxJS are therefore in `dist/` twice: with the
 *   user's, and, named `…?cli`, with that one. All others are shared.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { build, transform } from 'esbuild';
import { importGraph } from './import-graph.mjs';
import { fromRoot } from './paths.mjs';
import { pureConstants } from './pure-constants.mjs';

const TARGET = 'node20';
const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(
  readFileSync(fromRoot('package.json'), 'utf8'),
);
/** Packages that are not bundled, except RxJS for the command line: see `forkOnRxjs`. */
const INSTALLED = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
const CLI = ['cli', 'demo'].map((folder) => fromRoot(`src/${folder}/`));
/** Entries that lead to all modules that import none of these packages, themselves or through another. */
const PARTITIONS = {
  'partition:rxjs': ['rxjs'],
  'partition:ts-pattern': ['ts-pattern'],
  'partition:packages': INSTALLED,
};
/**
 * A module that a face exports as a namespace: a module of its own in `dist/` too. A bundler then follows the namespace to
 * the names of it that are used; esbuild would make an object of all of them.
 */
const NAMESPACE = 'wire/presets/all';
/**
 * An import for the sake of side effects, which no module has. esbuild writes them where a chunk imports modules of which
 * nothing is left.
 */
const BARE_IMPORT = /^import "\.[^"]*";\n/gm;
/** The files that a chunk imports, at once or later. */
const IMPORTED = /(?:\bfrom |\bimport\()"(\.[^"]*)"/g;
/** What esbuild writes where a module of a package begins. */
const PACKAGE = /^\/\/ (?:.*\/)?node_modules\/(?:@[^/\n]+\/)?[^/\n]+\//gm;
/** RxJS as ES modules, of which only what is used is bundled. Its own `exports` name CommonJS for Node. */
const RXJS = fromRoot('node_modules/rxjs/dist/esm/index.js');

/**
 * @param faces the names of the modules below `src/` that can be imported from the package.
 * @param platformModules by specifier, such as `#checksums`: the names of the modules that `imports` of `package.json`
 *   chooses between. The library keeps the specifier, so that whoever runs or bundles it chooses.
 * @returns esbuild's list of what is in the bundles.
 */
export async function bundleAll(faces, platformModules) {
  const choices = Object.values(platformModules).flatMap((choice) => [choice.node, choice.default]);
  const ofLibrary = [...faces, ...choices];
  const names = [...ofLibrary, 'cli/main'];
  const forNode = Object.fromEntries(
    Object.entries(platformModules).map(([specifier, { node }]) => [specifier, sourceOf(node)]),
  );
  const graph = await importGraph(names.map(sourceOf), forNode);
  const { metafile, outputFiles } = await build({
    entryPoints: [
      ...[...names, NAMESPACE].map((name) => ({ in: sourceOf(name), out: name })),
      ...Object.keys(PARTITIONS).map((name) => ({ in: name, out: name })),
    ],
    outdir: fromRoot('dist'),
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: TARGET,
    plugins: [
      partitions(graph, faces),
      namespaces(faces),
      forkOnRxjs(graph),
      byPlatform(forNode),
      sources(graph),
      packagesOfCli,
    ],
    // `notices.mjs` writes all licences into one file.
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  const written = new Map(outputFiles.map(({ path, text }) => [path, text.replace(BARE_IMPORT, '')]));
  const inLibrary = importedBy(written, ofLibrary);
  for (const [path, code] of written) {
    if (Object.hasOwn(PARTITIONS, basename(path, '.js'))) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, inLibrary.has(path) ? code : await withoutSpace(code));
  }
  return metafile;
}

/** The paths of what is written of these entries: their own files, and the chunks that these lead to. */
function importedBy(written, entries) {
  const found = new Set();
  const visit = (path) => {
    if (found.has(path) || !written.has(path)) return;
    found.add(path);
    for (const [, file] of written.get(path).matchAll(IMPORTED)) visit(resolve(dirname(path), file));
  };
  for (const entry of entries) visit(fromRoot(`dist/${entry}.js`));
  return found;
}

/**
 * Nobody reads the command line in `dist/`, and without indentation it is a tenth smaller. Names stay, for stacks; and so
 * do the names of the packages that are bundled, once each.
 */
async function withoutSpace(code) {
  const options = { minifyWhitespace: true, minifySyntax: true, charset: 'utf8', target: TARGET };
  const packages = new Set(code.match(PACKAGE));
  return [...packages, (await transform(code, options)).code].join('\n');
}

/**
 * Keeps modules without RxJS, and those without any package, in other chunks than those with: esbuild joins modules that
 * the same entries lead to, and these entries lead only to the one or the other. A program that imports a preset and is
 * bundled then has no `import 'rxjs'`.
 */
const partitions = (graph, faces) => ({
  name: 'partitions',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^partition:/ }, ({ path }) => ({ path, namespace: 'partition' }));
    onResolve({ filter: /^/, namespace: 'partition' }, ({ path }) => ({ path }));
    // An entry that is marked as free of side effects must not be imported for nothing else, as partitions do.
    onResolve({ filter: /\.ts$/ }, ({ path, kind }) => (kind === 'entry-point' ? { path } : undefined));
    onLoad({ filter: /^/, namespace: 'partition' }, ({ path }) => {
      const isFace = (module) => [...faces, NAMESPACE].some((name) => module === fromRoot(`src/${name}.ts`));
      const leadsTo = (module) => PARTITIONS[path].some((name) => graph.reachedFrom(module).has(name));
      const others = graph.modules.filter(
        (module) => !isOfCli(module) && !isFace(module) && !leadsTo(module),
      );
      return { contents: importsOf(others) };
    });
  },
});

/** Has the faces import a namespace from its module. */
const namespaces = (faces) => ({
  name: 'namespaces',
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ path, importer, resolveDir }) => {
      const isOfFace = faces.some((name) => importer === fromRoot(`src/${name}.ts`));
      const isIt = resolve(resolveDir, path) === fromRoot(`src/${NAMESPACE}.ts`);
      return isOfFace && isIt ? { path: `./${NAMESPACE}.js`, external: true } : undefined;
    });
  },
});

/** Gives the command line the part of RxJS that it uses, and its own copy of each module that leads to it. */
const forkOnRxjs = (graph) => ({
  name: 'fork-on-rxjs',
  setup({ onResolve }) {
    onResolve({ filter: /^[^.#]/ }, (args) => {
      if (args.path === 'rxjs' && isFromCli(args)) return { path: RXJS, sideEffects: false };
      return INSTALLED.includes(args.path) ? { path: args.path, external: true } : undefined;
    });
    onResolve({ filter: /^\..*\.ts$/ }, resolveSource(graph));
  },
});

/** The library leaves these specifiers to whoever loads it; the command line runs in Node. */
const byPlatform = (forNode) => ({
  name: 'by-platform',
  setup({ onResolve }) {
    onResolve({ filter: /^#/ }, (args) =>
      isFromCli(args)
        ? { path: forNode[args.path] }
        : { path: args.path, external: true, sideEffects: false },
    );
  },
});

const sourceOf = (name) => fromRoot(`src/${name}.ts`);
const isOfCli = (path) => CLI.some((folder) => path.startsWith(folder));
const isFromCli = ({ importer, pluginData }) => pluginData?.forked === true || isOfCli(importer);

const resolveSource = (graph) => (args) => {
  const path = resolve(args.resolveDir, args.path);
  const forked = isFromCli(args) && !isOfCli(path) && graph.reachedFrom(path)?.has('rxjs');
  return { path, ...(forked ? { suffix: '?cli' } : {}) };
};

const importsOf = (modules) => modules.map((module) => `import ${JSON.stringify(module)};`).join('\n');

/** Loads the sources. */
const sources = (graph) => ({
  name: 'sources',
  setup({ onLoad, onResolve }) {
    const client = fromRoot('src/cli/client-commands.ts');
    const others = graph.loadedLater.filter((module) => module !== client);
    onLoad({ filter: /\.ts$/, namespace: 'file' }, async ({ path, suffix }) => {
      const source = await readFile(path, 'utf8');
      const { code } = await transform(source, {
        loader: 'ts',
        target: TARGET,
        charset: 'utf8',
        sourcefile: path,
      });
      const contents = isOfCli(path) ? code : pureConstants(code);
      const sharing = others.includes(path) ? `import 'shared-with-client:';\n` : '';
      return { contents: contents + sharing, loader: 'js', pluginData: { forked: suffix === '?cli' } };
    });
    // Modules that `sluice put` shares with any other command are made to be shared with all of them. Otherwise they would
    // be in dozens of chunks, one for each set of commands, and each file takes time to load.
    onResolve({ filter: /^shared-with-client:/ }, ({ path }) => ({ path, namespace: 'shared' }));
    onResolve({ filter: /^/, namespace: 'shared' }, resolveSource(graph));
    onLoad({ filter: /^/, namespace: 'shared' }, () => {
      const ofOthers = new Set(others.flatMap((module) => [...graph.reachedFrom(module)]));
      const shared = [...graph.reachedFrom(client)].filter(
        (module) => ofOthers.has(module) && graph.modules.includes(module),
      );
      return { contents: importsOf(shared), pluginData: { forked: true } };
    });
  },
});

/** The packages in the command line: small, and without the `require` that an ES module does not have. */
const packagesOfCli = {
  name: 'packages-of-cli',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/, namespace: 'file' }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const { code } = await transform(source, { target: TARGET, charset: 'utf8', minify: true });
      return { contents: code, loader: 'js' };
    });
    onResolve({ filter: /^[a-z_:/]+$/ }, ({ path, kind }) =>
      kind === 'require-call' && process.getBuiltinModule(path) !== undefined
        ? { path, namespace: 'builtin' }
        : undefined,
    );
    onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
