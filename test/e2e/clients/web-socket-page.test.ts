/** `fromWebSocket` in Debian's Chromium, with a server of `ws` in Node. */
import { once as event } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Connection } from '../../../src/transport/connection.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import { need, pathOf } from '../../support/install-tools.ts';
import { once, pattern, read, turns, write } from '../../transport/connection-helpers.ts';

/** How long the browser may take to start; a busy machine needs its time. */
const PATIENCE_MS = 120_000;

/** The whole library for platforms without Node, and what the tests do with it in the page. */
const SCRIPT = `
import { fromWebSocket } from './src/index.ts';
import { whenStalled } from './test/transport/web/when-stalled.ts';

const codeOf = (fault) => fault?.code ?? null;
const write = (connection, chunk) =>
  new Promise((resolve) => connection.write([chunk], (fault) => resolve(codeOf(fault))));

globalThis.page = {
  open(url) {
    const socket = new WebSocket(url);
    const stalled = whenStalled(socket);
    const connection = fromWebSocket(socket);
    const state = { connection, stalled, received: 0, sum: 0, settled: 0, end: undefined, closed: undefined };
    connection.closed$.subscribe((fault) => (state.closed = codeOf(fault)));
    globalThis.state = state;
    return connection.remote;
  },
  read() {
    const { state } = globalThis;
    state.connection.chunks$.subscribe({
      next(chunk) {
        state.received += chunk.length;
        for (const byte of chunk) state.sum = (Math.imul(state.sum, 31) + byte) | 0;
      },
      complete: () => (state.end = null),
      error: (fault) => (state.end = fault.code),
    });
  },
  /** Writes so many chunks of 64 KiB, each when the one before has settled. */
  async write(count) {
    const { connection } = state;
    for (let at = 0; at < count; at++) {
      const fault = await write(connection, new Uint8Array(65536).map((_, i) => i + at));
      if (fault !== null) return fault;
      state.settled++;
    }
    return null;
  },
  seen: () => ({ received: state.received, sum: state.sum, settled: state.settled, end: state.end, closed: state.closed }),
};
`;

const sumOf = (bytes: Uint8Array): number => {
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum;
};

interface Seen {
  readonly received: number;
  readonly sum: number;
  readonly settled: number;
  readonly end?: string | null;
  readonly closed?: string | null;
}

describe.skipIf(!need('chromium'))('a WebSocket of a page', () => {
  let browser: Browser;
  let script: string;
  let server: WebSocketServer;

  beforeAll(async () => {
    const bundled = await build({
      stdin: { contents: SCRIPT, resolveDir: fileURLToPath(new URL('../../..', import.meta.url)) },
      bundle: true,
      write: false,
      platform: 'browser',
    });
    script = bundled.outputFiles[0]!.text;
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await event(server, 'listening');
    browser = await chromium.launch({
      executablePath: pathOf('chromium')!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      timeout: PATIENCE_MS,
    });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** A page with a connection, and the server's end of it. */
  async function opened(): Promise<{ readonly page: Page; readonly there: Connection }> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.addScriptTag({ content: script });
    const accepted: Promise<Connection> = new Promise((resolve) => {
      server.once('connection', (socket: WebSocket) => resolve(fromWebSocket(socket)));
    });
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect(await page.evaluate(`page.open('${url}')`)).toBe(url);
    const there = await accepted;
    onTestFinished(() => there.destroy());
    return { page, there };
  }
  const seen = (page: Page): Promise<Seen> => page.evaluate('page.seen()');

  test('a page sends and receives bytes, whole and in order, and both sides end in good order', async () => {
    const { page, there } = await opened();
    await page.evaluate('page.read()');
    const reading = read(there);
    expect(await page.evaluate('page.write(50)')).toBeNull();
    await reading.reached(50 * 65_536);
    const sent = Buffer.concat(
      Array.from({ length: 50 }, (_, at) => new Uint8Array(65_536).map((__, i) => i + at)),
    );
    expect(reading.bytes().equals(sent)).toBe(true);
    expect(await write(there, pattern(3_000_000))).toBeNull();
    await expect.poll(async () => (await seen(page)).received).toBe(3_000_000);
    await page.evaluate('state.connection.end()');
    expect(await reading.done).toBeNull();
    expect(await once(there.closed$)).toBeNull();
    await expect
      .poll(() => seen(page))
      .toMatchObject({ sum: sumOf(pattern(3_000_000)), end: null, closed: null });
  });

  test('a page that writes waits for a server that does not read', async () => {
    const { page, there } = await opened();
    await page.evaluate('void (state.writing = page.write(1000))');
    await page.evaluate('state.stalled');
    expect((await seen(page)).settled).toBeLessThan(500);
    const reading = read(there);
    expect(await page.evaluate('state.writing')).toBeNull();
    await reading.reached(1000 * 65_536);
    expect(await page.evaluate('state.connection.destroy()')).toBeUndefined();
    expect((await reading.done)?.code).toBe('reset');
  });

  test('a page that pauses keeps up to its bound, and beyond it the connection is closed: `overrun`', async () => {
    const { page, there } = await opened();
    await page.evaluate('page.read(), state.connection.pause()');
    const back = read(there);
    expect(await write(there, pattern(900_000))).toBeNull();
    await turns(20);
    expect(await seen(page)).toMatchObject({ received: 0 });
    there.write([pattern(900_000, 900_000)], () => {});
    expect((await back.done)?.message).toMatch(
      /^the peer closed the WebSocket with 4008: the peer sent more/,
    );
    await page.evaluate('state.connection.resume()');
    const end = await seen(page);
    expect(end).toMatchObject({ end: 'overrun', closed: 'overrun' });
    expect(end.received).toBeGreaterThanOrEqual(900_000);
    expect(end.sum).toBe(sumOf(pattern(end.received)));
  });

  test('a server that is not there is `unreachable` to a page', async () => {
    const { page } = await opened();
    await page.evaluate(`page.open('ws://127.0.0.1:9/'), page.read()`);
    await expect.poll(() => seen(page)).toMatchObject({ end: 'unreachable', closed: 'unreachable' });
  });
});
