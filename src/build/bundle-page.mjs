/**
 * Bundles the script and the style of the page that `sluice inspect --html` writes. `src/cli/inspect/html.ts` puts them into
 * each page.
 */
import { build } from 'esbuild';
import { fromRoot } from './paths.mjs';

/** @returns esbuild's list of what is in the bundles. */
export async function bundlePage() {
  const { metafile } = await build({
    entryPoints: [
      { in: fromRoot('src/web/inspect/file-page.tsx'), out: 'page' },
      { in: fromRoot('src/web/style/file-page.css'), out: 'page' },
    ],
    outdir: fromRoot('dist/cli'),
    bundle: true,
    // A page is one file, opened from the disk: there a browser loads no modules.
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
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
