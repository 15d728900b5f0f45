/** Pages that upload to a server whose store can be held up, and the files they are given: for all tests of a file. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { Principal } from '../../../src/files/protocol/access.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { cuttingProxy } from '../network/cutting-proxy.ts';
import { startChromium } from './browser.ts';
import { gatedStore } from './gated-store.ts';
import { pageServer } from './page-server.ts';

interface Opening {
  /** Runs in each page before the page's own. */
  readonly script?: string;
  readonly principal?: Partial<Principal>;
  readonly isProxied?: boolean;
}

/** One browser and one folder for all tests of a file, which are gone after the last of them. */
export function uploadingPages() {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-web-'));
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A server whose store can be held up, and a page of it in a browser that knows nothing yet. */
  async function opened({ script = '', principal = {}, isProxied = false }: Opening = {}) {
    const store = gatedStore();
    const server = await pageServer(store, principal);
    const proxy = isProxied ? await cuttingProxy(server.port, []) : null;
    const context = await browser.newContext();
    if (script !== '') await context.addInitScript(script);
    onTestFinished(async () => {
      store.takeUpTo(Number.POSITIVE_INFINITY);
      await context.close();
      await server.stop();
    });
    const url = proxy === null ? server.url : `http://127.0.0.1:${proxy.port}/`;
    const dialogs: string[] = [];
    const open = async (): Promise<Page> => {
      const page = await context.newPage();
      page.on('dialog', (dialog) => {
        dialogs.push(dialog.type());
        void dialog.accept();
      });
      await page.goto(url);
      await page.locator('.uploads').waitFor();
      return page;
    };
    return { store, server, proxy, dialogs, open, page: await open() };
  }

  /** Writes a file, and says where. */
  function file(name: string, size: number, modified = 1_700_000_000): string {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, pattern(size));
    utimesSync(path, modified, modified);
    return path;
  }

  return { folder, opened, file };
}

export const pick = (page: Page, ...paths: string[]): Promise<void> =>
  page.locator('input[data-picks=files]').setInputFiles(paths);

export const uploadRow = (page: Page, name: string) =>
  page.locator(`.upload[data-name=${JSON.stringify(name)}]`);

/** The row of a file, when it says this. */
export const says = (page: Page, name: string, text: string | RegExp): Promise<void> =>
  uploadRow(page, name).getByText(text).waitFor();
