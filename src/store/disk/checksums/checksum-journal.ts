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
import type { Directories } from '../directories.ts';
import type { Folder } from '../directory.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf, ignoreSystemErrors } from '../errno.ts';
import { CHECKSUMS_MAX, type Checksum, type ChecksumCache } from './checksum-cache.ts';
import { createLineReader, formatLine } from './checksum-lines.ts';

export interface ChecksumJournal {
  /** Never waits, never fails. */
  add(name: string, checksum: Checksum): void;
  /** Has the sums learn what is in the journal. */
  load(checksums: ChecksumCache): Task<void>;
  /** Writes what was not written yet. */
  close(): Promise<void>;
}

/** For sums that are not to survive the store. */
export const NO_JOURNAL: ChecksumJournal = {
  add: () => {},
  *load() {},
  close: async () => {},
};

export interface JournalLimits {
  /** Milliseconds until what was added is written. */
  readonly flushDelayMs: number;
  /** Bytes up to which it is not made smaller, however few of its lines are of use. */
  readonly compactBytesMin: number;
}

const DEFAULT_JOURNAL_LIMITS: JournalLimits = { flushDelayMs: 1000, compactBytesMin: 4 * 1024 * 1024 };

/** It is made smaller when it is so many times what it would be then. */
const COMPACT_FACTOR = 3;
/** Nothing is appended beyond so many bytes, nor more than that read: it could not be made smaller. */
const JOURNAL_BYTES_MAX = 96 * 1024 * 1024;
/** So many lines are written at once (which bounds for how long the event loop is kept from others). */
const BATCH_LINES = 1024;
/** So many may wait to be written. What comes when as many do is not written. */
const WAITING_LINES_MAX = 16 * BATCH_LINES;
/** Bytes that are read at once, through the thread pool. */
const READ_BYTES = 256 * 1024;
/** Milliseconds after which somebody who was making it smaller must have died over it. */
const ABANDONED_MS = 60 * 60 * 1000;

const JOURNAL_NAME = 'sums';
const COMPACTED_NAME = 'sums.new';
const APPEND_FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Whether writing there writes to nothing else: a second name may be that of somebody's file. */
const isOurs = (stats: Stats): boolean => stats.isFile() && stats.nlink === 1;

/** What comes last is kept longest. */
function setNewest(checksums: Map<string, Checksum>, name: string, checksum: Checksum): void {
  checksums.delete(name);
  checksums.set(name, checksum);
  const [oldest] = checksums.size > CHECKSUMS_MAX ? checksums.keys() : [];
  if (oldest !== undefined) checksums.delete(oldest);
}

export function createChecksumJournal(
  io: DiskIo,
  { root, at }: Pick<Directories, 'root' | 'at'>,
  checksums: () => ChecksumCache,
  { flushDelayMs, compactBytesMin }: JournalLimits = DEFAULT_JOURNAL_LIMITS,
): ChecksumJournal {
  let waiting: (readonly [string, Checksum])[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  /** Its bytes when it was last made smaller. */
  let compactedBytes = 0;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    writing ??= Promise.resolve(run(ignoreSystemErrors(write()))).finally(() => {
      writing = undefined;
      if (waiting.length > 0) schedule();
    });
  }

  /** What cannot be written now is given up: nobody waits for it. */
  function dropWaiting(): void {
    waiting = [];
  }

  function schedule(): void {
    timer ??= setTimeout(flush, flushDelayMs).unref();
  }

  function* write(): Task<void> {
    try {
      yield* inReservedFolder(function* (folder) {
        const bytes = yield* appendTo(folder);
        if (bytes > Math.max(compactBytesMin, COMPACT_FACTOR * Math.max(checksums().bytes, compactedBytes)))
          yield* compact(folder);
      });
    } catch (error) {
      dropWaiting();
      throw error;
    }
  }

  function* inReservedFolder(act: (folder: Folder) => Task<void>): Task<void> {
    const folder = { fd: yield* io.open(at(root, privateName), OPEN_FLAGS.folder), path: privateName };
    try {
      yield* act(folder);
    } finally {
      io.closeQuietly(folder.fd);
    }
  }

  /** Gives how many bytes it has then. */
  function* appendTo(folder: Folder): Task<number> {
    const fd = yield* io.open(at(folder, JOURNAL_NAME), APPEND_FLAGS, 0o600);
    try {
      const stats = io.fs.fstatSync(fd);
      let { size } = stats;
      while (isOurs(stats) && size < JOURNAL_BYTES_MAX && waiting.length > 0)
        size += yield* writeLines(fd, waiting.splice(0, BATCH_LINES));
      dropWaiting();
      return size;
    } finally {
      io.closeQuietly(fd);
    }
  }

  /** Begins a new line, whatever torn one may be there. */
  function* writeLines(fd: number, lines: readonly (readonly [string, Checksum])[]): Task<number> {
    const text = Buffer.from(`\n${lines.map(([name, checksum]) => formatLine(name, checksum)).join('')}`);
    return yield* wait<number>((callback) => io.fs.writev(fd, [text], null, callback));
  }

  /** Writes it anew with a line for each name: those of this process, and what others have added. */
  function* compact(folder: Folder): Task<void> {
    const all = new Map<string, Checksum>();
    yield* readFrom(folder, all);
    for (const [name, checksum] of checksums().entries()) setNewest(all, name, checksum);
    const path = at(folder, COMPACTED_NAME);
    const fd = yield* createExclusive(path);
    if (fd === undefined) return;
    try {
      const lines = [...all];
      let bytes = 0;
      for (let i = 0; i < lines.length; i += BATCH_LINES)
        bytes += yield* writeLines(fd, lines.slice(i, i + BATCH_LINES));
      yield* io.rename(path, at(folder, JOURNAL_NAME));
      compactedBytes = bytes;
    } catch (error) {
      yield* ignoreSystemErrors(io.unlink(path));
      throw error;
    } finally {
      io.closeQuietly(fd);
    }
  }

  /** Undefined when another process is at it. */
  function* createExclusive(path: string): Task<number | undefined> {
    try {
      return yield* io.open(path, OPEN_FLAGS.create, 0o600);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const there = yield* io.lstat(path);
    if (there !== undefined && there.mtimeMs < Date.now() - ABANDONED_MS) yield* io.unlink(path);
    return undefined;
  }

  function* readFrom(folder: Folder, into: Map<string, Checksum>): Task<void> {
    const fd = yield* io.open(at(folder, JOURNAL_NAME), OPEN_FLAGS.read);
    try {
      const stats = io.fs.fstatSync(fd);
      if (!stats.isFile()) return;
      const take = createLineReader((name, checksum) => setNewest(into, name, checksum));
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (let from = Math.max(0, stats.size - JOURNAL_BYTES_MAX); from < stats.size; from += READ_BYTES) {
        const filled = yield* io.read(fd, buffer, from);
        if (filled === 0) return;
        take(buffer.subarray(0, filled));
      }
    } finally {
      io.closeQuietly(fd);
    }
  }

  return {
    add(name, checksum) {
      if (waiting.length >= WAITING_LINES_MAX) return;
      waiting.push([name, checksum]);
      if (waiting.length === BATCH_LINES) flush();
      else if (timer === undefined && writing === undefined) schedule();
    },
    *load(into) {
      const found = new Map<string, Checksum>();
      yield* ignoreSystemErrors(inReservedFolder((folder) => readFrom(folder, found)));
      for (const [name, checksum] of found) into.addKnown(name, checksum);
    },
    async close() {
      await writing;
      if (waiting.length > 0) flush();
      await writing;
      clearTimeout(timer);
    },
  };
}
