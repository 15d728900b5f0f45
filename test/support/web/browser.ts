/** Debian's Chromium. */
import {
  type Browser,
  type BrowserContext,
  type Page as BrowserPage,
  type CDPSession,
  chromium,
} from 'playwright-core';
import { pathOf } from '../install-tools.ts';

/** How long the browser may take to start; a busy machine needs its time. */
const PATIENCE_MS = 120_000;

/**
 * What of the browser's own there is no need for: pages of its address bar, which take a quarter of the time, and services
 * of the network; and what makes a test wait or ask otherwise than a user would. Playwright's list is replaced by this.
 */
const WITHOUT = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'AimEnabled',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
];

const optionsOf = (args: readonly string[]) => ({
  executablePath: pathOf('chromium')!,
  args: ['--no-sandbox', '--disable-dev-shm-usage', `--disable-features=${WITHOUT}`, ...args],
  timeout: PATIENCE_MS,
});

export const startChromium = (args: readonly string[] = []): Promise<Browser> =>
  chromium.launch(optionsOf(args));

/** A browser that keeps what it knows in a folder, for the next one that is started there. */
export const startProfile = (folder: string): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, optionsOf([]));

/** Drops files and folders of this machine in the middle of a page, as the desktop would. */
export async function dropPaths(page: BrowserPage, files: readonly string[]): Promise<void> {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await cdp.send('Input.dispatchDragEvent', { type, x: 300, y: 200, data });
  await cdp.detach();
}
