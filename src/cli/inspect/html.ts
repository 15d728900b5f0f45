/**
 * Writes a recording as a page: one file that needs nothing but a browser.
 *
 * Captured bytes are in the page only as data, in JSON without a `<`, and its script shows them as text. The page's
 * policy names the one script and the style by their hashes, so that nothing else can run or be loaded.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { formatCountOf } from '../../base/units.ts';
import { isCaptureFault } from '../../capture/capture-fault.ts';
import type { InspectEvent } from '../../capture/inspect/inspect-event.ts';
import { createCollector } from '../../web/inspect/data/collect.ts';
import type { PageUpdate } from '../../web/inspect/data/page-data.ts';
import { nameOf } from '../replay/read.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import { FRAMING_OPTIONS } from './words.ts';
import { refuseOriginal, writeWhole } from './write-whole.ts';

export interface PageOptions {
  /** The captures; `-` is stdin. */
  readonly files: readonly string[];
  /** Where to write the page; `-` is stdout. */
  readonly to: string;
  readonly output: Output;
}

/**
 * Writes the page into a temporary file, and renames that when it is whole. For a damaged capture it writes a page of
 * the part before the damage, and then throws an `ExitError`.
 */
export async function writePage(
  events: AsyncIterable<readonly InspectEvent[]>,
  { files, to, output }: PageOptions,
): Promise<number> {
  if (to !== '-') refuseOriginal(files, to, '--html');
  const collector = createCollector(nameOf(files), { framingHint: FRAMING_OPTIONS });
  let fault: string | null = null;
  try {
    for await (const batch of events) for (const event of batch) collector.take(event);
  } catch (thrown) {
    if (!isCaptureFault(thrown)) throw thrown;
    fault = thrown.message;
  }
  const data = collector.flush(fault);
  const { conversations, frames } = data.totals;
  if (conversations > 0) {
    if (to === '-') await output.bytes(Buffer.from(pageOf(data)));
    else {
      await writeWhole(to, '--html -', async (file) => file.writeFile(pageOf(data)));
      output.line(
        `${printable(to)}: ${formatCountOf(conversations, 'conversation')}, ${formatCountOf(frames, 'frame')}`,
      );
      output.flush();
    }
  }
  if (fault !== null) throw exitError(exitStatus.failed, printable(fault));
  return conversations;
}

/** Reads the script or the style of the page: `src/build/bundle-page.mjs` makes them when Sluice is built. */
const part = (name: 'page.js' | 'page.css'): string =>
  readFileSync(new URL(`../cli/${name}`, import.meta.url), 'utf8');

export function pageOf(data: PageUpdate): string {
  const [code, style] = [part('page.js'), part('page.css')];
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(code)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>sluice inspect</title>
<style>${style}</style>
</head>
<body>
<div id="page"></div>
<noscript>This page draws with JavaScript, which is switched off.</noscript>
<script type="application/json" id="capture">${inScript(JSON.stringify(data, asJson))}</script>
<script>${code}</script>
</body>
</html>
`;
}

const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;

/** Lists of numbers as they are, and bytes in base64. */
function asJson(_: string, value: unknown): unknown {
  if (value instanceof Float64Array || value instanceof Uint32Array) return Array.from(value);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64');
  return value;
}

/** Escapes JSON so that no tag can begin or end in it. */
const inScript = (json: string): string =>
  json.replace(/[<>&\u2028\u2029]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`);
