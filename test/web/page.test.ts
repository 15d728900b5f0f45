/** The page in a browser: signing in, what a token may, and what the page is made of. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { faultsOf } from '../support/web/axe.ts';
import { choose, names, shows } from '../support/web/file-table.ts';
import { type ServedPage, servePage, shareBrowser, signIn, tokens } from '../support/web/served-page.ts';

const DIST = join(import.meta.dirname, '../../dist/web');

describe.skipIf(!need('chromium'))('the page', () => {
  const newPage = shareBrowser();
  let served: ServedPage;
  beforeAll(async () => {
    served = await servePage();
    served.write({ 'a.txt': 'first', 'b.txt': 'second', 'in/one.txt': '1', 'in/deep/two.txt': '22' });
  });
  afterAll(() => served.end());

  test('a token lets in, is kept where no script reads it, and lasts over a reload until it is given back', async () => {
    const page = await newPage();
    await page.goto(served.url);
    await page.getByLabel('Token').fill('nobody has this token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('does not know this token').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('Token').fill(tokens.all);
    await page.keyboard.press('Enter');
    await shows(page, 'a.txt');
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.reload();
    await shows(page, 'a.txt');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    await page.reload();
    await page.getByLabel('Token').waitFor();
  });

  test('a token that is revoked is asked for again, and a server that is away leaves the page as it is', async () => {
    const own = await servePage();
    const page = await newPage();
    own.write({ 'a.txt': 'first' });
    await signIn(page, own.url, tokens.reader);
    await shows(page, 'a.txt');
    own.revoke('reader');
    own.child.kill('SIGHUP');
    await own.logged('read again', 1);
    await page.getByRole('searchbox').fill('x');
    await page.getByRole('button', { name: 'Search below, too' }).click();
    await page.getByLabel('Token').waitFor();
    await page.getByLabel('Token').fill(tokens.all);
    await page.keyboard.press('Enter');
    await shows(page, 'a.txt');
    await own.end();
    await page.getByRole('searchbox').fill('x');
    await page.getByRole('button', { name: 'Search below, too' }).click();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    expect(await page.getByRole('button', { name: 'Sign out' }).count()).toBe(1);
  });

  test('two tabs are one session: who signs out or in as another is that in both, and nothing goes on', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.all);
    await shows(page, 'a.txt');
    const other = await page.context().newPage();
    await other.goto(served.url);
    await shows(other, 'a.txt');
    await other.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    await signIn(other, served.url, tokens.inside);
    await page.locator('.who', { hasText: 'inside' }).waitFor();
  });

  test('there is no button for what the token may not do, and a prefix is all that is seen', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.reader);
    await shows(page, 'a.txt');
    for (const name of ['Rename', 'Move', 'Delete', 'New folder'])
      expect(await page.getByRole('button', { name }).count()).toBe(0);
    const inside = await newPage();
    await signIn(inside, served.url, tokens.inside);
    await shows(inside, 'in/deep/');
    expect(await names(inside)).toHaveLength(2);
    expect(await inside.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    expect(await inside.getByRole('link', { name: 'Watch' }).count()).toBe(0);
  });

  test('all but the part for captures weighs less than 120 kB, and that part comes when it is asked for', async () => {
    const page = await newPage();
    const loaded = new Map<string, number>();
    page.on('response', (response) => {
      const path = new URL(response.url()).pathname;
      if (path.startsWith('/assets/')) loaded.set(path, gzipSync(readFileSync(join(DIST, path))).length);
    });
    const weight = () => [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0);
    await signIn(page, served.url, tokens.all);
    await page.getByRole('link', { name: 'Watch' }).click();
    await page.getByText('Traffic').waitFor();
    expect(weight()).toBeGreaterThan(40_000);
    expect(weight()).toBeLessThan(120_000);
    const before = loaded.size;
    await page.getByRole('link', { name: 'Inspect' }).click();
    await page.getByText('Pick a capture').waitFor();
    expect(loaded.size).toBeGreaterThan(before);
  });

  test('axe finds nothing wrong, light or dark, wide or narrow, and nothing is wider than the window', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.all);
    await choose(page, 'a.txt');
    for (const width of [1280, 360])
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 700 });
        expect(await faultsOf(page)).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      }
  });
});
