/** A TCP proxy that breaks connections at a place that is said beforehand, so that a test need not be quick. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What becomes of one connection; what is not said does not happen. */
export interface Cut {
  /** Only so many bytes of the client's are handed on. The others are lost, and the connection stays. */
  readonly loseAfter?: number;
  /** It breaks, on both sides, when the server sends this. The piece that has it is not handed on. */
  readonly breakOn?: string;
  /** It breaks, on both sides, when so many bytes of the server's have been handed on. */
  readonly breakAfter?: number;
  /** What is done just before it breaks. */
  readonly onBreak?: () => void;
}

export interface CuttingProxy {
  readonly port: number;
  /** How many bytes each connection has handed on so far: to the server, and to the client. */
  readonly connections: readonly { up: number; down: number }[];
  /** Where to connect to from now on. */
  target: number;
  /** Breaks whatever is open. */
  breakAll(): void;
}

/** Listens on a free port of 127.0.0.1, until the test is over. The first connection gets the first cut, and so on. */
export async function cuttingProxy(target: number, cuts: readonly Cut[]): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const connections: { up: number; down: number }[] = [];
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const { loseAfter = Infinity, breakOn, breakAfter = Infinity, onBreak } = cuts[connections.length] ?? {};
    const passed = { up: 0, down: 0 };
    connections.push(passed);
    const upstream = connect({ port: proxy.target, host: '127.0.0.1', allowHalfOpen: true });
    const broken = () => {
      if (!client.destroyed) onBreak?.();
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', broken).on('close', () => sockets.delete(socket));
    }
    const handOn = (from: Socket, to: Socket, bytes: Uint8Array) => {
      if (to.write(bytes)) return;
      from.pause();
      to.once('drain', () => from.resume());
    };
    client.on('data', (bytes) => {
      if (passed.up === loseAfter) return;
      const now = bytes.subarray(0, loseAfter - passed.up);
      passed.up += now.length;
      if (now.length > 0) handOn(client, upstream, now);
    });
    upstream.on('data', (bytes) => {
      if (breakOn !== undefined && bytes.includes(breakOn)) return broken();
      passed.down += bytes.length;
      handOn(upstream, client, bytes);
      if (passed.down >= breakAfter) {
        upstream.removeAllListeners('data');
        client.end(broken);
      }
    });
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy = { port: (server.address() as AddressInfo).port, connections, target, breakAll };
  onTestFinished(() => {
    breakAll();
    server.close();
  });
  return proxy;
}
