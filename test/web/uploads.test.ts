/** Uploading with the page, in Chromium. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Principal } from '../../src/files/protocol/access.ts';
import { need } from '../support/install-tools.ts';
import { cuttingProxy } from '../support/network/cutting-proxy.ts';
import { faultsOf } from '../support/web/axe.ts';
import { dropPaths, startChromium, startProfile } from '../support/web/browser.ts';
import { gatedStore } from '../support/web/gated-store.ts';
import { pageServer } from '../support/web/page-server.ts';
import { pattern } from '../transport/connection-helpers.ts';

const MIB = 1024 * 1024;
/** What may be sent once more after a break: a window of each of two connections. */
const SENT_TWICE_MAX = 8 * MIB;

/** A browser that never says that anything waits in a socket, and how many bytes it was given. */
const LIES = `
  Object.defineProperty(WebSocket.prototype, 'bufferedAmount', { get: () => 0 });
  const { send } = WebSocket.prototype;
  globalThis.given = 0;
  WebSocket.prototype.send = function (message) {
    globalThis.given += message.byteLength;
    return send.call(this, message);
  };
`;
const KEEPS_NOTHING = `Object.defineProperty(globalThis, 'indexedDB', { get() { throw new Error('private'); } });`;

/** Whether something of an element's text is not shown. */
const isCut = (element: {
  scrollWidth: number;
  clientWidth: number;
  scrollHeight: number;
  clientHeight: number;
}) => element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;

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

  /** A server whose store can be held up, and a page of it in a browser that knows nothing yet. */
  async function opened({ script = '', principal = {} as Partial<Principal>, isProxied = false } = {}) {
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

  const pick = (page: Page, ...paths: string[]) =>
    page.locator('input[data-picks=files]').setInputFiles(paths);
  /** The row of a file, when it says this. */
  const says = (page: Page, name: string, text: string | RegExp) =>
    page
      .locator(`.upload[data-name=${JSON.stringify(name)}]`)
      .getByText(text)
      .waitFor();

  test('a folder of 250 files and others below is dropped, and all is stored and verified under its paths', async () => {
    for (let i = 0; i < 250; i++) file(`tree/${i}.txt`, i);
    file('tree/below/größe.txt', 2 * MIB);
    file('tree/back\\slash.txt', 1);
    const { store, page } = await opened();
    await page.getByLabel('Verify by SHA-256').check();
    await dropPaths(page, [join(folder, 'tree')]);
    await page.getByText('251 of 252 stored').waitFor();
    expect(store.contents.size).toBe(251);
    expect(Buffer.compare(store.contents.get('tree/below/größe.txt')!.bytes, pattern(2 * MIB))).toBe(0);
    expect(store.contents.get('tree/249.txt')!.mtime).toBe(1_700_000_000_000);
    expect(store.puts.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256 ?? ''))).toBe(true);
    await page.getByLabel('Show').selectOption({ label: 'Failed (1)' });
    await says(page, 'tree/back\\slash.txt', /^Failed: the name is not allowed: it has a backslash/);
  });

  test('an upload waits while the server is away or the network is cut, and goes on from what is durable', async () => {
    const { store, server, proxy, page } = await opened({ isProxied: true });
    store.takeUpTo(5 * MIB);
    await pick(page, file('large.bin', 16 * MIB));
    await store.full();
    await server.stop();
    await says(page, 'large.bin', /^Waiting for the network/);
    await server.start();
    store.takeUpTo(9 * MIB);
    await store.full();
    proxy!.breakAll();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await says(page, 'large.bin', /^Stored/);
    expect(Buffer.compare(store.contents.get('large.bin')!.bytes, pattern(16 * MIB))).toBe(0);
    expect(store.written()).toBeLessThan(16 * MIB + SENT_TWICE_MAX);
    expect(store.puts.some(({ offset = 0 }) => offset >= 3 * MIB)).toBe(true);
    await expect.poll(() => page.title()).toBe('Files – Sluice');
  });

  test('after a reload a file that is picked again goes on, and one that has changed begins anew', async () => {
    const { store, page, dialogs } = await opened();
    const [same, changed] = [file('same.bin', 12 * MIB), file('changed.bin', 12 * MIB)];
    store.takeUpTo(5 * MIB);
    await pick(page, same, changed, file('small.txt', 5));
    await store.full();
    await page.waitForFunction(`document.title.includes('%')`);
    // A browser asks whether to leave only pages that somebody has used.
    await page.getByRole('heading', { name: 'Uploads' }).click();
    await page.reload();
    expect(dialogs).toEqual(['beforeunload']);
    await page.getByText('unfinished from before').waitFor();
    await says(page, 'same.bin', /^Pick the file again/);
    store.takeUpTo(Number.POSITIVE_INFINITY);
    const before = store.puts.length;
    await pick(page, same, file('changed.bin', 12 * MIB, 1_800_000_000));
    await says(page, 'same.bin', /^Stored/);
    await says(page, 'changed.bin', /^Stored/);
    const since = store.puts.slice(before);
    expect(since.find(({ name }) => name === 'same.bin')!.offset).toBeGreaterThan(MIB);
    expect(since.find(({ name }) => name === 'changed.bin')!.offset).toBeUndefined();
    expect(store.contents.get('changed.bin')!.mtime).toBe(1_800_000_000_000);
    expect(Buffer.compare(store.contents.get('same.bin')!.bytes, pattern(12 * MIB))).toBe(0);
    await expect.poll(() => store.unfinished().count).toBe(0);
    await page.reload();
    await expect.poll(() => page.locator('.upload').count()).toBeLessThan(2);
  });

  test('a narrow page folds what is unfinished after a reload, and shows names and faults readably', async () => {
    const { store, page } = await opened();
    await page.setViewportSize({ width: 360, height: 640 });
    store.takeUpTo(3 * MIB);
    await pick(page, file('narrow.bin', 8 * MIB));
    await store.full();
    const long = `trip/${'a long name '.repeat(8)}0017.jpg`;
    const bad = 'trip/back\\slash.txt';
    file(long, 1);
    file(bad, 1);
    await dropPaths(page, [join(folder, 'trip')]);
    await says(page, bad, /^Failed/);
    const row = (name: string) => page.locator(`.upload[data-name=${JSON.stringify(name)}]`);
    expect(await row(long).locator('.upload-folder').evaluate(isCut)).toBe(false);
    expect(await row(long).locator('.upload-head').evaluate(isCut)).toBe(true);
    expect(await row(bad).locator('.upload-status').evaluate(isCut)).toBe(false);
    await expect.poll(() => page.locator('.uploads-sums').textContent()).toMatch(/[1-9.]+ MiB of 8 MiB safe/);
    await page.reload();
    await page.getByText(/\d to pick again/).waitFor();
    expect(await page.locator('.upload').count()).toBe(0);
    expect((await page.locator('.uploads').boundingBox())!.height).toBeLessThan(110);
    expect(await page.locator('.uploads-sums progress').getAttribute('data-done')).toBe('false');
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Uploads', exact: true }).click();
    await says(page, 'narrow.bin', /^Pick the file again/);
  });

  test('a browser that was closed and started again goes on with the file that is picked again', async () => {
    const store = gatedStore();
    const server = await pageServer(store);
    const profile = mkdtempSync(join(tmpdir(), 'sluice-profile-'));
    // More than may be on its way: else the server could have all of it when the browser is closed.
    const source = file('restart.bin', 16 * MIB);
    const started = async () => {
      const context = await startProfile(profile);
      const page = await context.newPage();
      await page.goto(server.url);
      await page.locator('.uploads').waitFor();
      return { context, page };
    };
    const before = await started();
    store.takeUpTo(5 * MIB);
    await pick(before.page, source);
    await store.full();
    await before.context.close();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    const { context, page } = await started();
    onTestFinished(async () => {
      await context.close();
      await server.stop();
      rmSync(profile, { recursive: true, force: true });
    });
    await says(page, 'restart.bin', /^Pick the file again/);
    await pick(page, source);
    await says(page, 'restart.bin', /^Stored/);
    expect(store.puts.at(-1)!.offset).toBeGreaterThan(MIB);
    expect(Buffer.compare(store.contents.get('restart.bin')!.bytes, pattern(16 * MIB))).toBe(0);
  });

  test('of two tabs with the same file one sends it, and the other says so', async () => {
    const { store, page, open } = await opened();
    store.takeUpTo(3 * MIB);
    await pick(page, file('both.bin', 8 * MIB));
    await store.full();
    const other = await open();
    await pick(other, join(folder, 'both.bin'));
    await says(other, 'both.bin', /^Another tab sends it/);
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await says(page, 'both.bin', /^Stored/);
    await says(other, 'both.bin', 'Skipped: another tab has uploaded it, or given it up');
    expect(store.written()).toBe(8 * MIB);
    // A tab that is closed in the middle leaves the rest to the other one.
    store.takeUpTo(store.written() + 3 * MIB);
    await pick(page, file('left.bin', 8 * MIB));
    await store.full();
    await pick(other, join(folder, 'left.bin'));
    await says(other, 'left.bin', /^Another tab sends it/);
    await page.close();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await says(other, 'left.bin', /^Stored/);
  });

  test('a name that exists asks once: replace, keep both, and skip for all others', async () => {
    const { store, page } = await opened();
    const names = ['a.txt', 'b.tar.gz', 'c', 'd', 'e'];
    await pick(page, ...names.map((name) => file(name, 5)));
    await page.getByText('5 of 5 stored').waitFor();
    await page.getByRole('button', { name: 'Clear finished' }).click();
    await pick(page, ...names.map((name) => file(name, 9)), file('new', 1));
    await page.getByText('a.txt already (and 4 more)').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await says(page, 'new', /^Stored/);
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByText('b.tar.gz already (and 3 more)').waitFor();
    await page.getByRole('button', { name: 'Keep both' }).click();
    await page.getByText('c already (and 2 more)').waitFor();
    await page.getByLabel('For all').check();
    await page.getByRole('button', { name: 'Skip', exact: true }).click();
    await page.locator('.question').waitFor({ state: 'detached' });
    await says(page, 'b.tar (2).gz', /^Stored/);
    await says(page, 'a.txt', /^Stored/);
    const sizes = [...store.contents].map(([name, { bytes }]) => [name, bytes.length]).sort();
    expect(sizes).toEqual([
      ['a.txt', 9],
      ['b.tar (2).gz', 9],
      ['b.tar.gz', 5],
      ['c', 5],
      ['d', 5],
      ['e', 5],
      ['new', 1],
    ]);
  });

  test('an upload is paused, goes on, and is cancelled, which drops what the server has of it', async () => {
    const { store, page } = await opened();
    store.takeUpTo(3 * MIB);
    await pick(page, file('one.bin', 8 * MIB));
    await store.full();
    // The page has heard that the server keeps a part of it.
    await page.waitForFunction(
      () => Number.parseFloat(document.querySelector<HTMLElement>('.upload-durable')?.style.width ?? '') > 0,
    );
    await pick(page, file('two.bin', 8 * MIB));
    await page.getByRole('button', { name: 'Pause one.bin' }).click();
    await says(page, 'one.bin', /^Paused/);
    await page.getByRole('button', { name: 'Pause all' }).click();
    await says(page, 'two.bin', /^Paused/);
    await page.getByRole('button', { name: 'Cancel two.bin' }).click();
    await says(page, 'two.bin', /^Cancelled/);
    await page.getByRole('button', { name: 'Cancel all' }).click();
    await page.getByRole('dialog').getByText('The server drops what it has of 1 unfinished file.').waitFor();
    await page.getByRole('button', { name: 'Keep' }).click();
    await page.getByRole('button', { name: 'Go on with one.bin' }).click();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await says(page, 'one.bin', /^Stored/);
    expect([...store.contents.keys()]).toEqual(['one.bin']);
    await expect.poll(() => store.unfinished().count).toBe(0);
    expect(store.written()).toBeLessThan(16 * MIB);
  });

  test('a browser that lies about what waits in its sockets, and keeps nothing, holds a window of each file', async () => {
    const { store, page } = await opened({ script: LIES + KEEPS_NOTHING });
    store.takeUpTo(MIB);
    await pick(page, file('a.bin', 16 * MIB), file('b.bin', 16 * MIB));
    await store.full();
    await page.getByText('This browser keeps nothing').waitFor();
    // The page is given many turns, in each of which it could send more.
    await expect.poll(() => page.evaluate('globalThis.given')).toBeGreaterThan(8 * MIB);
    await page.evaluate(`(async () => {
      for (let i = 0; i < 100; i++) await new Promise((resolve) => setTimeout(resolve));
    })()`);
    expect(await page.evaluate('globalThis.given')).toBeLessThan(store.written() + 9 * MIB);
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await page.getByText('2 of 2 stored').waitFor();
    expect(Buffer.compare(store.contents.get('b.bin')!.bytes, pattern(16 * MIB))).toBe(0);
  });

  test('a token without the right to write is told so, and nothing is sent', async () => {
    const { store, page } = await opened({ principal: { rights: ['read'] } });
    await page.getByText('Your token has no right to write here').first().waitFor();
    expect(await page.getByRole('button', { name: 'Upload files' }).isDisabled()).toBe(true);
    await dropPaths(page, [file('refused.txt', 5)]);
    await page.getByText('Nothing is uploaded: your token has no right to write here.').waitFor();
    expect(store.puts).toEqual([]);
  });

  test('whoever may write below a prefix alone uploads there; missing rights are said, and the next one sends nothing of it', async () => {
    const { store, server, page } = await opened({ principal: { name: 'alice', prefix: 'alice/' } });
    await pick(page, file('mine.txt', 5));
    await says(page, 'alice/mine.txt', /^Stored/);
    file('picked/in/it.txt', 5);
    await page.locator('input[data-picks=folder]').setInputFiles(join(folder, 'picked'));
    await says(page, 'alice/picked/in/it.txt', /^Stored/);
    store.takeUpTo(3 * MIB);
    await pick(page, file('revoked.bin', 32 * MIB));
    await store.full();
    server.become({ rights: ['read'] });
    await pick(page, file('later.txt', 5));
    await says(page, 'alice/later.txt', /^Failed: .*right/);
    // Whoever comes next sends nothing of hers, and sees nothing of it.
    server.become({ name: 'bob', prefix: '', rights: ['read', 'write'] });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('bob').waitFor();
    await page.locator('.uploads').waitFor();
    expect(await page.locator('.upload').count()).toBe(0);
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await pick(page, file('of-bob.txt', 5));
    await says(page, 'of-bob.txt', /^Stored/);
    server.become({ name: 'alice', prefix: 'alice/' });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await says(page, 'alice/revoked.bin', /^Pick the file again/);
    const names = ['alice/mine.txt', 'alice/picked/in/it.txt', 'of-bob.txt'];
    expect([...store.contents.keys()]).toEqual(names);
  });
});
