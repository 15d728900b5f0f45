/** Uploads of the page that were broken off, in Chromium: they go on from what is durable. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { faultsOf } from '../support/web/axe.ts';
import { dropPaths, startProfile } from '../support/web/browser.ts';
import { gatedStore } from '../support/web/gated-store.ts';
import { pageServer } from '../support/web/page-server.ts';
import { pick, says, uploadingPages, uploadRow } from '../support/web/uploading-page.ts';
import { pattern } from '../transport/connection-helpers.ts';

const MIB = 1024 * 1024;
/** What may be sent once more after a break: a window of each of two connections. */
const SENT_TWICE_MAX = 8 * MIB;

/** Whether something of an element's text is not shown. */
const isCut = (element: {
  scrollWidth: number;
  clientWidth: number;
  scrollHeight: number;
  clientHeight: number;
}) => element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;

describe.skipIf(!need('chromium'))('the uploads of the page that were broken off', () => {
  const { folder, opened, file } = uploadingPages();

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
    expect(await uploadRow(page, long).locator('.upload-folder').evaluate(isCut)).toBe(false);
    expect(await uploadRow(page, long).locator('.upload-head').evaluate(isCut)).toBe(true);
    expect(await uploadRow(page, bad).locator('.upload-status').evaluate(isCut)).toBe(false);
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
});
