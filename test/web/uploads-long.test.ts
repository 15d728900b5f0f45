/** What takes long: thousands of files, and one that is larger than the memory that the page may take. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { endAll, type Serving, startServe } from '../support/processes/cli.ts';
import { isLongest } from '../support/random/cases.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';
import { dropPaths, startChromium } from '../support/web/browser.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** Milliseconds that a slow machine may take for each. */
const PATIENCE_MS = 400_000;
/** What the page may have in memory: its code and its list, and far less than the file. */
const RENDERER_BYTES_MAX = 400 * MIB;
/** Milliseconds for which the page may stand still; a machine that does other things needs its time. */
const TASK_MS_MAX = 500;

const NOTES_LONG_TASKS = `
  globalThis.longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
  }).observe({ type: 'longtask', buffered: true });
`;

/** The most that any process of a page has had in memory. */
async function peakOf(browser: Browser): Promise<number> {
  const cdp = await browser.newBrowserCDPSession();
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo');
  await cdp.detach();
  const peaks = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, 'latin1')))
    .map((found) => Number(found?.[1] ?? 0) * 1024);
  return Math.max(...peaks);
}

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes);
  return hash.digest('hex');
};

describe.skipIf(!isLongest || !need('chromium'))('the uploads of the page, in long', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium(['--js-flags=--max-old-space-size=64']);
  });
  afterAll(async () => {
    await browser?.close();
    await endAll();
  });

  async function opened(url: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(NOTES_LONG_TASKS);
    await page.goto(url);
    await page.locator('.uploads').waitFor();
    return page;
  }

  const served = async (root: string, port = 0): Promise<Serving & { readonly url: string }> => {
    const serving = await startServe(root, ['--web', `127.0.0.1:${port}`]);
    const [, url] = await serving.said(/^page on (http\S+)$/m);
    return { ...serving, url: url! };
  };

  test('5,000 files of a folder are stored, and the page never stands still', async () => {
    const [root, tree] = [tempFolder(), tempFolder()];
    for (let i = 0; i < 5_000; i++) {
      mkdirSync(join(tree, `${i % 50}`), { recursive: true });
      writeFileSync(join(tree, `${i % 50}`, `${i}.txt`), `${i}`);
    }
    const server = await served(root);
    const page = await opened(server.url);
    await dropPaths(
      page,
      readdirSync(tree).map((name) => join(tree, name)),
    );
    await page.getByText('5,000 of 5,000 stored').waitFor();
    expect(readFileSync(join(root, '49', '4999.txt'), 'utf8')).toBe('4999');
    const longest = Number(await page.evaluate('globalThis.longest'));
    expect(longest).toBeLessThan(TASK_MS_MAX);
    await page.context().close();
    server.child.kill('SIGKILL');
    await server.done;
  });

  test('1 GiB is verified and stored in a page that may take a part of that, by a server that is killed on the way', async () => {
    const [root, folder] = [tempFolder(), tempFolder()];
    const path = join(folder, 'large.bin');
    writeFileSync(path, 'begin');
    truncateSync(path, GIB);
    const first = await served(root);
    const page = await opened(first.url);
    await page.getByLabel('Verify by SHA-256').check();
    await page.locator('input[data-picks=files]').setInputFiles(path);
    const status = page.locator('.upload-status');
    await status.getByText(/^[2-9]\d\d MiB of/).waitFor();
    first.child.kill('SIGKILL');
    await first.done;
    await status.getByText(/^Waiting for the network/).waitFor();
    const again = await served(root, Number(new URL(first.url).port));
    await status.getByText(/^Stored/).waitFor();
    expect(await sha256Of(join(root, 'large.bin'))).toBe(await sha256Of(path));
    expect(await peakOf(browser)).toBeLessThan(RENDERER_BYTES_MAX);
    await page.context().close();
    again.child.kill('SIGKILL');
    await again.done;
  });
});
