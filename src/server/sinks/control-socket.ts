/**
 * The socket by which `sluice events` reaches the process that has the log of changes: `.sluice/changes/control` below the
 * root, in a folder that only its owner may open. Messages are lines of JSON.
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Observable } from 'rxjs';
import type { Channel } from '../../base/calls.ts';

const NAME = 'control';
/** Characters of a line. Longer ones are of somebody else, and end the connection. */
const LINE_MAX = 4 * 1024 * 1024;
/** Bytes of a path to a socket: it is part of a structure of the system. */
const PATH_BYTES_MAX = 100;

export const changesFolder = (root: string): string => join(root, '.sluice', 'changes');

/** Acts with the path of the socket, which may be too long to be used as it is. */
export async function withSocketPath<T>(root: string, act: (path: string) => Promise<T>): Promise<T> {
  const folder = changesFolder(root);
  const path = join(folder, NAME);
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX || !existsSync('/proc/self/fd')) return await act(path);
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await act(`/proc/self/fd/${fd}/${NAME}`);
  } finally {
    closeSync(fd);
  }
}

/** The socket as a channel of calls. */
export function socketChannel(socket: Socket): Channel {
  return {
    send: (message) => {
      if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
    },
    messages$: new Observable((subscriber) => {
      let rest = '';
      socket.setEncoding('utf8');
      socket.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop()!;
        if (rest.length > LINE_MAX) return void socket.destroy();
        try {
          for (const line of lines) subscriber.next(JSON.parse(line));
        } catch {
          // It is not ours.
          socket.destroy();
        }
      });
      socket.on('error', () => {});
      socket.on('close', () => subscriber.complete());
      return () => socket.destroy();
    }),
  };
}
