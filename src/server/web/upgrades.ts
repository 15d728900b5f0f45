/**
 * WebSockets of the page: `/frames` is a connection of the server as those over TCP are, and `/watch` one for whoever
 * may observe the server.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Principal } from '../../files/protocol/access.ts';
import { serviceFault } from '../../files/protocol/errors.ts';
import type { Connection } from '../../transport/connection.ts';
import { fromWebSocket } from '../../transport/web/from-web-socket.ts';
import type { PageDeps } from './page-deps.ts';
import { sendFault, sendText } from './respond.ts';
import { greet } from './session-route.ts';
import { visitorOf } from './visitor.ts';

/** Serves a connection that may observe the server. The connection belongs to it. */
export type Observer = (connection: Connection, principal: Principal) => void;

export interface UpgradeDeps extends PageDeps {
  /** Absent: nobody can watch. */
  readonly observer?: Observer | undefined;
}

/**
 * Bytes of a message, of which a part may wait in memory for the rest: `fromWebSocket` sends 64 KiB, and other clients
 * may send more at once.
 */
const MESSAGE_BYTES_MAX = 256 * 1024;
/** Pieces that a message may be sent in, and arrive in: each takes memory, however short it is. */
const PIECES_MAX = { maxFragments: 1024, maxBufferedChunks: 4096 };
/** Upgrades at once whose token waits for its turn. */
const UPGRADES_MAX = 256;

export interface Upgrades {
  readonly take: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

const MAY_NOT_OBSERVE = serviceFault('forbidden', "watching needs the right 'observe'", { right: 'observe' });

/** @param foreign answers why a request is none of the page's own; null when it is. */
export function createUpgrades(
  deps: UpgradeDeps,
  foreign: (request: IncomingMessage) => { readonly status: number; readonly text: string } | null,
  onInternalError: (thrown: unknown) => void,
): Upgrades {
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    ...PIECES_MAX,
  });
  let underWay = 0;

  async function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const response = answerOn(request, socket);
    const fault = foreign(request);
    if (fault !== null) return sendText(response, fault.status, fault.text);
    const path = request.url?.replace(/\?.*/s, '');
    if (path !== '/frames' && path !== '/watch')
      return sendText(response, 404, 'there is /frames and /watch');
    if (underWay >= UPGRADES_MAX)
      return sendText(response, 503, 'too many begin at once', { 'retry-after': '5' });
    underWay++;
    try {
      await admit(path, request, response, socket, head);
    } finally {
      underWay--;
    }
  }

  async function admit(
    path: '/frames' | '/watch',
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    head: Buffer,
  ): Promise<void> {
    const token = deps.cookies.tokenOf(request);
    // Without a token a client says `hello` itself, as over TCP.
    if (path === '/frames' && token === undefined)
      return open(request, response, socket, head, token, deps.emit);
    const greeted = await greet(deps, request, response, token);
    if (socket.destroyed) return;
    if (!greeted.ok) return sendFault(response, greeted.error);
    if (path === '/frames') return open(request, response, socket, head, token, deps.emit);
    const { observer } = deps;
    const { name, rights, prefix } = greeted.value as unknown as Principal;
    if (!rights.includes('observe')) return sendFault(response, MAY_NOT_OBSERVE);
    if (observer === undefined) return sendText(response, 404, 'this server is not watched');
    open(request, response, socket, head, token, (connection) => {
      observer(connection, { name, rights, prefix });
      return true;
    });
  }

  function open(
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    head: Buffer,
    token: string | undefined,
    use: (connection: Connection) => boolean,
  ): void {
    response.detachSocket(socket);
    response.emit('detached');
    socket.off('error', ignore);
    const visitor = visitorOf(socket);
    webSockets.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      const { local, remote, certificate } = visitor;
      const connection = {
        ...fromWebSocket(webSocket, { local, remote }),
        ...(certificate && { certificate }),
        ...(token !== undefined && { token }),
      };
      if (!use(connection)) connection.destroy();
    });
  }

  return {
    take: (request, socket, head) => {
      socket.on('error', ignore);
      upgrade(request, socket, head).catch((thrown) => {
        onInternalError(thrown);
        socket.destroy();
      });
    },
  };
}

/** What answers a request whose socket node has let go of. The connection is over with the answer. */
function answerOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  const closed = (): void => void response.destroy();
  socket.once('close', closed);
  // A WebSocket lasts: it must not hold the request that it came from.
  response.once('detached', () => socket.off('close', closed));
  return response;
}

const ignore = (): void => {};
