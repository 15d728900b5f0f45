/** The page as it is built, and a file server behind its WebSockets, which can be ended and begun again. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname, join } from 'node:path';
import { map, Subject, type Subscription } from 'rxjs';
import { type WebSocket, WebSocketServer } from 'ws';
import { serve } from '../../../src/server/serve.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { fromWebSocket } from '../../../src/transport/web/from-web-socket.ts';

const PAGE = join(import.meta.dirname, '../../../dist/web');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; worker-src 'self'";

export interface PageServer {
  readonly url: string;
  readonly port: number;
  /** What the page is told of whoever it speaks for. */
  readonly session: { name: string; rights: string[] };
  /** Drops all connections, and listens no more. */
  readonly stop: () => Promise<void>;
  /** Listens again, where it did before. */
  readonly start: () => Promise<void>;
}

export async function pageServer(store: FileStore): Promise<PageServer> {
  const session = { name: '', rights: ['read', 'write', 'delete'] };
  let port = 0;
  let http: Server;
  let serving: Subscription;
  const sockets = new Set<Socket>();

  async function start(): Promise<void> {
    http = createServer(({ url = '/' }, response) => {
      response.setHeader('content-security-policy', POLICY);
      if (url === '/session') {
        const told = { ...session, prefix: '', anonymous: session.name === '', version: 'test' };
        response.setHeader('content-type', 'application/json').end(JSON.stringify(told));
        return;
      }
      const file = url === '/' ? '/index.html' : url;
      try {
        const bytes = readFileSync(join(PAGE, file));
        response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(bytes);
      } catch {
        response.writeHead(404).end();
      }
    });
    http.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    const accepted$ = new Subject<WebSocket>();
    new WebSocketServer({ server: http }).on('connection', (socket) => accepted$.next(socket));
    const connections$ = accepted$.pipe(
      map((socket) => ({ type: 'connection', connection: fromWebSocket(socket) }) as const),
    );
    serving = serve({ connections$, store }).subscribe();
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    port = (http.address() as AddressInfo).port;
  }

  async function stop(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    serving.unsubscribe();
    http.close();
    await once(http, 'close');
  }

  await start();
  return { url: `http://127.0.0.1:${port}/`, port, session, start, stop };
}
