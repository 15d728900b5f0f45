/** The client, as it is built, in a page of Debian's Chromium: with a file server over WebSockets in Node. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { fromEvent, map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { serve } from '../../../src/server/serve.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import { need, pathOf } from '../../support/install-tools.ts';
import { pattern } from '../../transport/connection-helpers.ts';

/** How long the browser may take to start; a busy machine needs its time. */
const PATIENCE_MS = 120_000;

/** What the page does with the client. The bytes are those of `pattern`, which the test knows too. */
const SCRIPT = `
import { blobContent, createDownloads, createUploads, streamContent } from './dist/client.js';
import { fromWebSocket } from './dist/index.js';
import { lastValueFrom, of } from 'rxjs';
import { pattern } from './test/transport/connection-helpers.ts';

const url = 'ws://' + location.host;
const connect = () => of(fromWebSocket(new WebSocket(url)));
const uploads = createUploads({ connect, resumeThreshold: 500_000 });
const downloads = createDownloads({ connect });
const stored = (upload$) => lastValueFrom(upload$);

globalThis.page = {
  file: (name, size) =>
    stored(
      uploads.upload(name, blobContent(new File([pattern(size)], name, { lastModified: 1_700_000_000_000 })), {
        verify: 'sha256',
      }),
    ),
  stream: (name, size, says = size) =>
    stored(uploads.upload(name, streamContent(new Blob([pattern(size)]).stream(), { size: says }))).catch(
      (error) => error.message,
    ),
  async fetched(name) {
    const pieces = [];
    const target = { begin: () => pieces.splice(0), write: (bytes) => pieces.push(bytes) };
    await lastValueFrom(downloads.fetch(name, target), { defaultValue: null });
    const digest = await crypto.subtle.digest('SHA-256', await new Blob(pieces).arrayBuffer());
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  },
};
`;

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(!need('chromium'))('the client in a page', () => {
  const store = memoryStore();
  // WebCrypto is there for secure pages only, and one of localhost is.
  const http = createServer((_, response) =>
    response.setHeader('content-type', 'text/html').end('<title>page'),
  );
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const bundled = await build({
      stdin: { contents: SCRIPT, resolveDir: fileURLToPath(new URL('../../..', import.meta.url)) },
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
      // As for somebody who has installed the package, which has no sources.
      tsconfigRaw: {},
    });
    const sockets = new WebSocketServer({ server: http });
    const connections$ = fromEvent(sockets, 'connection').pipe(
      map((event) => ({ type: 'connection', connection: fromWebSocket((event as [WebSocket])[0]) }) as const),
    );
    serve({ connections$, store }).subscribe();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    browser = await chromium.launch({
      executablePath: pathOf('chromium')!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      timeout: PATIENCE_MS,
    });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`);
    await page.addScriptTag({ content: bundled.outputFiles[0]!.text });
  });
  afterAll(async () => {
    await browser?.close();
    http.closeAllConnections();
    http.close();
  });

  test.each([0, 1000, 2_000_000])(
    'a page uploads a File of %i bytes that the server verifies by its SHA-256, and gets it back as a Blob',
    async (size) => {
      expect(await page.evaluate(`page.file('file', ${size})`)).toMatchObject({ type: 'stored', size });
      expect(await store.stat('file')).toMatchObject({ value: { size, mtime: 1_700_000_000_000 } });
      expect(Buffer.compare(store.contents.get('file')!.bytes, pattern(size))).toBe(0);
      expect(await page.evaluate(`page.fetched('file')`)).toBe(sha256Of(pattern(size)));
    },
  );

  test('a page uploads a stream whole, or not at all', async () => {
    expect(await page.evaluate(`page.stream('stream', 2000000)`)).toMatchObject({ type: 'stored' });
    expect(Buffer.compare(store.contents.get('stream')!.bytes, pattern(2_000_000))).toBe(0);
    expect(await page.evaluate(`page.stream('short', 1000, 1001)`)).toBe(
      'the stream has ended after 1000 bytes, and its size says 1001',
    );
    expect(await page.evaluate(`page.stream('long', 1000, 999)`)).toBe(
      'the stream has at least 1000 bytes, and its size says 999',
    );
    for (const name of ['short', 'long']) expect(store.contents.has(name)).toBe(false);
  });
});
