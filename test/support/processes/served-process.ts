/** A server process that is measured: what it says of itself, and what the system says of it. */
import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { main, type Running, start } from './cli.ts';
import { descriptorsOf, residentOf } from './process-facts.ts';
import { type Scraped, scraped } from './scraped.ts';

const preload = fileURLToPath(new URL('./memory-on-signal.mjs', import.meta.url));

export interface Measured extends Running {
  readonly port: number;
  readonly scrape: () => Promise<Scraped>;
  readonly metricsPort: number;
  readonly descriptors: () => number;
  readonly resident: () => number;
  /** Bytes of its heap and of the buffers outside it, once its garbage is collected. */
  readonly held: () => Promise<number>;
}

/** Starts `sluice serve` with so many descriptors at the most, and waits until it accepts. */
export async function startMeasured(
  root: string,
  openFiles: number,
  args: readonly string[],
): Promise<Measured> {
  const serve = [main, 'serve', root, '--port', '0', '--metrics-port', '0', ...args];
  const script = `ulimit -n ${openFiles} && exec "$0" "$@"`;
  const running = start('sh', ['-c', script, process.execPath, '--import', preload, ...serve]);
  const [, port] = await running.said(/^listening on 127\.0\.0\.1:(\d+)$/m);
  const [, metricsPort] = await running.said(/metrics and health on http:\/\/127\.0\.0\.1:(\d+)/);
  const pid = running.child.pid ?? 0;
  let asked = 0;
  return {
    ...running,
    port: Number(port),
    metricsPort: Number(metricsPort),
    scrape: async () => scraped(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()),
    descriptors: () => descriptorsOf(pid).length,
    resident: () => residentOf(pid),
    held: async () => {
      running.child.kill('SIGWINCH');
      const [, bytes] = await running.said(new RegExp(`^memory ${++asked}: (\\d+)$`, 'm'));
      return Number(bytes);
    },
  };
}

/** Connects; a socket that reads nothing until it is told to. Null when it is refused. */
export const connectTo = (options: NetConnectOpts): Promise<Socket | null> =>
  new Promise((resolve) => {
    const socket = createConnection(options, () => {
      socket.pause();
      resolve(socket);
    });
    socket.on('error', () => resolve(null));
  });

/** Drops it. A server that has paused its reading learns of a reset, where there is one, and need not of an end. */
export function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
