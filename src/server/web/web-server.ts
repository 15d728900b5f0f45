/**
 * The HTTP server of the page: its files, downloads, the session, and WebSockets.
 *
 * ```text
 *  /session        who the page speaks for          ┐
 *  /files/NAME     downloads                        ├─ connections of the server, whose peer is this one
 *  /frames         a WebSocket: frames              ─ a connection of the server
 *  /watch          a WebSocket: what the server does, for whoever may observe it
 *  anything else   the page
 * ```
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { formatAddress } from '../../transport/address.ts';
import { connectionFault } from '../../transport/connection-fault.ts';
import { type HandedSockets, serveHanded } from '../../transport/handed-sockets.ts';
import { listenError } from '../../transport/listen.ts';
import { ListenError } from '../../transport/listen-error.ts';
import type { ListenEvent } from '../../transport/listen-event.ts';
import { contextOf, explainBadCredentials, type TlsCredentials } from '../../transport/tls/credentials.ts';
import { watchHandshakes } from '../../transport/tls/handshakes.ts';
import { failedHandshake } from '../../transport/tls/tls.ts';
import { FILES, filesRoute } from './files-route.ts';
import { foreignFault, ownHosts } from './origin-check.ts';
import { sendText } from './respond.ts';
import { sessionCookies } from './session-cookie.ts';
import { sessionRoute } from './session-route.ts';
import { boundSockets, type Sockets } from './sockets.ts';
import { staticFiles } from './static-files.ts';
import { createUpgrades, type Observer } from './upgrades.ts';

export interface WebServerOptions {
  /** The address to listen on. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** The folder of the page, as it was built. */
  readonly pageDir: string;
  /** Sockets at once that are no WebSockets. */
  readonly sockets: number;
  /** Names under which the page is reached besides its addresses, `localhost` and `host`. */
  readonly hosts?: readonly string[];
  /** Without them it speaks plain HTTP. Emits the first ones at once, and those that replace them. */
  readonly secure?: {
    readonly credentials$: Observable<TlsCredentials>;
    readonly clientCertificates: 'none' | 'optional' | 'required';
    /** Handshakes under way at once. */
    readonly handshakes: number;
  };
  /** The sockets that it gets instead of listening, where another process does that. */
  readonly handed?: HandedSockets | undefined;
  /** Serves the connections of `/watch`; without it there is none. */
  readonly observer?: Observer | undefined;
  /** Called with any exception of a route; the client gets status 500. */
  readonly onInternalError: (thrown: unknown) => void;
}

export interface WebServer {
  /**
   * A source of connections, as `listenTcp` is one: it listens while it is subscribed. The address of `listening` is
   * the URL of the page. Unsubscribed, it lets the requests that run finish.
   */
  readonly connections$: Observable<ListenEvent>;
  /** Drops every connection. */
  readonly close: () => void;
}

/** Bytes of a request's head: the cookie of the longest token has 4,000. */
const HEAD_BYTES_MAX = 16 * 1024;
/** Milliseconds for the head of a request to arrive, and for all of it. */
const [HEAD_MAX_MS, REQUEST_MAX_MS] = [10_000, 20_000];
const KEEP_ALIVE_MS = 5_000;
const HANDSHAKE_MAX_MS = 10_000;
/** Milliseconds without a byte in either direction: a client that does not read is cut off then. */
const STALLED_MAX_MS = 60_000;
export function createWebServer(options: WebServerOptions): WebServer {
  const sockets = boundSockets(options.sockets);
  const connections$ = new Observable<ListenEvent>((subscriber) => {
    const { host, port } = options;
    const scheme = options.secure === undefined ? 'http' : 'https';
    let server: Server;
    let replacing: Subscription | undefined;
    try {
      ({ server, replacing } = makeServer(options, subscriber));
    } catch (error) {
      return subscriber.error(error);
    }
    // Before its handshake is done, a socket is bounded with the handshakes.
    server.on(options.secure === undefined ? 'connection' : 'secureConnection', sockets.add);
    server.on('error', (error) => {
      if (server.listening) subscriber.next({ type: 'accept-failed', fault: connectionFault(error) });
      else subscriber.error(listenError(error, formatAddress(host, port)));
    });
    const listening = (at: string, bound: number) =>
      subscriber.next({ type: 'listening', address: `${scheme}://${at}/`, port: bound });
    answerOn(server, options, subscriber, sockets);
    const { handed } = options;
    let handing: Subscription | undefined;
    if (handed === undefined) {
      server.on('listening', () => {
        const bound = server.address();
        if (bound === null || typeof bound === 'string') return;
        listening(formatAddress(bound.address, bound.port), bound.port);
      });
      server.listen({ host, port });
    } else {
      // Node's timeouts of requests begin with this event.
      server.emit('listening');
      handing = serveHanded(server, handed, false, (where) => listening(where.address, where.port));
    }
    return () => {
      replacing?.unsubscribe();
      handing?.unsubscribe();
      server.close();
    };
  });
  return { connections$, close: sockets.destroyAll };
}

const SERVER_OPTIONS = {
  maxHeaderSize: HEAD_BYTES_MAX,
  headersTimeout: HEAD_MAX_MS,
  requestTimeout: REQUEST_MAX_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: HEAD_MAX_MS / 2,
  noDelay: true,
};

/** @throws ListenError when the first credentials cannot be used. */
function makeServer(
  { secure, host, port }: WebServerOptions,
  subscriber: Subscriber<ListenEvent>,
): { readonly server: Server; readonly replacing?: Subscription } {
  if (secure === undefined) return { server: withTimeouts(createServer(SERVER_OPTIONS)) };
  const { clientCertificates, handshakes } = secure;
  let server: ReturnType<typeof createSecureServer> | undefined;
  let fault: string | null = 'there is no certificate';
  const replacing = secure.credentials$.subscribe((credentials) => {
    fault = explainBadCredentials(credentials);
    if (fault !== null) {
      const message = `the page keeps the certificate before: ${fault}`;
      if (server !== undefined)
        subscriber.next({ type: 'accept-failed', fault: { code: 'failed', message } });
    } else if (server !== undefined) server.setSecureContext(contextOf(credentials));
    else {
      server = createSecureServer({
        ...SERVER_OPTIONS,
        ...contextOf(credentials),
        requestCert: clientCertificates !== 'none',
        rejectUnauthorized: clientCertificates === 'required',
      });
    }
  });
  if (server === undefined) {
    replacing.unsubscribe();
    const address = formatAddress(host, port);
    throw new ListenError({
      code: 'bad-credentials',
      address,
      message: `cannot listen on ${address}: ${fault}`,
    });
  }
  const underWay = watchHandshakes(server, handshakes, HANDSHAKE_MAX_MS);
  replacing.add(underWay.cut);
  const refused = (error: Error, socket: TLSSocket) =>
    subscriber.next({ type: 'accept-failed', fault: failedHandshake(error, socket) });
  server.on('tlsClientError', (error, socket) => {
    underWay.done(socket);
    refused(error, socket);
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    underWay.done(socket);
    // With `optional`, node lets in clients whose certificate is not verified as well.
    if (socket.authorizationError == null || socket.getPeerX509Certificate() === undefined) return;
    refused(socket.authorizationError, socket);
    socket.destroy();
  });
  return { server: withTimeouts(server), replacing };
}

function withTimeouts(server: Server): Server {
  server.timeout = STALLED_MAX_MS;
  return server;
}

function answerOn(
  server: Server,
  { host, hosts = [], pageDir, secure, observer, onInternalError }: WebServerOptions,
  subscriber: Subscriber<ListenEvent>,
  sockets: Sockets,
): void {
  const isSecure = secure !== undefined;
  const own = ownHosts(host, hosts, isSecure);
  const deps = {
    cookies: sessionCookies(isSecure),
    emit: (connection: Extract<ListenEvent, { type: 'connection' }>['connection']) => {
      if (subscriber.closed) return false;
      subscriber.next({ type: 'connection', connection });
      return true;
    },
  };
  const page = staticFiles(pageDir);
  const upgrades = createUpgrades(
    { ...deps, observer },
    (request) => foreignFault(request, own),
    onInternalError,
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // So that an idle connection does not outlive the server.
    if (subscriber.closed) response.shouldKeepAlive = false;
    const foreign = foreignFault(request, own);
    if (foreign !== null) return sendText(response, foreign.status, foreign.text);
    const path = request.url?.replace(/\?.*/s, '') ?? '';
    if (path === '/session') return sessionRoute(deps, request, response);
    if (path.startsWith(FILES)) return filesRoute(deps, request, response);
    if (path === '/frames' || path === '/watch') {
      return sendText(response, 426, 'this is a WebSocket', { upgrade: 'websocket', connection: 'upgrade' });
    }
    page(request, response);
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (!sockets.begin(socket)) return;
    response.once('close', () => sockets.done(socket));
    answer(request, response).catch((thrown: unknown) => {
      // The client went away in the middle of its request.
      if (request.complete) onInternalError(thrown);
      if (!request.complete || response.headersSent) response.destroy();
      else sendText(response, 500, 'the server failed');
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (sockets.release(socket)) upgrades.take(request, socket, head);
  });
}
