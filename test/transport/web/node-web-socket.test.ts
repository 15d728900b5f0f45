/** The WebSocket that Node itself has from 22 on: a client needs no package for it. */
import type { AddressInfo } from 'node:net';
import { fromEvent, lastValueFrom, map, of } from 'rxjs';
import { expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { bytesContent } from '../../../src/client/content/content.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { startServer } from '../../../src/server/start-server.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';
import type { WebSocketLike } from '../../../src/transport/web/web-socket-like.ts';
import { bytesFrom } from '../../support/random/seeded.ts';

const { WebSocket: NodeWebSocket } = globalThis as { WebSocket?: new (url: string) => WebSocketLike };

test.skipIf(NodeWebSocket === undefined)(
  "a file is uploaded whole over Node's own WebSocket, where there is one",
  async () => {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise((resolve) => sockets.once('listening', resolve));
    const connections$ = fromEvent(sockets, 'connection').pipe(
      map((event) => ({ type: 'connection', connection: fromWebSocket((event as [WebSocket])[0]) }) as const),
    );
    const store = memoryStore();
    const server = startServer({ connections$, store });
    const url = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`;
    const uploads = createUploads({ connect: () => of(fromWebSocket(new NodeWebSocket!(url))), retries: 0 });
    onTestFinished(async () => {
      uploads.destroy();
      sockets.close();
      await server.close({ grace: 0 });
    });
    const content = bytesFrom(1, 10_000_000);
    await lastValueFrom(uploads.upload('a', bytesContent(content)));
    expect(content.equals(store.contents.get('a')!.bytes)).toBe(true);
  },
);
