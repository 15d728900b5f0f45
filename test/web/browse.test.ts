/** The page in a browser: the files that are there. */
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { faultsOf } from '../support/web/axe.ts';
import { choose, names, row, shows } from '../support/web/file-table.ts';
import { type ServedPage, servePage, shareBrowser, signIn, tokens } from '../support/web/served-page.ts';

/** One pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const EVIL = '<script>document.title = "run"</script><img src=x onerror="document.title=\'run\'">';

/** Keeps, in `drawn`, who has the keyboard at the moment when the last of many rows is drawn. */
const KEEP_WHO_HAS_THE_KEYBOARD = `void (globalThis.drawn = new Promise((resolve) =>
  new MutationObserver((_, observer) => {
    if (!document.querySelector('[data-path="many/2499"]')) return;
    observer.disconnect();
    resolve(document.activeElement.textContent);
  }).observe(document.body, { childList: true, subtree: true })))`;

describe.skipIf(!need('chromium'))('the files of the page', () => {
  const newPage = shareBrowser();
  let served: ServedPage;
  beforeAll(async () => {
    served = await servePage();
    served.write({
      'a.txt': 'first',
      'b10.txt': 'x'.repeat(3000),
      'b9.txt': 'x'.repeat(200),
      'pixel.png': PNG,
      '<img src=x onerror=alert(1)>.html': EVIL,
      'in/one.txt': '1',
      'in/deep/two.txt': '22',
      ...Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`many/${i}`, 'x'])),
    });
  });
  afterAll(() => served.end());

  test('a folder whose address lacks its last slash takes uploads as well', async () => {
    const page = await newPage();
    await signIn(page, `${served.url}#/files/in/deep`, tokens.all);
    await shows(page, 'in/deep/two.txt');
    const file = { name: 'new.txt', mimeType: 'text/plain', buffer: Buffer.from('new') };
    await page.locator('input[data-picks=files]').setInputFiles(file);
    await shows(page, 'in/deep/new.txt');
    await row(page, 'in/deep/new.txt').getByRole('checkbox').check();
    await page.keyboard.press('Delete');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, 'in/deep/new.txt').waitFor({ state: 'detached' });
    // The keyboard goes on where it was.
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('two.txt');
  });

  test('the keyboard stays in the table when the row that a question was about goes meanwhile', async () => {
    const page = await newPage();
    await signIn(page, `${served.url}#/files/in/deep/`, tokens.all);
    served.write({ 'in/deep/gone.txt': 'gone' });
    await page.reload();
    await shows(page, 'in/deep/gone.txt');
    await row(page, 'in/deep/gone.txt').getByRole('checkbox').check();
    await page.keyboard.press('Delete');
    await page.getByRole('dialog').waitFor();
    rmSync(join(served.root, 'in/deep/gone.txt'));
    // What is uploaded has the folder listed again.
    const file = { name: 'another.txt', mimeType: 'text/plain', buffer: Buffer.from('new') };
    await page.locator('input[data-picks=files]').setInputFiles(file);
    await row(page, 'in/deep/gone.txt').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate('document.activeElement.className')).toBe('entry-name');
    rmSync(join(served.root, 'in/deep/another.txt'));
  });

  test('of more files than a browser takes at once, none is left out of a download', async () => {
    const page = await newPage();
    await signIn(page, `${served.url}#/files/many/`, tokens.reader);
    await page.getByText('2,500 entries').waitFor();
    const begun = new Set<string>();
    page.on('download', (download) => begun.add(download.suggestedFilename()));
    await row(page, 'many/0').locator('.entry-name').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+PageDown');
    await page.getByRole('button', { name: 'Download' }).click();
    await expect.poll(() => begun.size, { timeout: 60_000 }).toBe(16);
  });

  test('folders come first, columns sort, the search finds here and below, and the address leads back', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.all);
    await shows(page, 'b10.txt');
    const all = await names(page);
    const folders = all.filter((name) => name.includes('(folder)'));
    expect(folders.length).toBeGreaterThan(1);
    expect(all.slice(0, folders.length)).toEqual(folders);
    expect(all.indexOf('b9.txt')).toBeLessThan(all.indexOf('b10.txt'));
    await page.getByRole('button', { name: 'Size' }).click();
    await page.getByRole('button', { name: 'Size' }).click();
    expect((await names(page))[folders.length]).toBe('b10.txt');
    expect(await page.getByRole('columnheader', { name: 'Size' }).getAttribute('aria-sort')).toBe(
      'descending',
    );
    await page.keyboard.press('/');
    await page.keyboard.type('TWO');
    await page.getByText('Nothing here is called that').waitFor();
    await page.getByRole('button', { name: 'Search below, too' }).click();
    await shows(page, 'in/deep/two.txt');
    await page.goto(`${served.url}#/files/in/deep/`);
    await shows(page, 'in/deep/two.txt');
    await page.getByRole('link', { name: 'All files' }).click();
    await shows(page, 'a.txt');
    await page.goBack();
    await shows(page, 'in/deep/two.txt');
  });

  test('of thousands of entries only those are drawn that are seen, and the keyboard reaches the last', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.reader);
    await page.goto(`${served.url}#/files/many/`);
    await page.getByText('2,500 entries').waitFor();
    expect(await page.locator('.entry').count()).toBeLessThan(100);
    await row(page, 'many/0').locator('.entry-name').focus();
    await page.keyboard.press('ArrowDown');
    await page.evaluate(KEEP_WHO_HAS_THE_KEYBOARD);
    await page.keyboard.press('End');
    await shows(page, 'many/2499');
    // A key that is pressed at once must not be nobody's.
    expect(await page.evaluate('drawn')).toBe('2499');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('2499');
    const hidden = `document.activeElement.getBoundingClientRect().bottom -
      document.querySelector('.grid').getBoundingClientRect().bottom`;
    expect(await page.evaluate(hidden)).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'Name' }).focus();
    await page.keyboard.press('Space');
    await shows(page, 'many/2499');
    expect(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort')).toBe(
      'descending',
    );
    await row(page, 'many/2499').locator('.entry-name').focus();
    await page.keyboard.press('Backspace');
    await shows(page, 'a.txt');
  });

  test('files are renamed, moved and deleted, folders too, and what is in the way stays', async () => {
    const page = await newPage();
    served.write({ 'change/x': 'x', 'change/y': 'y', 'change/sub/z': 'z', 'change/sub/deep/w': 'w' });
    await signIn(page, `${served.url}#/files/change/`, tokens.all);
    await choose(page, 'change/x');
    await page.keyboard.press('Escape');
    await row(page, 'change/x').locator('.entry-name').focus();
    await page.keyboard.press('ArrowDown');
    await choose(page, 'change/x');
    await page.getByRole('button', { name: 'Rename' }).click();
    expect(await page.getByLabel('New name').inputValue()).toBe('x');
    await page.getByText('In the folder change/').waitFor();
    await page.getByLabel('New name').fill('a//b');
    await page.getByText('it has an empty segment').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('New name').fill('y');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('there is a file of that name already').waitFor();
    await page.getByLabel('New name').fill('new name?#.txt');
    await page.keyboard.press('Enter');
    await shows(page, 'change/new name?#.txt');
    await choose(page, 'change/sub/');
    await page.getByRole('button', { name: 'Move' }).click();
    await page.getByLabel('To the folder').fill('moved');
    await page.keyboard.press('Enter');
    await page.getByText('Moved: 2').waitFor();
    expect(readFileSync(join(served.root, 'moved/sub/deep/w'), 'utf8')).toBe('w');
    await choose(page, 'change/y');
    await page.keyboard.press('Delete');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Deleted: 1').waitFor();
    expect(() => statSync(join(served.root, 'change/y'))).toThrow();
  });

  test('a file is downloaded as it is, and a preview shows pictures and text, and runs nothing', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.reader);
    const evil = '<img src=x onerror=alert(1)>.html';
    await page.getByRole('button', { name: evil, exact: true }).click();
    await page.locator('dialog pre').waitFor();
    expect(await page.locator('dialog pre').innerText()).toBe(EVIL);
    expect(await page.title()).toBe('Files – Sluice');
    expect(await faultsOf(page)).toEqual([]);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /Download/ }).click(),
    ]);
    expect(readFileSync(await download.path(), 'utf8')).toBe(EVIL);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'pixel.png' }).click();
    await expect
      .poll(() => page.locator('dialog img').evaluate((image: HTMLImageElement) => image.naturalWidth))
      .toBe(1);
  });
});
