/** The page in a browser, by hand: where the keyboard is, what is chosen, and what is said about it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { faultsOf } from '../support/web/axe.ts';
import { choose, row, shows } from '../support/web/file-table.ts';
import { type ServedPage, servePage, shareBrowser, signIn, tokens } from '../support/web/served-page.ts';

/** The text of what has the keyboard. */
const FOCUSED = 'document.activeElement.textContent';

describe.skipIf(!need('chromium'))('the files of the page, by hand', () => {
  const newPage = shareBrowser();
  let served: ServedPage;
  beforeAll(async () => {
    served = await servePage();
    served.write({ 'a.txt': '1', 'b.txt': '2', 'c.txt': '3', 'gone/1': '1', 'gone/2': '2', 'gone/3': '3' });
  });
  afterAll(() => served.end());

  test('the first arrow leaves the row that the keyboard has come to, and Space chooses that row', async () => {
    const page = await newPage();
    await signIn(page, `${served.url}#/files/gone/`, tokens.reader);
    await shows(page, 'gone/3');
    await page.getByRole('button', { name: 'Changed' }).focus();
    await page.keyboard.press('Tab');
    await expect.poll(() => page.evaluate(FOCUSED)).toBe('1');
    await page.keyboard.press('Space');
    await expect.poll(() => row(page, 'gone/1').getAttribute('data-chosen')).toBe('true');
    await page.reload();
    await shows(page, 'gone/3');
    await page.getByRole('button', { name: 'Changed' }).focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => page.evaluate(FOCUSED)).toBe('2');
  });

  test('all are chosen and left by one box, and how many are chosen is said', async () => {
    const page = await newPage();
    await signIn(page, `${served.url}#/files/gone/`, tokens.reader);
    await shows(page, 'gone/3');
    const all = page.getByRole('checkbox', { name: 'Choose all' });
    await choose(page, 'gone/2');
    await page.getByText('3 entries, 1 chosen').waitFor();
    await all.check();
    await page.getByText('3 entries, 3 chosen').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await all.uncheck();
    await page.getByText('3 entries', { exact: true }).waitFor();
  });

  test('the keyboard goes to the table when the button that it was on has nothing left to do', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.all);
    await shows(page, 'c.txt');
    await choose(page, 'c.txt');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await row(page, 'c.txt').waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate('document.activeElement.className')).toBe('entry-name');
  });

  test('why a name was refused is said no longer once another one is typed', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.all);
    await shows(page, 'b.txt');
    await choose(page, 'a.txt');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByLabel('New name').fill('b.txt');
    await page.keyboard.press('Enter');
    await page.getByText('there is a file of that name already').waitFor();
    await page.getByLabel('New name').fill('../x');
    await page.getByText('it has a segment').waitFor();
    expect(await page.getByText('there is a file of that name already').count()).toBe(0);
  });

  test('what was uploaded is shown in its folder even when the list of uploads is cleared at once', async () => {
    const page = await newPage();
    await signIn(page, `${served.url}#/files/new/`, tokens.all);
    await page.getByText('Nothing is here yet').waitFor();
    const file = { name: 'up.txt', mimeType: 'text/plain', buffer: Buffer.from('new') };
    await page.locator('input[data-picks=files]').setInputFiles(file);
    await page.getByRole('button', { name: 'Clear finished' }).click();
    await shows(page, 'new/up.txt');
  });

  test('a narrow page shows the whole line about all uploads', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.all);
    await page.setViewportSize({ width: 360, height: 640 });
    const file = { name: 'up.txt', mimeType: 'text/plain', buffer: Buffer.from('new') };
    await page.locator('input[data-picks=files]').setInputFiles(file);
    const sums = page.locator('.uploads-sums .hint');
    await sums.waitFor();
    // As long as it gets: what it says while much is under way.
    await sums.evaluate((element) => {
      element.textContent = '1,023 MiB of 1,023 GiB safe – 1,023 MiB/s – 10:00:00 left';
    });
    expect((await sums.boundingBox())!.width).toBeLessThan(350);
  });
});
