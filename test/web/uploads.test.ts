/** Uploading with the page, in Chromium: what is dropped and picked, and what the page asks and refuses. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { faultsOf } from '../support/web/axe.ts';
import { dropPaths } from '../support/web/browser.ts';
import { pick, says, uploadingPages } from '../support/web/uploading-page.ts';
import { pattern } from '../transport/connection-helpers.ts';

const MIB = 1024 * 1024;

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

describe.skipIf(!need('chromium'))('the uploads of the page', () => {
  const { folder, opened, file } = uploadingPages();

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
