/** A file on this machine as content to be sent. For Node. */
import { closeSync, constants, fstatSync, openSync, read, readSync, type Stats } from 'node:fs';
import { concatBytes } from '../../wire/concat-bytes.ts';
import { bytesContent, type Content } from './content.ts';

/** Bytes up to which a file is read at once, without a round through the thread pool. */
const WHOLE_READ_BYTES_MAX = 128 * 1024;
/** Bytes at the most of a file whose size does not say how many it has: it is read into memory before it is sent. */
const UNSIZED_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes that a file which has none on the disk may claim: files of the kernel say 0, or a page of it. */
const KERNEL_PAGE_BYTES_MAX = 64 * 1024;

/**
 * Opens a regular file, through symbolic links. What is sent is the file as it was when it was opened: one that changes
 * while it is read makes the put fail before its last bytes are sent, so that no mixture is ever stored. What tells is
 * its size, its modification time and, since a program may set that back, the time of its last change of any kind
 * (`ctime`): a file that is renamed or given other permissions meanwhile counts as changed too.
 *
 * A file whose size does not say what is in it (`/proc/cpuinfo` says 0, those below `/sys` say 4,096) is read to its end
 * when it is opened, up to 16 MiB, and has no modification time.
 *
 * @throws the system's error when it cannot be opened; an `Error` that says so when it is no regular file, or when it
 *   says that it is empty and has more than 16 MiB.
 * @example client.put('a.txt', () => fileContent('/home/me/a.txt'))
 */
export function fileContent(path: string): Content {
  // Not to wait for a writer where a FIFO has taken the place of the file.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let before: Stats;
  let unsized: Uint8Array | null;
  try {
    before = fstatSync(fd);
    if (!before.isFile()) throw new Error('it is not a regular file');
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
    // The times of a file of the kernel say nothing of what it has in it, which may be another thing at the next look.
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

function checkUnchanged(before: Stats, after: Stats): void {
  const same =
    after.size === before.size && after.mtimeMs === before.mtimeMs && after.ctimeMs === before.ctimeMs;
  if (!same) throw new Error('it changed while it was being sent');
}

/** Whether the size may say nothing of the content: so it is with an empty file, which costs one read more. */
const isUnsized = ({ size, blocks }: Stats): boolean =>
  size === 0 || (blocks === 0 && size <= KERNEL_PAGE_BYTES_MAX);

/** Read into, and copied out of, within one call. */
let readBuffer: Uint8Array | undefined;

function readWhole(fd: number): Uint8Array {
  readBuffer ??= new Uint8Array(WHOLE_READ_BYTES_MAX);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let got = readSync(fd, readBuffer, 0, readBuffer.length, 0); got > 0; ) {
    size += got;
    if (size > UNSIZED_BYTES_MAX) {
      const limit = `${UNSIZED_BYTES_MAX / 1024 ** 2} MiB`;
      throw new Error(
        `its size does not say how many bytes it has, and it has more than ${limit}: send a copy of it`,
      );
    }
    pieces.push(readBuffer.slice(0, got));
    got = readSync(fd, readBuffer, 0, readBuffer.length, size);
  }
  return concatBytes(pieces, size);
}
