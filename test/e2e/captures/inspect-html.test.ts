/** The page of `sluice inspect --html`, in Debian's Chromium, without a network. */
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { encodeJsonHeader } from '../../../src/wire/json-header.ts';
import { handshake, pcapOf, segments, type TcpPacket } from '../../support/captures/tcp-pcap.ts';
import { need, pathOf } from '../../support/install-tools.ts';
import { sluiceInRunner } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

/** How long the browser may take to start, and to do something; a busy machine needs its time. */
const PATIENCE_MS = 120_000;

/** Frames with a length of two bytes in front: of 3, 1 and 6 bytes, and then one of 100 with a text in it. */
const text = `needle <in> a ${'haystack '.repeat(20)}`.slice(0, 100);
const frames = Buffer.concat([
  Buffer.from([0, 3, 97, 98, 99, 0, 1, 100, 0, 6, 101, 102, 103, 104, 105, 106, 0, 100]),
  Buffer.from(text),
]);

/** Two conversations: one whose frames are glued and cut, one with a gap that loses the framing. */
function capture(): string {
  return written([
    ...handshake(0),
    ...segments(0, 'client', frames, [11, 2, 3, 1000]),
    ...segments(0, 'server', Uint8Array.of(0, 2, 111, 107), [100]),
    ...handshake(1),
    ...segments(1, 'client', frames, [7, 5, 1000]).filter((_, i) => i !== 1),
  ]);
}

function written(packets: readonly TcpPacket[], port = 7000): string {
  const file = join(tempFolder(), 'trace.pcap');
  writeFileSync(file, pcapOf(packets, port));
  return file;
}

/** Writes the page of a capture; answers its path. */
async function paged(file: string, ...args: string[]): Promise<string> {
  const page = join(tempFolder(), 'out.html');
  const { status, stderr } = await sluiceInRunner(['inspect', file, '--html', page, ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return page;
}

describe('the file', () => {
  test('inspect --html - prints the page, and nothing else', async () => {
    const [file, folder] = [capture(), tempFolder()];
    const page = await paged(file, '--length-field', 'width=2');
    const args = ['inspect', file, '--length-field', 'width=2', '--html', '-'];
    expect(await sluiceInRunner(args, { cwd: folder })).toEqual({
      ...{ status: 0, stderr: '' },
      stdout: readFileSync(page, 'utf8'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('the file of inspect --html is written whole or not at all, and never over the capture', async () => {
    const file = capture();
    const before = readFileSync(file);
    const over = await sluiceInRunner(['inspect', file, '--html', file]);
    expect(over).toMatchObject({ status: 2, stderr: `sluice: --html would overwrite the capture ${file}\n` });
    expect(readFileSync(file)).toEqual(before);
    const nowhere = await sluiceInRunner(['inspect', file, '--html', '/nowhere/out.html']);
    expect(nowhere.status).toBe(1);
    expect(nowhere.stderr).toContain('/nowhere/out.html cannot be written');
    const folder = tempFolder();
    symlinkSync('/dev/null', join(folder, 'device'));
    const device = await sluiceInRunner(['inspect', file, '--html', 'device'], { cwd: folder });
    expect(device.stderr).toMatch(/^sluice: device cannot be written: it is neither a file nor a folder/);
    const page = await paged(file, '--length-field', 'width=2');
    expect(readdirSync(join(page, '..'))).toEqual(['out.html']);
  });

  test('the page names nothing outside of itself', async () => {
    const html = readFileSync(await paged(capture(), '--length-field', 'width=2'), 'utf8');
    // The names of namespaces look like addresses, and are asked of nobody.
    const rest = html.replaceAll(/"http:\/\/www\.w3\.org\/[^"]*"/g, '');
    expect(rest).not.toMatch(/https?:|\bsrc=|@import|url\(/);
    expect(html).toContain("default-src 'none'");
  });

  test('the page of a damaged capture shows what came before the damage, and says so', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'cut.pcap'), readFileSync('test/golden/captures/dns.pcap').subarray(0, 5000));
    const ran = await sluiceInRunner(['inspect', 'cut.pcap', '--html', 'out.html'], { cwd: folder });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain('cut.pcap: at byte ');
    expect(readFileSync(join(folder, 'out.html'), 'utf8')).toContain('"fault":"cut.pcap: at byte ');
  });
});

describe.skipIf(!need('chromium'))('the page', () => {
  let browser: Browser;
  // Most tests look at the same page, so it is written once.
  const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let usual: Promise<string> | undefined;
  const usualPage = (): Promise<string> => {
    usual ??= paged(capture(), '--length-field', 'width=2').then((page) => {
      copyFileSync(page, join(folder, 'out.html'));
      return join(folder, 'out.html');
    });
    return usual;
  };
  beforeAll(async () => {
    const executablePath = pathOf('chromium')!;
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      timeout: PATIENCE_MS,
    });
  });
  afterAll(() => browser?.close());

  interface Opened {
    readonly page: Page;
    /** What went wrong, or was asked of the network. */
    readonly troubles: readonly string[];
  }

  /** The page, as it is when its first conversation was chosen and nothing in it is. */
  async function opened(path: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
    const it = await openedAsItIs(path, colorScheme);
    await it.page.locator('#conversations button').first().click();
    return it;
  }

  async function openedAsItIs(path: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
    const context = await browser.newContext({ viewport: { width: 1300, height: 900 }, colorScheme });
    onTestFinished(() => context.close());
    context.setDefaultTimeout(PATIENCE_MS);
    await context.setOffline(true);
    const page = await context.newPage();
    const troubles: string[] = [];
    page.on('console', (message) => troubles.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      troubles.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (request.url() !== `file://${path}` && request.url() !== 'data:,')
        troubles.push(`request: ${request.url()}`);
    });
    await page.goto(`file://${path}`);
    // Not by a function that is called again and again: the page's own policy forbids what that is made of.
    await page.locator('#canvas[data-to]').waitFor({ state: 'attached' });
    return { page, troubles };
  }

  const shown = (page: Page, id: string) => page.locator(`#${id}`).innerText();
  /** What is in sight, of one picture: two questions could be of two. */
  const span = (page: Page) =>
    page.locator('#canvas').evaluate((canvas) => {
      const { from, to } = (canvas as unknown as { dataset: Record<string, string> }).dataset;
      return { from: Number(from), to: Number(to) };
    });

  /** Where a position of a lane is on the screen, when the scale is bytes. */
  async function placeOf(page: Page, lane: string, position: number) {
    const { from, to } = await span(page);
    const canvas = (await page.locator('#canvas').boundingBox())!;
    const label = (await page.locator(`#${lane}-lane`).boundingBox())!;
    return {
      x: canvas.x + (canvas.width * (position - from)) / (to - from),
      y: label.y + label.height / 2,
    };
  }

  /** The colours at places of the canvas, as they were drawn. */
  const colorsAt = (page: Page, places: readonly { x: number; y: number }[]) =>
    page.evaluate((wanted) => {
      // In the browser, of whose names this project knows nothing.
      const { document, devicePixelRatio } = globalThis as unknown as {
        devicePixelRatio: number;
        document: {
          getElementById(id: string): {
            getBoundingClientRect(): { left: number; top: number };
            getContext(kind: string): {
              getImageData(x: number, y: number, w: number, h: number): { data: Iterable<number> };
            };
          };
        };
      };
      const canvas = document.getElementById('canvas');
      const { left, top } = canvas.getBoundingClientRect();
      const at = (value: number) => Math.round(value * devicePixelRatio);
      return wanted.map(({ x, y }) =>
        [...canvas.getContext('2d').getImageData(at(x - left), at(y - top), 1, 1).data].join(),
      );
    }, places);

  test('the page opens where there is something to see', async () => {
    const { page, troubles } = await openedAsItIs(await usualPage());
    expect(await shown(page, 'title')).toMatch(/^#1 /);
    expect(await shown(page, 'details')).toMatch(/fault: gap/);
    expect(troubles).toEqual([]);
  });

  test('the page has two lanes a side, with the right numbers of chunks and frames', async () => {
    const { page, troubles } = await opened(await usualPage());
    expect(await shown(page, 'sum')).toBe('2 conversations, 7 frames, 7 chunks, 1 gap, 1 fault');
    expect(await shown(page, 'client-chunks')).toBe('4 chunks');
    expect(await shown(page, 'client-frames')).toBe('4 frames');
    expect(await shown(page, 'client-counts')).toBe('118 bytes, 3 glued, 1 cut');
    expect(await shown(page, 'server-chunks')).toBe('1 chunk');
    expect(await shown(page, 'server-frames')).toBe('1 frame');
    expect(await page.locator('#conversations button').count()).toBe(2);
    expect(await page.locator('#conversations button').nth(1).innerText()).toMatch(/1 fault\s*1 gap/);
    expect(troubles).toEqual([]);
  });

  test('the page draws frames below the chunks that carry them, neighbours in different colours', async () => {
    const { page } = await opened(await usualPage());
    const lane = 'client-frames';
    // In the bodies of frames 3 and 4, to the right of what is written there; and where nothing is.
    const places = [[lane, 15] as const, [lane, 117] as const, ['server-frames', 60] as const];
    const [third, fourth, none] = await colorsAt(
      page,
      await Promise.all(places.map(([which, position]) => placeOf(page, which, position))),
    );
    expect(new Set([third, fourth, none]).size).toBe(3);
    const chunk = await colorsAt(page, [await placeOf(page, 'client-chunks', 100)]);
    expect([third, fourth, none]).not.toContain(chunk[0]);
  });

  test('the page shows the bytes of what the pointer is on, and keeps what is clicked', async () => {
    const { page, troubles } = await opened(await usualPage());
    const frame = await placeOf(page, 'client-frames', 12);
    await page.mouse.move(frame.x, frame.y);
    await expect.poll(() => shown(page, 'details')).toContain('00 06 65 66 67 68 69 6a');
    expect(await shown(page, 'details')).toMatch(/frame #3[\s\S]*cut over 3 chunks, the first shared with 2/);
    const chunk = await placeOf(page, 'client-chunks', 4);
    await page.mouse.click(chunk.x, chunk.y);
    await expect
      .poll(() => shown(page, 'details'))
      .toMatch(/chunk 1[\s\S]*3 frames or parts of them: #1 to #3/);
    await page.mouse.move(5, 5);
    await expect.poll(() => shown(page, 'details')).toContain('00 03 61 62 63 00 01 64  00 06 65');
    expect(troubles).toEqual([]);
  });

  test.each([
    ['a text', 'NEEDLE', '1 of 2', /frame #4[\s\S]*6e 65 65 64 6c 65/],
    ['bytes', '0006 6566', '1 of 1', /frame #3/],
    ['bytes in no frame, or behind what is shown of one', 'haystack haystack', '1 of 2', /frame #4/],
    ['a number', '#2', '1 of 2', /frame #2/],
    ['a fault', 'bytes are missing', '1 of 1', /fault: gap/],
    ['what is not there', 'zebra', 'nothing found', /Point at a chunk/],
  ])('the search of the page finds %s', async (_, asked, hits, details) => {
    const { page } = await opened(await usualPage());
    await page.keyboard.press('/');
    await page.keyboard.type(asked);
    await expect.poll(() => shown(page, 'hits')).toBe(hits);
    expect(await shown(page, 'details')).toMatch(details);
  });

  test('the search of the page goes from hit to hit, over all conversations', async () => {
    const { page } = await opened(await usualPage());
    await page.fill('#query', '#1');
    await page.focus('#query');
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) {
      seen.push(`${(await shown(page, 'title')).slice(0, 2)} ${(await shown(page, 'details')).slice(0, 8)}`);
      await page.keyboard.press('Enter');
    }
    expect(seen).toEqual(['#0 → client', '#0 ← server', '#1 → client']);
    expect(await shown(page, 'hits')).toBe('1 of 3');
  });

  test('the page zooms with wheel, buttons and keys, moves, and shows all again', async () => {
    const { page, troubles } = await opened(await usualPage());
    const all = await span(page);
    /** Drawn anew, each time with less in sight: what was asked for is seen in the next picture only. */
    let width = all.to - all.from;
    const narrower = async (): Promise<void> => {
      const was = width;
      await expect
        .poll(async () => {
          const { from, to } = await span(page);
          width = to - from;
          return width;
        })
        .toBeLessThan(was);
    };
    const { x, y } = await placeOf(page, 'client-frames', 60);
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -300);
    await narrower();
    expect((await span(page)).from).toBeGreaterThan(all.from);
    // What is under the pointer stays there.
    expect(Math.abs((await placeOf(page, 'client-frames', 60)).x - x)).toBeLessThan(2);
    await page.click('#zoom-in');
    await narrower();
    await page.keyboard.press('+');
    await narrower();
    const before = await span(page);
    await page.focus('#canvas');
    await page.keyboard.press('ArrowRight');
    await expect.poll(async () => (await span(page)).from).toBeGreaterThan(before.from);
    await page.keyboard.press('0');
    await expect.poll(() => span(page)).toEqual(all);
    expect(troubles).toEqual([]);
  });

  test('the page has a scale of time as well, and steps through frames by keys', async () => {
    const { page, troubles } = await opened(await usualPage());
    await page.click('#by-time');
    await expect.poll(() => page.locator('#canvas').getAttribute('data-unit')).toBe('time');
    expect((await span(page)).to).toBeGreaterThan(1_000_000);
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('n');
      seen.push(
        /(.) \w+ · frame #(\d)/
          .exec(await shown(page, 'details'))!
          .slice(1)
          .join(''),
      );
    }
    expect(seen).toEqual(['→1', '→2', '→3', '→4', '←1']);
    await page.keyboard.press('p');
    await expect.poll(() => shown(page, 'details')).toContain('→ client · frame #4');
    expect(troubles).toEqual([]);
  });

  test('chunks that are too dense to be drawn one by one are drawn by how many they are', async () => {
    const many = new Uint8Array(3 * 4000).map((_, i) => (i % 3 === 1 ? 1 : i % 3 === 2 ? i % 251 : 0));
    const file = written([...handshake(0), ...segments(0, 'client', many, [3])]);
    const { page } = await opened(await paged(file, '--length-field', 'width=2'));
    const lanes = ['client-chunks', 'server-chunks', 'client-frames', 'server-frames'];
    const places = await Promise.all(lanes.map((lane) => placeOf(page, lane, 6000)));
    const [chunks, none, frames, nothing] = await colorsAt(page, places);
    expect(none).toBe(nothing);
    expect(new Set([chunks, frames, none]).size).toBe(3);
    // By true time they are lines, a millisecond apart.
    await page.click('#by-true');
    await expect.poll(() => page.locator('#canvas').getAttribute('data-unit')).toBe('true');
    expect(await shown(page, 'span')).toMatch(/^0 to 4\.\d+ s$/);
  });

  test('the bytes of one side are shown and saved where all are in the page, and else it is said how to have them', async () => {
    const { page, troubles } = await opened(await usualPage());
    await page.click('#follow-client');
    expect(await page.locator('.followed pre').innerText()).toContain('needle <in> a haystack');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('trace-0-client.bin');
    expect(readFileSync(await download.path())).toEqual(frames);
    const long = written([...handshake(0), ...segments(0, 'client', new Uint8Array(2000).fill(65), [1000])]);
    const cut = await opened(await paged(long));
    await cut.page.click('#follow-client');
    expect(await cut.page.locator('.followed').innerText()).toMatch(
      /1,744 bytes of it are not in this page\. All are written by: sluice inspect .*trace\.pcap --follow 0:client/,
    );
    expect([...troubles, ...cut.troubles]).toEqual([]);
  });

  test('the page runs nothing of what was captured', async () => {
    const evil = '</script><img src=x onerror=alert(1)><script>alert(2)</script><!--\u2028\u2029';
    const encoded = encodeJsonHeader({ cmd: 'stat', filename: evil });
    if (!encoded.ok) throw new Error(encoded.fault.message);
    const bytes = Buffer.concat([encoded.bytes, Buffer.from(Int32Array.of(40).buffer), Buffer.from(evil)]);
    const file = written([...handshake(0), ...segments(0, 'client', bytes, [50])]);
    const path = await paged(file);
    const { page, troubles } = await opened(path);
    await page.fill('#query', 'onerror');
    await expect.poll(() => shown(page, 'details')).toContain('stat </script><img src=x onerror=alert(1)>');
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(2);
    expect(troubles).toEqual([]);
  });

  test('the page holds thousands of frames, draws them quickly, and says what it left out', async () => {
    const many = new Uint8Array(3 * 30_000).map((_, i) => (i % 3 === 1 ? 1 : i % 3 === 2 ? i % 251 : 0));
    const file = written([...handshake(0), ...segments(0, 'client', many, [1400, 7])]);
    // A packet of one byte, which is none of IP; other bytes than the last; and a RST outside of the window.
    const none = Buffer.concat([Buffer.from(Uint32Array.of(0, 0, 1, 1).buffer), Uint8Array.of(0x50)]);
    const again = { connection: 0, from: 'client', position: 89_998, bytes: Uint8Array.of(77, 77) } as const;
    const rst = { connection: 0, from: 'server', position: 900_000 } as const;
    const more = pcapOf([again, rst], 7000).subarray(24);
    more[more.length - 7] = 0x04;
    appendFileSync(file, Buffer.concat([none, more]));
    const { page, troubles } = await opened(await paged(file, '--length-field', 'width=2'));
    expect(await shown(page, 'notes')).toContain('20,000 of 30,000 frames');
    expect(await shown(page, 'notes')).toContain('Not read: 1 packet: RAW, IP version 5');
    expect(await shown(page, 'sum')).toMatch(/, 1 conflict, 1 ignored$/);
    expect(await shown(page, 'client-counts')).toMatch(/, 1 conflict$/);
    expect(await shown(page, 'server-counts')).toMatch(/, 1 ignored$/);
    expect(await shown(page, 'client-frames')).toBe('30,000 frames (20,000 shown)');
    await page.fill('#query', '#19999');
    await expect.poll(() => shown(page, 'hits')).toBe('1 of 1');
    expect(await shown(page, 'details')).toContain('frame #19999');
    const { from, to } = await span(page);
    expect(from).toBeLessThan(59_994);
    expect(to).toBeGreaterThan(59_997);
    expect(troubles).toEqual([]);
  });

  test.each(['light', 'dark'] as const)('the page can be looked at (%s)', async (scheme) => {
    const path = await paged('test/golden/captures/postgresql.pcap');
    const { page, troubles } = await opened(path, scheme);
    await page.keyboard.press('n');
    const file = join(tempFolder(), 'page.png');
    await page.screenshot({ path: file });
    const colors = colorsOf(readFileSync(file));
    // A blank page has one.
    expect(colors.size).toBeGreaterThan(50);
    const [background] = [...colors].sort((a, b) => b[1] - a[1])[0]!;
    const lightness =
      background
        .split(',')
        .map(Number)
        .reduce((sum, part) => sum + part, 0) / 3;
    expect(lightness > 128).toBe(scheme === 'light');
    expect(troubles).toEqual([]);
  });
});

/** How often each colour is in a PNG of 8 bits a channel, as Chromium writes them. */
function colorsOf(png: Buffer): ReadonlyMap<string, number> {
  const width = png.readUInt32BE(16);
  const channels = png[25] === 6 ? 4 : 3;
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const colors = new Map<string, number>();
  let above = new Uint8Array(stride);
  for (let at = 0; at < raw.length; at += stride + 1) {
    const row = unfiltered(raw[at]!, raw.subarray(at + 1, at + 1 + stride), above, channels);
    for (let x = 0; x < stride; x += channels) {
      const color = `${row[x]},${row[x + 1]},${row[x + 2]}`;
      colors.set(color, (colors.get(color) ?? 0) + 1);
    }
    above = row;
  }
  return colors;
}

/** A row of a PNG: https://www.w3.org/TR/png/#9Filters. */
function unfiltered(
  filter: number,
  row: Uint8Array,
  above: Uint8Array,
  channels: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(row.length);
  for (let i = 0; i < row.length; i++) {
    const a = out[i - channels] ?? 0;
    const b = above[i]!;
    const c = i < channels ? 0 : above[i - channels]!;
    out[i] = row[i]! + [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter]!;
  }
  return out;
}

function paeth(a: number, b: number, c: number): number {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
