/** A local file as content to be sent. For Node. */
import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from 'node:fs';
import { concatBytes } from '../../base/bytes.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { bytesContent, type Content } from './content.ts';
import { ContentError } from './content-error.ts';

/** Files of up to so many bytes are read synchronously, which saves the way through the thread pool. */
const WHOLE_READ_BYTES_MAX = 128 * 1024;
/** The most bytes that a file without a true size may have: it is read into memory before it is sent. */
const UNSIZED_BYTES_MAX = 16 * 1024 * 1024;
/** A file that has no blocks on the disk and claims at most so many bytes is taken for a file of the kernel. */
const KERNEL_PAGE_BYTES_MAX = 64 * 1024;

/**
 * Opens a regular file, through symbolic links. The put sends the file as it was when it was opened: if the file
 * changes while it is read, the put fails before its last bytes are sent, so that no mixture is ever stored. A change
 * is seen by the size, the modification time and, since a program may set that back, the time of the last change of any
 * kind (`ctime`). So a file that is renamed or gets other permissions meanwhile counts as changed too.
 *
 * Some files of the kernel do not state their size (`/proc/cpuinfo` says 0, files below `/sys` say 4,096). They are
 * read to their end when they are opened, up to 16 MiB, and have no modification time.
 *
 * @throws the system's error when the file cannot be opened; a `ContentError` when it is no regular file (`not-a-file`),
 *   or when it states no true size and has more than 16 MiB (`too-large`). A read throws or rejects with one, `changed`
 *   or `unreadable`.
 * @example client.put('a.txt', () => fileContent('/home/me/a.txt'))
 */
export function fileContent(path: string): Content {
  // Without O_NONBLOCK, opening a FIFO of that name would wait for a writer.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let before: Stats;
  let unsized: Uint8Array | null;
  try {
    before = fstatSync(fd);
    if (!before.isFile()) throw new ContentError('not-a-file', 'it is not a regular file');
    unsized = isUnsized(before) ? readWhole(fd) : null;
    if (unsized !== null) checkUnchanged(before, fstatSync(fd));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const { size } = before;
  const times = { mtime: Math.floor(before.mtimeMs), ctime: before.ctimeMs };
  if (unsized !== null) {
    closeSync(fd);
    // The times of a file of the kernel do not change with its content.
    return { ...bytesContent(unsized), ...(unsized.length === size ? times : {}) };
  }

  const checked = (offset: number, got: number): number => {
    if (offset + got >= size || got === 0) checkUnchanged(before, fstatSync(fd));
    return got;
  };

  return {
    size,
    ...times,
    read: (offset, into) => {
      if (size <= WHOLE_READ_BYTES_MAX) return checked(offset, readSync(fd, into, 0, into.length, offset));
      return new Promise((resolve, reject) => {
        read(fd, into, 0, into.length, offset, (error, got) => {
          if (error !== null)
            return reject(new ContentError('unreadable', systemWords(error, 'read'), error));
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

function checkUnchanged(before: Stats, after: Stats): void {
  const same =
    after.size === before.size && after.mtimeMs === before.mtimeMs && after.ctimeMs === before.ctimeMs;
  if (!same) throw new ContentError('changed', 'it changed while it was being sent');
}

/** Whether the stated size may be wrong. It may for every empty file too, which costs one more read. */
const isUnsized = ({ size, blocks }: Stats): boolean =>
  size === 0 || (blocks === 0 && size <= KERNEL_PAGE_BYTES_MAX);

/** Bytes are read into it and copied out of it within one call. */
let readBuffer: Uint8Array | undefined;

function readWhole(fd: number): Uint8Array {
  readBuffer ??= new Uint8Array(WHOLE_READ_BYTES_MAX);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let got = readSync(fd, readBuffer, 0, readBuffer.length, 0); got > 0; ) {
    size += got;
    if (size > UNSIZED_BYTES_MAX) {
      const limit = `${UNSIZED_BYTES_MAX / 1024 ** 2} MiB`;
      throw new ContentError(
        'too-large',
        `its size does not say how many bytes it has, and it has more than ${limit}: send a copy of it`,
      );
    }
    pieces.push(readBuffer.slice(0, got));
    got = readSync(fd, readBuffer, 0, readBuffer.length, size);
  }
  return concatBytes(pieces, size);
}
