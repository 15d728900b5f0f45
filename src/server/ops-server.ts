/**
 * The HTTP server for operators: `GET /metrics` for Prometheus, `GET /healthz` for a load balancer.
 *
 * It has a port of its own, because peers need not know what it says. It has no login: let it listen only
 * where those who may ask can reach it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { formatAddress } from '../transport/address.ts';
import type { Address } from '../transport/connection.ts';
import { listenFault } from '../transport/listen.ts';
import type { ListenFault } from '../transport/listen-error.ts';
import { type HealthOptions, type HealthReader, watchHealth } from './health.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { Metrics, MetricsOptions, NoPromClient } from './metrics/metrics-options.ts';

export interface OpsServerOptions extends MetricsOptions, HealthOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Called with any exception that a page throws; the client gets status 500. */
  readonly onInternalError?: (thrown: unknown) => void;
}

/** `await using` closes it at the end of the block. */
export interface OpsServer extends AsyncDisposable {
  /** The address on which it listens. */
  readonly address: Address;
  readonly port: number;
  /**
   * Closes the server at once. Until then it answers, during a shutdown too, but it keeps no process alive.
   */
  readonly close: () => Promise<void>;
}

export type OpsServerOutcome =
  | { readonly ok: true; readonly value: OpsServer }
  | { readonly ok: false; readonly error: ListenFault | NoPromClient };

/** A scraper has one connection or two. */
const OPS_CONNECTIONS_MAX = 16;
/** Bytes of an HTTP request's head. */
const HEAD_BYTES_MAX = 8 * 1024;
/** Milliseconds: for a request to arrive, and between two of them. */
const REQUEST_MAX_MS = 10_000;

/**
 * Begins to count, and listens. Start it before the server, so that it sees all events.
 *
 * `/metrics` is Prometheus' text. `/healthz` is 200 and `{"status":"ok"}` while the server serves, else 503
 * with `starting`, `draining` or `unwritable`, the last with the error of the store.
 *
 * @example
 * const events$ = new Subject<ServerEvent>();
 * const ops = await startOpsServer({ port: 9090, events$, shutdown$, stats, writable: diskWritable('uploads') });
 * if (!ops.ok) throw new Error(ops.error.message);
 */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServerOutcome> {
  const { events$, stats, unfinished, commands, engines, deciding, deliveries } = options;
  const metrics = await createMetrics({
    events$,
    stats,
    unfinished,
    commands,
    engines,
    deciding,
    deliveries,
  });
  if (!metrics.ok) return metrics;
  return await serveOps({ ...options, metrics: metrics.value, health: watchHealth(options) });
}

export interface ServeOpsOptions extends Pick<OpsServerOptions, 'host' | 'port' | 'onInternalError'> {
  readonly metrics: Metrics;
  readonly health: HealthReader;
}

/** The same of metrics and health that there are. It stops them when it closes, or cannot listen. */
export async function serveOps(options: ServeOpsOptions): Promise<OpsServerOutcome> {
  const { host = '127.0.0.1', port, metrics, health } = options;

  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    '/metrics': async () => ({ status: 200, type: metrics.contentType, text: await metrics.text() }),
    '/healthz': async () => {
      const state = await health.read();
      return {
        status: state.status === 'ok' ? 200 : 503,
        type: JSON_TYPE,
        text: `${JSON.stringify(state)}\n`,
      };
    },
  };
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/\?.*/s, '');
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined) return send(response, plain(404, 'there is /metrics and /healthz\n'));
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return send(response, plain(405, 'only GET and HEAD\n'));
    }
    try {
      send(response, await page());
    } catch (thrown) {
      options.onInternalError?.(thrown);
      send(response, plain(500, 'the server failed to tell\n'));
    }
  }

  const server = createServer({
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: REQUEST_MAX_MS,
    requestTimeout: REQUEST_MAX_MS,
    keepAliveTimeout: REQUEST_MAX_MS,
    connectionsCheckingInterval: REQUEST_MAX_MS / 2,
  });
  server.maxConnections = OPS_CONNECTIONS_MAX;
  // This closes the connection of a client that does not read, too.
  server.timeout = 2 * REQUEST_MAX_MS;
  server.unref();
  server.on('connection', (socket) => socket.unref());
  server.on('request', respond);
  const stop = () => {
    metrics.stop();
    health.stop();
  };
  const fault = await listen(server, host, port);
  if (fault !== null) {
    stop();
    return { ok: false, error: fault };
  }
  // One connection could not be accepted: the next one may.
  server.on('error', () => {});
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('an HTTP server on a port has an address');
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      stop();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const address = formatAddress(bound.address, bound.port);
  return { ok: true, value: { address, port: bound.port, close, [Symbol.asyncDispose]: close } };
}

/** Null once it listens. */
const listen = (server: Server, host: string, port: number): Promise<ListenFault | null> =>
  new Promise((resolve) => {
    const asked = formatAddress(host, port);
    const onError = (error: unknown) => resolve(listenFault(error, asked));
    server.once('error', onError);
    try {
      server.listen({ host, port }, () => {
        server.off('error', onError);
        resolve(null);
      });
    } catch (error) {
      // A port over 65,535.
      onError(error);
    }
  });

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const JSON_TYPE = 'application/json';
const plain = (status: number, text: string): Page => ({ status, type: 'text/plain; charset=utf-8', text });

/** Node omits the text in an answer to HEAD. */
function send(response: ServerResponse, { status, type, text }: Page): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
