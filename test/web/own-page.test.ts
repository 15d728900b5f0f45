/** The example of a page of one's own, with the package as it is built. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { fromEvent, map } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { serve } from '../../src/server/serve.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { fromWebSocket } from '../../src/transport/web/from-web-socket.ts';
import { need } from '../support/install-tools.ts';
import { startChromium } from '../support/web/browser.ts';
import { pattern } from '../transport/connection-helpers.ts';

const root = join(import.meta.dirname, '../..');
const demo = join(root, 'src/demo/web');

describe.skipIf(!need('chromium'))('a page of one’s own', () => {
  test('uploads what is picked, with its progress, and says why a file is refused', async () => {
    const { outputFiles } = await build({
      entryPoints: [join(demo, 'page.ts')],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      alias: { sluice: join(root, 'dist/index.js'), 'sluice/client': join(root, 'dist/client.js') },
      // As for somebody who has installed the package, which has no sources.
      tsconfigRaw: {},
    });
    const http = createServer(({ url }, response) =>
      url === '/page.js'
        ? response.setHeader('content-type', 'text/javascript').end(outputFiles[0]!.text)
        : response.setHeader('content-type', 'text/html').end(readFileSync(join(demo, 'index.html'))),
    );
    const connections$ = fromEvent(new WebSocketServer({ server: http }), 'connection').pipe(
      map((event) => ({ type: 'connection', connection: fromWebSocket((event as [WebSocket])[0]) }) as const),
    );
    const store = memoryStore();
    const serving = serve({ connections$, store }).subscribe();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const browser = await startChromium();
    onTestFinished(async () => {
      await browser.close();
      serving.unsubscribe();
      http.closeAllConnections();
      http.close();
    });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`);
    await page.locator('input').setInputFiles([
      { name: 'large.bin', mimeType: '', buffer: Buffer.from(pattern(10_000_000)) },
      { name: 'small.txt', mimeType: '', buffer: Buffer.from('small') },
      { name: '.sluice', mimeType: '', buffer: Buffer.from('refused') },
    ]);
    await page.getByText('large.bin stored').waitFor();
    await page.getByText('small.txt stored').waitFor();
    await page.getByText(".sluice the file name is not allowed: .sluice is the store's own folder").waitFor();
    expect(Buffer.compare(store.contents.get('large.bin')!.bytes, pattern(10_000_000))).toBe(0);
  });
});
