/**
 * Writes a recording as a page: one file that needs nothing but a browser.
 *
 * Captured bytes are in the page only as data, in JSON without a `<`, and its script shows them as text. The page's
 * policy names the one script and the style by their hashes, so that nothing else can run or be loaded.
 */

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatCountOf } from '../../base/units.ts';
import { isCaptureFault } from '../../capture/capture-fault.ts';
import type { InspectEvent } from '../../capture/inspect/inspect-event.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { createCollector } from '../../web/inspect/data/collect.ts';
import type { PageUpdate } from '../../web/inspect/data/page-data.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import type { Output } from '../shared/output.ts';
import { checkReplaceable } from '../transfer/place-file.ts';
import { FRAMING_OPTIONS } from './words.ts';

export interface PageOptions {
  /** The capture; `-` is stdin. */
  readonly file: string;
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
  { file, to, output }: PageOptions,
): Promise<number> {
  if (to !== '-' && isSameFile(file, to))
    throw usageError(`--html would overwrite the capture ${printable(file)}`);
  const collector = createCollector(file === '-' ? 'standard input' : file, { framingHint: FRAMING_OPTIONS });
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
      await writeWhole(to, pageOf(data));
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

function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    // A file that does not exist is not the same as another.
    return false;
  }
}

async function writeWhole(to: string, text: string): Promise<void> {
  const temporary = join(dirname(to), `.${randomUUID()}.part`);
  try {
    checkReplaceable(to, '--html -');
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    await rename(temporary, to);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? `there is no folder ${printable(dirname(to))}` : systemWords(error, 'write');
    throw exitError(exitStatus.failed, `${printable(to)} cannot be written: ${why}`);
  }
}
