/**
 * Bundles the script of the page that `sluice inspect --html` writes. `src/cli/inspect/html.ts` puts the result into
 * each page.
 */
import { build } from 'esbuild';
import { fromRoot } from './paths.mjs';

/** @returns esbuild's list of what is in the bundle. */
export async function bundlePage() {
  const { metafile } = await build({
    entryPoints: [fromRoot('src/cli/inspect/page/app.ts')],
    outfile: fromRoot('dist/cli/page.js'),
    bundle: true,
    // A page is one file, opened from the disk: there a browser loads no modules.
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    // A page holds up to megabytes of a capture, so minifying its script would save little. As it is, whoever gets a
    // page can read what it runs.
    minify: false,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
    metafile: true,
  });
  return metafile;
}
