/** Uploading with the page, in Chromium. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { need } from '../support/install-tools.ts';
import { dropPaths, startChromium } from '../support/web/browser.ts';
import { pageServer } from '../support/web/page-server.ts';
import { pattern } from '../transport/connection-helpers.ts';

describe.skipIf(!need('chromium'))('the uploads of the page', () => {
  let browser: Browser;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-web-'));
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A server, and a page of it in a browser that knows nothing yet. */
  async function opened() {
    const store = memoryStore();
    const server = await pageServer(store);
    const context: BrowserContext = await browser.newContext();
    const page: Page = await context.newPage();
    onTestFinished(async () => {
      await context.close();
      await server.stop();
    });
    await page.goto(server.url);
    return { store, server, context, page };
  }

  test('a folder of 250 files and more below is dropped, and all of it is stored under its paths', async () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'below'), { recursive: true });
    for (let i = 0; i < 250; i++) writeFileSync(join(tree, `${i}.txt`), pattern(i));
    writeFileSync(join(tree, 'below', 'größe.txt'), pattern(2_000_000));
    const { store, page } = await opened();
    await page.locator('.uploads').waitFor();
    await dropPaths(page, [tree]);
    await page.getByText('251 of 251 stored').waitFor();
    expect(store.contents.size).toBe(251);
    expect(Buffer.compare(store.contents.get('tree/below/größe.txt')!.bytes, pattern(2_000_000))).toBe(0);
    expect(store.contents.get('tree/249.txt')!.bytes.length).toBe(249);
  });
});
