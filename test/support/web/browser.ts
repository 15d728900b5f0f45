/** Debian's Chromium. */
import { type Browser, type Page as BrowserPage, type CDPSession, chromium } from 'playwright-core';
import { pathOf } from '../install-tools.ts';

/** How long the browser may take to start; a busy machine needs its time. */
const PATIENCE_MS = 120_000;

export const startChromium = (args: readonly string[] = []): Promise<Browser> =>
  chromium.launch({
    executablePath: pathOf('chromium')!,
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
    timeout: PATIENCE_MS,
  });

/** Drops files and folders of this machine in the middle of a page, as the desktop would. */
export async function dropPaths(page: BrowserPage, files: readonly string[]): Promise<void> {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await cdp.send('Input.dispatchDragEvent', { type, x: 300, y: 200, data });
  await cdp.detach();
}
