/**
 * Bundles the page of `sluice serve --web` into `dist/web/`: an `index.html` that is asked for again each time, and files
 * under `assets/` whose names change with what is in them. Each has a copy that is compressed already.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, relative } from 'node:path';
import { brotliCompressSync, constants as zlib } from 'node:zlib';
import { build } from 'esbuild';
import { fromRoot } from './paths.mjs';

const OUT = fromRoot('dist/web');
/** What is started by a URL of its own, rather than imported. */
const WORKERS = ['inspect/read/inspect-worker', 'uploads/hash-worker'];

/** @returns esbuild's list of what is in the bundles. */
export async function bundleWeb() {
  const shared = {
    outdir: OUT,
    outbase: fromRoot('src/web'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    entryNames: 'assets/[name]-[hash]',
    chunkNames: 'assets/[name]-[hash]',
    assetNames: 'assets/[name]-[hash]',
    alias: { '#checksums': fromRoot('src/client/checksums/portable.ts') },
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
    metafile: true,
    write: false,
  };
  // The page learns by `WORKER_URLS` how the files of its workers are called.
  const workers = await build({
    ...shared,
    entryPoints: WORKERS.map((name) => fromRoot(`src/web/${name}.ts`)),
  });
  const urls = Object.fromEntries(WORKERS.map((name) => [name, `./${outputOf(workers, name)}`]));
  const page = await build({
    ...shared,
    entryPoints: ['main.tsx', 'style/main.css', 'icon.svg'].map((name) => fromRoot(`src/web/${name}`)),
    loader: { '.svg': 'copy' },
    splitting: true,
    define: { WORKER_URLS: JSON.stringify(urls) },
  });
  const html = readFileSync(fromRoot('src/web/index.html'), 'utf8')
    .replace('icon.svg', outputOf(page, 'icon.svg'))
    .replace('main.css', outputOf(page, 'style/main.css'))
    .replace('main.tsx', outputOf(page, 'main.tsx'));
  for (const { path, contents } of [...workers.outputFiles, ...page.outputFiles]) write(path, contents);
  write(`${OUT}/index.html`, Buffer.from(html));
  return { outputs: { ...workers.metafile.outputs, ...page.metafile.outputs } };
}

/** The file that was made of an entry, relative to the page. */
function outputOf({ metafile }, entry) {
  const isIt = ({ entryPoint }) =>
    entryPoint !== undefined && entryPoint.replace(/\.ts$/, '') === `src/web/${entry}`.replace(/\.ts$/, '');
  const found = Object.entries(metafile.outputs).find(([, output]) => isIt(output));
  if (found === undefined) throw new Error(`nothing was made of ${basename(entry)}`);
  return relative(OUT, fromRoot(found[0])).replaceAll('\\', '/');
}

/**
 * A copy is compressed by Brotli, where that makes it smaller. All browsers take it over TLS, also from a proxy; over plain
 * HTTP on one machine nothing is won by compression. So copies by gzip would only make the package larger.
 */
function write(path, bytes) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  if (!['.js', '.css', '.html', '.svg'].includes(extname(path))) return;
  const copy = brotliCompressSync(bytes, { params: { [zlib.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  if (copy.length < bytes.length) writeFileSync(`${path}.br`, copy);
}
