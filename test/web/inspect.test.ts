/** Looking into captures in the served page, in a browser, without a server that answers. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { handshake, pcapOf, segments } from '../support/captures/tcp-pcap.ts';
import { need, pathOf } from '../support/install-tools.ts';
import { isLongest } from '../support/random/cases.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';
import { faultsOf } from '../support/web/axe.ts';
import { dropPaths } from '../support/web/browser.ts';
import { eventfulCapture, FIELDS, framed } from '../support/web/inspect-capture.ts';
import { type PageServer, pageServer } from '../support/web/page-server.ts';
import { shareBrowser } from '../support/web/served-page.ts';

/** The most memory that a process of the browser's pages has had, in bytes. */
async function peakOfRenderers(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const peaks = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1]);
  return Math.max(...peaks.map((kib) => Number(kib ?? 0) * 1024));
}

describe.skipIf(!need('chromium'))('the view of captures', () => {
  const newPage = shareBrowser();
  let server: PageServer;
  beforeAll(async () => {
    server = await pageServer(memoryStore());
  });
  afterAll(() => server.stop());

  /** A page of which the server answers nothing but its files; what it asked and what went wrong. */
  async function opened(options: Parameters<typeof newPage>[0] = {}) {
    const page = await newPage({ viewport: { width: 1300, height: 1000 }, ...options });
    onTestFinished(() => page.context().close());
    const troubles: string[] = [];
    const asked: string[] = [];
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('request', (request) => {
      asked.push(`${request.method()} ${new URL(request.url()).pathname}`);
      if (request.postData() !== null) troubles.push(`sent: ${request.url()}`);
    });
    page.on('websocket', (socket) => troubles.push(`socket: ${socket.url()}`));
    await page.route('**/session', (route) => route.abort());
    await page.goto(`${server.url}#/inspect/`);
    await page.locator('#pick-capture').waitFor({ state: 'attached' });
    return { page, troubles, asked };
  }

  function written(name: string, bytes: Uint8Array): string {
    const file = join(tempFolder(), name);
    writeFileSync(file, bytes);
    return file;
  }

  async function frameBy(page: Page, fields: string): Promise<void> {
    await page.selectOption('#framing', 'length-field');
    await page.fill('#length-field', fields);
    await page.getByRole('button', { name: 'Read', exact: true }).click();
  }
  const shown = (page: Page, id: string) => page.locator(`#${id}`).innerText();
  const pick = (page: Page, file: string) => page.setInputFiles('#pick-capture', file);

  test('a capture that is dropped opens at its fault; all that is marked is seen, filtered, sorted and stepped through; nothing is sent', async () => {
    const { page, troubles, asked } = await opened();
    expect(await faultsOf(page)).toEqual([]);
    await frameBy(page, FIELDS);
    await dropPaths(page, [written('trace.pcap', eventfulCapture())]);
    await expect
      .poll(() => shown(page, 'sum'))
      .toMatch(/^3 conversations, 11 frames, .*1 gap, 1 fault, 1 conflict$/);
    await expect.poll(() => shown(page, 'title')).toMatch(/^#1 /);
    expect(await shown(page, 'details')).toMatch(/fault: gap/);
    await page.locator('#canvas[data-to]').waitFor();
    expect(await faultsOf(page)).toEqual([]);

    const conversations = page.locator('#conversations button');
    expect(await conversations.allInnerTexts()).toEqual([
      expect.stringMatching(/#0 [\s\S]*5 frames[\s\S]*3 glued[\s\S]*1 cut/),
      expect.stringMatching(/#1 [\s\S]*1 fault\s*1 gap/),
      expect.stringMatching(/#2 [\s\S]*1 conflict/),
    ]);
    await page.selectOption('#order', 'size');
    await expect
      .poll(async () => (await conversations.allInnerTexts()).map((it) => it.slice(0, 2)))
      .toEqual(['#0', '#2', '#1']);
    await page.check('#only-faults');
    await expect.poll(() => conversations.count()).toBe(2);
    await page.fill('#filter', '40002');
    await expect.poll(() => conversations.count()).toBe(1);
    expect(await shown(page, 'listed')).toBe('1 of 3');

    // By keys alone: the conversation, what is marked in it, and the list that says what the drawing shows.
    await conversations.first().focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => shown(page, 'client-counts')).toMatch(/2 sent again, 1 conflict/);
    await page.keyboard.press('m');
    await page.keyboard.press('m');
    const rows = page.locator('.row');
    expect(await rows.filter({ hasText: 'conflict' }).innerText()).toMatch(/conflict at 30/);
    await rows.filter({ hasText: 'conflict' }).focus();
    await page.keyboard.press('Enter');
    expect(await shown(page, 'details')).toMatch(/bytes came twice and differed[\s\S]*packet 15/);
    expect(await page.locator('.legend').innerText()).toMatch(/conflict[\s\S]*retransmissions/);
    for (const unit of ['time', 'true']) {
      await page.click(`#by-${unit}`);
      await expect.poll(() => page.locator('#canvas').getAttribute('data-unit')).toBe(unit);
    }
    expect(troubles).toEqual([]);
    expect(asked.filter((it) => !/^GET \/(assets\/.*|session|favicon.ico)?$/.test(it))).toEqual([]);
  });

  test('the bytes of one side are followed, shown and saved as they were sent', async () => {
    const { page, troubles } = await opened();
    await pick(page, written('trace.pcap', eventfulCapture()));
    await page.locator('#conversations button').first().click();
    await page.click('#follow-client');
    await page.locator('#save-client').waitFor();
    expect(await page.locator('.followed pre').innerText()).toContain('needle haystack');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save-client')]);
    expect(download.suggestedFilename()).toBe('trace-0-client.bin');
    expect(readFileSync(await download.path())).toEqual(framed);
    await page.getByRole('button', { name: 'Hex' }).click();
    expect(await page.locator('.followed pre').innerText()).toContain('00 03 61 62 63 00 01 64');
    await page.locator('#conversations button').nth(1).click();
    await page.click('#follow-client');
    await page.getByText('5 bytes are not in the recording').waitFor();
    expect(troubles).toEqual([]);
  });

  test('a capture is decompressed in the browser, and what is none is told, without losing the view', async () => {
    const { page, troubles } = await opened({ viewport: { width: 360, height: 800 }, colorScheme: 'dark' });
    const golden = readFileSync('test/golden/captures/postgresql.pcap');
    await pick(page, written('a.pcap.gz', gzipSync(golden)));
    await expect
      .poll(() => shown(page, 'sum'))
      .toBe('3 conversations, 308 frames, 83 chunks, 0 gaps, 0 faults');
    await page.locator('#canvas[data-to]').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    if (pathOf('zstd') !== undefined) {
      const packed = execFileSync('zstd', ['-c', '-q'], { input: golden });
      await pick(page, written('b.pcap.zst', packed));
      await expect.poll(() => page.locator('#name').innerText()).toBe('b.pcap.zst');
      await expect.poll(() => shown(page, 'sum')).toMatch(/^3 conversations, 308 frames/);
    }
    await pick(page, written('cut.pcap', golden.subarray(0, 9000)));
    await expect
      .poll(() => shown(page, 'notes'))
      .toMatch(/ended early: cut\.pcap: at byte \d+: the file ends/);
    await pick(page, written('text.pcap', Buffer.from('no capture at all, but a text')));
    await expect
      .poll(() => shown(page, 'inspect-fault'))
      .toMatch(/text\.pcap: at byte 0: neither pcap nor pcapng: it is text/);
    await pick(page, written('gz.pcap', gzipSync(golden).subarray(0, 4000)));
    await expect.poll(() => shown(page, 'notes')).toMatch(/gzip data is damaged, ends early/);
    expect(troubles).toEqual([]);
  });

  /** So many conversations of a megabyte each, in frames of 100 bytes, the length in front of each. */
  function longCapture(conversations: number): string {
    const file = written('long.pcap', pcapOf([], 7000));
    const bytes = new Uint8Array(1_000_000).map((_, i) => (i % 100 === 0 ? 0 : i % 100 === 1 ? 98 : i % 251));
    for (let nth = 0; nth < conversations; nth++) {
      const packets = [...handshake(nth), ...segments(nth, 'client', bytes, [1400, 700])];
      appendFileSync(file, pcapOf(packets, 7000).subarray(24));
    }
    return file;
  }

  test.runIf(isLongest)(
    'a capture of 200 MB is read while the page stays awake, in bounded memory, and can be cancelled',
    async () => {
      const { page, troubles } = await opened();
      const [short, file] = [longCapture(40), longCapture(200)];
      await frameBy(page, FIELDS);
      await pick(page, short);
      await page.getByText('It was read to its end.').waitFor({ state: 'attached' });
      // More than enough for all limits: five times as much takes no more memory.
      const before = await peakOfRenderers(page);
      await page.evaluate(`
        globalThis.busy = 0;
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) globalThis.busy += duration;
        }).observe({ entryTypes: ['longtask'] });
      `);
      const began = Number(await page.evaluate('performance.now()'));
      await pick(page, file);
      // What is asked for while it is read is answered while it is read.
      await page.locator('.inspect:has(#cancel-reading) #conversations button').first().waitFor();
      await page.fill('#filter', '#3');
      await page.locator('.inspect:has(#cancel-reading) #listed', { hasText: /^1 of / }).waitFor();
      await page.fill('#filter', '');
      await page.getByText('It was read to its end.').waitFor({ state: 'attached' });
      const took = Number(await page.evaluate('performance.now()')) - began;
      expect(Number(await page.evaluate('globalThis.busy')) / took).toBeLessThan(0.5);
      expect(await shown(page, 'sum')).toMatch(/^200 conversations, 2,000,000 frames/);
      expect(await shown(page, 'notes')).toMatch(/100,000 of 2,000,000 frames/);
      const peak = await peakOfRenderers(page);
      expect(peak / before).toBeLessThan(1.5);
      const session = await page.context().newCDPSession(page);
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = await session.send('Runtime.getHeapUsage');
      expect(usedSize).toBeLessThan(150e6);
      await pick(page, file);
      await page.click('#cancel-reading');
      await page.getByText(/^Cancelled after .* was read until then is shown/).waitFor();
      expect(troubles).toEqual([]);
    },
  );
});
