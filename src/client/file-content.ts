/** A file on this machine as content to be sent. For Node. */
import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from 'node:fs';
import type { Content } from './content.ts';

/** Bytes up to which a file is read at once, without a round through the thread pool. */
const small = 128 * 1024;

/**
 * Opens a regular file, through symbolic links. What is sent is the file as it was when it was opened: one that changes
 * while it is read (its size or modification time does) makes the put fail before its last bytes are sent, so that
 * no mixture is ever stored.
 *
 * @throws the system's error when it cannot be opened; an `Error` that says so when it is no regular file.
 * @example client.put('a.txt', () => fileContent('/home/me/a.txt'))
 */
export function fileContent(path: string): Content {
  // Not to wait for a writer where a FIFO has taken the place of the file.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let before: Stats;
  try {
    before = fstatSync(fd);
    if (!before.isFile()) throw new Error(`${path} is not a regular file`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const { size } = before;

  const checked = (offset: number, got: number): number => {
    if (offset + got < size && got > 0) return got;
    const after = fstatSync(fd);
    const changed = after.size !== size || after.mtimeMs !== before.mtimeMs;
    if (changed) throw new Error(`${path} changed while it was being sent`);
    return got;
  };

  return {
    size,
    mtime: Math.floor(before.mtimeMs),
    read: (offset, into) => {
      if (size <= small) return checked(offset, readSync(fd, into, 0, into.length, offset));
      return new Promise((resolve, reject) => {
        read(fd, into, 0, into.length, offset, (error, got) => {
          if (error !== null) return reject(error);
          try {
            resolve(checked(offset, got));
          } catch (changed) {
            reject(changed);
          }
        });
      });
    },
    close: () => closeSync(fd),
  };
}
