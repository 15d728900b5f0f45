/**
 * The journal of checksums, `.sluice/sums`: it stores the checksums of commits for the next store that opens
 * the root.
 *
 * The journal appends lines in batches in the background, never syncs them, and no put waits for them.
 * Several processes may append to it: each batch is one write to the end of the file, which is opened for it
 * and closed again. The journal is optional: any failure (a full disk, a read-only root, another file in its
 * place, invalid lines) only means that the next store does not know some checksums.
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
  /** Never waits and never fails. */
  add(name: string, checksum: Checksum): void;
  /** Adds the checksums of the journal to the cache. */
  load(checksums: ChecksumCache): Task<void>;
  /** Writes the lines that wait. */
  close(): Promise<void>;
}

/** For checksums that need not survive the store. */
export const NO_JOURNAL: ChecksumJournal = {
  add: () => {},
  *load() {},
  close: async () => {},
};

export interface JournalLimits {
  /** Milliseconds after which a new line is written. */
  readonly flushDelayMs: number;
  /** A journal of at most this many bytes is not compacted, however many of its lines are obsolete. */
  readonly compactBytesMin: number;
}

const DEFAULT_JOURNAL_LIMITS: JournalLimits = { flushDelayMs: 1000, compactBytesMin: 4 * 1024 * 1024 };

/** The journal is compacted when it is this many times larger than the result would be. */
const COMPACT_FACTOR = 3;
/** Nothing is appended beyond this size, and no more is read: a larger journal could not be compacted. */
const JOURNAL_BYTES_MAX = 96 * 1024 * 1024;
/** Lines that are written at once, which bounds how long the event loop is busy with them. */
const BATCH_LINES = 1024;
/** Lines that may wait. Further ones are dropped. */
const WAITING_LINES_MAX = 16 * BATCH_LINES;
/** Bytes that are read at once, through the thread pool. */
const READ_BYTES = 256 * 1024;
/** Milliseconds after which an unfinished compaction counts as abandoned by a dead process. */
const ABANDONED_MS = 60 * 60 * 1000;

const JOURNAL_NAME = 'sums';
const COMPACTED_NAME = 'sums.new';
const APPEND_FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Whether a write changes only the journal: a second name of the file may be that of a user's file. */
const isOurs = (stats: Stats): boolean => stats.isFile() && stats.nlink === 1;

/** Inserts at the end, since the newest entries are evicted last. */
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
  /** The size after the last compaction. */
  let compactedBytes = 0;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    writing ??= Promise.resolve(run(ignoreSystemErrors(write()))).finally(() => {
      writing = undefined;
      if (waiting.length > 0) schedule();
    });
  }

  /** Drops the lines that could not be written: nothing depends on them. */
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

  /** Returns the size of the journal after that. */
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

  /** Begins with a newline, in case the last line is torn. */
  function* writeLines(fd: number, lines: readonly (readonly [string, Checksum])[]): Task<number> {
    const text = Buffer.from(`\n${lines.map(([name, checksum]) => formatLine(name, checksum)).join('')}`);
    return yield* wait<number>((callback) => io.fs.writev(fd, [text], null, callback));
  }

  /** Writes a new journal with one line for each name: those of this process and of others. */
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

  /** Undefined when another process is compacting. */
  function* createExclusive(path: string): Task<number | undefined> {
    try {
      return yield* io.open(path, OPEN_FLAGS.create, 0o600);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const stats = yield* io.lstat(path);
    if (stats !== undefined && stats.mtimeMs < Date.now() - ABANDONED_MS) yield* io.unlink(path);
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
