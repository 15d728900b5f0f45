/** A TCP proxy that resets connections after so many bytes, for tests with processes. */
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  /** `HOST:PORT`. */
  readonly server: string;
  /** Connections that were accepted. */
  readonly connections: () => number;
  readonly close: () => void;
}

export interface ProxyOptions {
  /** The port behind it, asked for at each connection: a server that was started anew has another one. */
  readonly port: () => number;
  /** After how many bytes, either way together, each connection is reset, in the order they come; then none is. */
  readonly cuts: readonly number[];
}

export async function cuttingProxy({ port, cuts }: ProxyOptions): Promise<CuttingProxy> {
  let accepted = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    let left = cuts[accepted++] ?? Number.POSITIVE_INFINITY;
    const upstream = connect({ port: port(), host: '127.0.0.1', allowHalfOpen: true });
    const drop = () => {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    };
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(0, left);
        left -= part.length;
        if (!to.write(part)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        if (left === 0) to.write('', drop);
      });
      from.on('end', () => to.end());
      from.on('error', drop);
      from.on('close', () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    server: `127.0.0.1:${address.port}`,
    connections: () => accepted,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
