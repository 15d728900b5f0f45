/** The view of a server at work, in a browser. */
import { connect, type Socket } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { need } from '../support/install-tools.ts';
import { frame, peer, putFrame } from '../support/network/peer.ts';
import { isLongest } from '../support/random/cases.ts';
import { faultsOf } from '../support/web/axe.ts';
import { type ServedPage, servePage, shareBrowser, signIn, tokens } from '../support/web/served-page.ts';
import { longestTask } from '../support/web/trace.ts';
import { watchedPage } from '../support/web/watched-page.ts';

const rows = (page: Page) => page.locator('tr.connection');
const rowOf = (page: Page, text: string) => rows(page).filter({ hasText: text });

describe.skipIf(!need('chromium'))('the view of a server', () => {
  const newPage = shareBrowser();
  let served: ServedPage;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    // Whoever gets its events refuses each for good.
    const command = JSON.stringify(['sh', '-c', 'exit 65']);
    served = await servePage(['--quota', '1GiB', '--events-command', command]);
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await served.end();
  });

  function client(...frames: readonly Uint8Array[]): Socket {
    const socket = connect(served.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.resume();
    socket.write(Buffer.concat([frame({ cmd: 'hello', token: tokens.all, id: 'hello' }), ...frames]));
    return socket;
  }

  test('a transfer under way is shown, with who, how far and what it waits for, until it is over', async () => {
    const put = putFrame('films/one.mkv', 'x'.repeat(1000), { id: 1 });
    const socket = client(put.subarray(0, -600));
    client(frame({ cmd: 'get', filename: 'missing', id: 1 }));
    const page = await newPage();
    await signIn(page, served.url, tokens.watcher);
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    await page.getByRole('link', { name: 'Watch' }).click();
    const row = rowOf(page, 'films/one.mkv');
    await row.getByText('waits for the peer to send').waitFor();
    expect(await row.innerText()).toMatch(/^all 127\.0\.0\.1:\d+\s+put films\/one\.mkv/);
    expect(await row.getByRole('progressbar').getAttribute('value')).toBe('0.4');
    await page.getByRole('region', { name: 'Last refusals' }).getByText('not-found').waitFor();
    await page.getByRole('region', { name: 'Store' }).getByText('of 1 GiB').waitFor();
    await page.locator('.chart canvas').nth(5).waitFor();
    await page.getByText(/^open: \d+ now, \d+ at most\.$/).waitFor({ state: 'attached' });
    expect(await faultsOf(page)).toEqual([]);
    socket.write(put.subarray(-600));
    await row.waitFor({ state: 'detached' });
    const store = page.getByRole('region', { name: 'Store' });
    await store.getByText('command: has all events; 1 dead letter').waitFor();
    expect(errors).toEqual([]);
  });

  test('connections are filtered and sorted by keyboard, and those that have nothing to do left out', async () => {
    client();
    client(putFrame('waits', 'xx').subarray(0, -1));
    const page = await newPage({ viewport: { width: 360, height: 700 }, colorScheme: 'dark' });
    await signIn(page, served.url, tokens.watcher);
    await page.goto(`${served.url}#/watch/`);
    await rowOf(page, 'put waits').waitFor();
    await page.getByRole('checkbox', { name: 'at work only' }).check();
    await rowOf(page, 'idle').first().waitFor({ state: 'detached' });
    await page.getByRole('searchbox').fill('nobody is called that');
    await rows(page).first().waitFor({ state: 'detached' });
    await page.getByRole('searchbox').fill('WAITS');
    await rowOf(page, 'put waits').waitFor();
    await page.getByRole('button', { name: 'Since' }).focus();
    await page.keyboard.press('Enter');
    const since = page.getByRole('columnheader', { name: 'Since' });
    await expect.poll(() => since.getAttribute('aria-sort')).toBe('descending');
    expect(await faultsOf(page)).toEqual([]);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBe(360);
  });

  test('whoever has no right to observe is shown no such view', async () => {
    const page = await newPage();
    await signIn(page, served.url, tokens.reader);
    expect(await page.getByRole('link', { name: 'Inspect' }).count()).toBe(1);
    expect(await page.getByRole('link', { name: 'Watch' }).count()).toBe(0);
  });

  test('the view says that a server is gone, and goes on when it is back', async () => {
    const own = await servePage();
    const page = await newPage();
    await signIn(page, own.url, tokens.watcher);
    await page.goto(`${own.url}#/watch/`);
    await page.getByRole('region', { name: 'Connections', exact: true }).waitFor();
    own.child.kill('SIGKILL');
    await page.getByText('The connection is lost').waitFor();
    await own.end();
    const again = await servePage(['--web', new URL(own.url).host]);
    await page.getByText('The connection is lost').waitFor({ state: 'detached' });
    await again.end();
  });

  test.skipIf(!isLongest)('watching 5,000 connections takes no task over 33 ms of the page', async () => {
    const watched = await watchedPage();
    const clients = Array.from({ length: 5_000 }, () => peer(watched.connect()));
    let at = 0;
    // Hundreds have something to say each second, others each time.
    const busy = setInterval(() => {
      for (let i = 0; i < 100; i++) void clients[at++ % clients.length]!.send(frame({ cmd: 'ping', id: at }));
    }, 200);
    const page = await newPage();
    await page.goto(`${watched.url}#/watch/`);
    await page.locator('.connections-bar').getByText('5,000', { exact: true }).waitFor();
    const seconds = async (count: number): Promise<void> => {
      const up = page.locator('.figures > div').filter({ hasText: 'Up' }).locator('dd');
      for (let i = 0; i < count; i++) {
        const before = await up.innerText();
        await expect.poll(() => up.innerText()).not.toBe(before);
      }
    };
    // A machine that does other things may take a task's time: the best of three.
    const longest: number[] = [];
    while (longest.length < 3 && !(Math.min(...longest) < 33)) {
      longest.push(
        await longestTask(page, async () => {
          await seconds(3);
          await page.getByRole('button', { name: 'Peer' }).click();
          await page.getByRole('searchbox').fill('memory');
          await page.locator('.connection-grid').evaluate((box) => box.scrollTo(0, 40_000));
          await seconds(3);
          await page.getByRole('button', { name: 'Rate' }).click();
          await page.getByRole('searchbox').fill('');
          await seconds(2);
        }),
      );
    }
    console.log(`the longest task of the page: ${longest.map((ms) => `${ms.toFixed(1)} ms`).join(', ')}`);
    expect(Math.min(...longest)).toBeLessThan(33);
    clearInterval(busy);
    await page.close();
    watched.end();
  });
});
