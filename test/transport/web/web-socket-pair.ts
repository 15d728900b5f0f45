import { once as event } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Connection } from '../../../src/transport/connection.ts';
import { fromWebSocket, type WebSocketOptions } from '../../../src/transport/web/from-web-socket.ts';

/** Two sockets of `ws` that are each other's peer, over the loopback: the client's, still connecting, and the server's. */
export async function webSockets(): Promise<[WebSocket, WebSocket]> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await event(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const accepted: Promise<[WebSocket, WebSocket]> = new Promise((resolve) => {
    server.once('connection', (socket) => {
      // Takes no more connections; the socket lives on.
      server.close();
      resolve([client, socket]);
    });
  });
  return accepted;
}

export async function webSocketPair(options?: WebSocketOptions): Promise<[Connection, Connection]> {
  const [client, server] = await webSockets();
  return [fromWebSocket(client, options), fromWebSocket(server, options)];
}
