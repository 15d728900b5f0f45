/**
 * Bounds the sockets of an HTTP server, and the requests of each. Clients that hold sockets and ask nothing cannot keep
 * others out: of too many, the one that was opened first and has no request under way makes room.
 */
import type { Socket } from 'node:net';

export interface Sockets {
  readonly add: (socket: Socket) => void;
  /** A request has come, whose answer is not sent. Answers false for one too many: the socket is destroyed then. */
  readonly begin: (socket: Socket) => boolean;
  readonly done: (socket: Socket) => void;
  /**
   * The socket is a WebSocket from now on, which the server bounds as a connection. Answers false when a request before
   * it is not answered: the socket is destroyed then, since two answers cannot be written to it at once.
   */
  readonly release: (socket: Socket) => boolean;
  readonly destroyAll: () => void;
}

/** Browsers send one request after the other. Nothing else bounds those that are sent without waiting. */
const REQUESTS_MAX = 16;

/** @param socketsMax how many there may be besides those that were released. */
export function boundSockets(socketsMax: number): Sockets {
  /** With the requests under way; the oldest first. */
  const bounded = new Map<Socket, number>();
  const released = new Set<Socket>();

  function makeRoom(newest: Socket): void {
    for (const [socket, requests] of bounded) {
      if (requests > 0 || socket === newest) continue;
      socket.destroy();
      bounded.delete(socket);
      return;
    }
    newest.destroy();
    bounded.delete(newest);
  }

  return {
    add: (socket) => {
      bounded.set(socket, 0);
      socket.once('close', () => {
        bounded.delete(socket);
        released.delete(socket);
      });
      if (bounded.size > socketsMax) makeRoom(socket);
    },
    begin: (socket) => {
      const requests = bounded.get(socket);
      if (requests === undefined || requests === REQUESTS_MAX) {
        socket.destroy();
        return false;
      }
      bounded.set(socket, requests + 1);
      return true;
    },
    done: (socket) => {
      const requests = bounded.get(socket);
      if (requests !== undefined) bounded.set(socket, requests - 1);
    },
    release: (socket) => {
      if ((bounded.get(socket) ?? 0) > 0) socket.destroy();
      bounded.delete(socket);
      if (socket.destroyed) return false;
      released.add(socket);
      return true;
    },
    destroyAll: () => {
      for (const socket of [...bounded.keys(), ...released]) socket.destroy();
    },
  };
}
