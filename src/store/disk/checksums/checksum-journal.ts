/**
 * The checksums' journal, `.sluice/sums`: what was learned at commits, for the store that opens the root next.
 *
 * Lines are appended in batches in the background, never synced, and never waited for by a put. Several processes may
 * append to it: each batch is one write to the end of the file, which is opened for it and closed again. It is a
 * convenience: whatever fails (a full disk, a read-only root, something else in the file's place, lines of garbage)
 * only means that some sums are not known next time.
 */
import { constants, type Stats } from 'node:fs';
import { RESERVED_FOLDER as privateName } from '../../../files/protocol/filename.ts';
import { run, type Task, wait } from '../../task.ts';
import type { Directories, Folder } from '../directories.ts';
import { type DiskIo, flags } from '../disk-io.ts';
import { errnoOf, tried } from '../errno.ts';
import { CHECKSUMS_MAX, type ChecksumCache, type Sum } from './checksum-cache.ts';
import { lineOf, lineReader } from './checksum-lines.ts';

export interface ChecksumJournal {
  /** Never waits, never fails. */
  add(name: string, sum: Sum): void;
  /** Has the sums learn what is in the journal. */
  load(sums: ChecksumCache): Task<void>;
  /** Writes what was not written yet. */
  close(): Promise<void>;
}

/** For sums that are not to survive the store. */
export const noJournal: ChecksumJournal = {
  add: () => {},
  *load() {},
  close: async () => {},
};

export interface JournalLimits {
  /** Milliseconds until what was added is written. */
  readonly delay: number;
  /** Bytes up to which it is not made smaller, however few of its lines are of use. */
  readonly small: number;
}

const defaultLimits: JournalLimits = { delay: 1000, small: 4 * 1024 * 1024 };

/** It is made smaller when it is so many times what it would be then. */
const growth = 3;
/** Nothing is appended beyond so many bytes, nor more than that read: it could not be made smaller. */
const largest = 96 * 1024 * 1024;
/** So many lines are written at once (which bounds for how long the event loop is kept from others). */
const batch = 1024;
/** So many may wait to be written. What comes when as many do is not written. */
const mostWaiting = 16 * batch;
/** Bytes that are read at once, through the thread pool. */
const piece = 256 * 1024;
/** Milliseconds after which somebody who was making it smaller must have died over it. */
const abandoned = 60 * 60 * 1000;

const fileName = 'sums';
const smallerName = 'sums.new';
const append =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Whether writing there writes to nothing else: a second name may be that of somebody's file. */
const isOurs = (stats: Stats): boolean => stats.isFile() && stats.nlink === 1;

/** What comes last is kept longest. */
function setLast(sums: Map<string, Sum>, name: string, sum: Sum): void {
  sums.delete(name);
  sums.set(name, sum);
  const [oldest] = sums.size > CHECKSUMS_MAX ? sums.keys() : [];
  if (oldest !== undefined) sums.delete(oldest);
}

export function checksumJournal(
  io: DiskIo,
  { root, at }: Pick<Directories, 'root' | 'at'>,
  sums: () => ChecksumCache,
  { delay, small }: JournalLimits = defaultLimits,
): ChecksumJournal {
  let waiting: (readonly [string, Sum])[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  /** Its bytes when it was last made smaller. */
  let smallest = 0;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    writing ??= Promise.resolve(run(tried(write()))).finally(() => {
      writing = undefined;
      if (waiting.length > 0) schedule();
    });
  }

  /** What cannot be written now is given up: nobody waits for it. */
  function giveUp(): void {
    waiting = [];
  }

  function schedule(): void {
    timer ??= setTimeout(flush, delay).unref();
  }

  function* write(): Task<void> {
    try {
      yield* inPrivateFolder(function* (folder) {
        const bytes = yield* appendTo(folder);
        if (bytes > Math.max(small, growth * Math.max(sums().bytes, smallest))) yield* shrink(folder);
      });
    } catch (error) {
      giveUp();
      throw error;
    }
  }

  function* inPrivateFolder(act: (folder: Folder) => Task<void>): Task<void> {
    const folder = { fd: yield* io.open(at(root, privateName), flags.folder), path: privateName };
    try {
      yield* act(folder);
    } finally {
      io.letGo(folder.fd);
    }
  }

  /** Gives how many bytes it has then. */
  function* appendTo(folder: Folder): Task<number> {
    const fd = yield* io.open(at(folder, fileName), append, 0o600);
    try {
      const stats = io.fs.fstatSync(fd);
      let { size } = stats;
      while (isOurs(stats) && size < largest && waiting.length > 0)
        size += yield* writeLines(fd, waiting.splice(0, batch));
      giveUp();
      return size;
    } finally {
      io.letGo(fd);
    }
  }

  /** Begins a new line, whatever torn one may be there. */
  function* writeLines(fd: number, lines: readonly (readonly [string, Sum])[]): Task<number> {
    const text = Buffer.from(`\n${lines.map(([name, sum]) => lineOf(name, sum)).join('')}`);
    return yield* wait<number>((back) => io.fs.writev(fd, [text], null, back));
  }

  /** Writes it anew with a line for each name: those of this process, and what others have added. */
  function* shrink(folder: Folder): Task<void> {
    const all = new Map<string, Sum>();
    yield* readFrom(folder, all);
    for (const [name, sum] of sums().all()) setLast(all, name, sum);
    const path = at(folder, smallerName);
    const fd = yield* createAlone(path);
    if (fd === undefined) return;
    try {
      const lines = [...all];
      let bytes = 0;
      for (let i = 0; i < lines.length; i += batch) bytes += yield* writeLines(fd, lines.slice(i, i + batch));
      yield* io.rename(path, at(folder, fileName));
      smallest = bytes;
    } catch (error) {
      yield* tried(io.unlink(path));
      throw error;
    } finally {
      io.letGo(fd);
    }
  }

  /** Undefined when another process is at it. */
  function* createAlone(path: string): Task<number | undefined> {
    try {
      return yield* io.open(path, flags.create, 0o600);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const there = yield* io.look(path);
    if (there !== undefined && there.mtimeMs < Date.now() - abandoned) yield* io.unlink(path);
    return undefined;
  }

  function* readFrom(folder: Folder, into: Map<string, Sum>): Task<void> {
    const fd = yield* io.open(at(folder, fileName), flags.toRead);
    try {
      const stats = io.fs.fstatSync(fd);
      if (!stats.isFile()) return;
      const take = lineReader((name, sum) => setLast(into, name, sum));
      const buffer = Buffer.allocUnsafe(piece);
      for (let from = Math.max(0, stats.size - largest); from < stats.size; from += piece) {
        const filled = yield* io.read(fd, buffer, from);
        if (filled === 0) return;
        take(buffer.subarray(0, filled));
      }
    } finally {
      io.letGo(fd);
    }
  }

  return {
    add(name, sum) {
      if (waiting.length >= mostWaiting) return;
      waiting.push([name, sum]);
      if (waiting.length === batch) flush();
      else if (timer === undefined && writing === undefined) schedule();
    },
    *load(into) {
      const found = new Map<string, Sum>();
      yield* tried(inPrivateFolder((folder) => readFrom(folder, found)));
      for (const [name, sum] of found) into.learn(name, sum);
    },
    async close() {
      await writing;
      if (waiting.length > 0) flush();
      await writing;
      clearTimeout(timer);
    },
  };
}
