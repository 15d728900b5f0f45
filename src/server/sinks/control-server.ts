/** Answers `sluice events` for the process that has the log of changes. */
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { connectCalls } from '../../base/calls.ts';
import type { ChangeEvent, ChangeFeed } from '../../store/changes/change-log.ts';
import { socketChannel, withSocketPath } from './control-socket.ts';

export interface ControlServer {
  readonly close: () => Promise<void>;
}

/** People, not programs. */
const CONNECTIONS_MAX = 16;
/** Events of one answer. */
const PAGE_MAX = 500;

/** What may be asked. */
export interface ControlCalls {
  status(): unknown;
  read(asked: { readonly after: number; readonly limit: number }): unknown;
  /** As `read`, but answered only once there are some, or the asker is gone. */
  follow(asked: { readonly after: number }): unknown;
  deadLetters(asked: { readonly sink: string }): unknown;
  move(asked: { readonly sink: string; readonly at: number }): unknown;
  revive(asked: { readonly sink: string; readonly id?: string }): unknown;
  forget(asked: { readonly sink: string; readonly id?: string }): unknown;
}

export async function serveControl(log: ChangeFeed, root: string): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const calls = connectCalls(socketChannel(socket), { ...handlersOf(log, socket) });
    socket.on('end', () => calls.close());
  });
  server.maxConnections = CONNECTIONS_MAX;
  await withSocketPath(root, async (path) => {
    // One of a process that was killed: only one at a time has the log.
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  });
  server.on('error', () => {});
  server.unref();
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const handlersOf = (log: ChangeFeed, socket: Socket): ControlCalls => ({
  status: () => log.status(),
  read: ({ after, limit }) => log.read(after, Math.min(limit, PAGE_MAX)),
  follow: ({ after }) => follow(log, socket, after),
  deadLetters: ({ sink }) => log.deadLetters(sink),
  move: ({ sink, at }) => log.move(sink, at),
  revive: ({ sink, id }) => log.revive(sink, id),
  forget: ({ sink, id }) => log.forget(sink, id),
});

async function follow(log: ChangeFeed, socket: Socket, after: number): Promise<readonly ChangeEvent[]> {
  let end = () => {};
  // Before it reads: what comes meanwhile counts.
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const stop = log.onAppended(end);
  socket.on('close', end);
  try {
    const first = await log.read(after, PAGE_MAX);
    if (first.length > 0 || socket.destroyed) return first;
    await ended;
    return await log.read(after, PAGE_MAX);
  } finally {
    stop();
    socket.off('close', end);
  }
}
