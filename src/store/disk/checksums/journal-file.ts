/**
 * The file of the checksum journal, `.sluice/sums`: how it is read, extended and compacted.
 *
 * Several processes may append to it: each batch is one write to the end of the file, which is opened for it
 * and closed again. Any of these functions may throw system errors.
 */
import { constants, type Stats } from 'node:fs';
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import { type Task, wait } from '../../task.ts';
import type { Directories } from '../directories/directories.ts';
import type { Folder } from '../directories/directory.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf, ignoreSystemErrors } from '../errno.ts';
import { CHECKSUMS_MAX, type Checksum } from './checksum-cache.ts';
import { createLineReader, formatLine } from './checksum-lines.ts';

/** A line of the journal: a name and its checksum. */
export type JournalLine = readonly [string, Checksum];

export interface JournalDeps {
  readonly io: DiskIo;
  readonly directories: Pick<Directories, 'root' | 'at'>;
}

/** Nothing is appended beyond this size, and no more is read: a larger journal could not be compacted. */
const JOURNAL_BYTES_MAX = 96 * 1024 * 1024;
/** Lines that are written at once, which bounds how long the event loop is busy with them. */
export const BATCH_LINES = 1024;
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

/** Acts in the folder of the journal. */
export function* inReservedFolder(
  { io, directories: { root, at } }: JournalDeps,
  act: (folder: Folder) => Task<void>,
): Task<void> {
  const folder = { fd: yield* io.open(at(root, RESERVED_FOLDER), OPEN_FLAGS.folder), path: RESERVED_FOLDER };
  try {
    yield* act(folder);
  } finally {
    io.closeQuietly(folder.fd);
  }
}

/**
 * Appends batches of lines until there are none; returns the size of the journal after that.
 *
 * @param nextBatch returns the next lines, at most `BATCH_LINES`; none when there are no more. It is not
 *   called when the journal must not grow.
 */
export function* appendLines(
  { io, directories }: JournalDeps,
  folder: Folder,
  nextBatch: () => readonly JournalLine[],
): Task<number> {
  const fd = yield* io.open(directories.at(folder, JOURNAL_NAME), APPEND_FLAGS, 0o600);
  try {
    const stats = io.fs.fstatSync(fd);
    let { size } = stats;
    while (isOurs(stats) && size < JOURNAL_BYTES_MAX) {
      const lines = nextBatch();
      if (lines.length === 0) break;
      size += yield* writeLines(io, fd, lines);
    }
    return size;
  } finally {
    io.closeQuietly(fd);
  }
}

/** Begins with a newline, in case the last line is torn. */
function* writeLines(io: DiskIo, fd: number, lines: readonly JournalLine[]): Task<number> {
  const text = Buffer.from(`\n${lines.map(([name, checksum]) => formatLine(name, checksum)).join('')}`);
  return yield* wait<number>((callback) => io.fs.writev(fd, [text], null, callback));
}

/**
 * Writes a new journal with one line for each name: those of this process and of others.
 *
 * @param newest the checksums of this process.
 * @returns the bytes of the new journal; undefined when another process is compacting.
 */
export function* compactJournal(
  deps: JournalDeps,
  folder: Folder,
  newest: () => Iterable<JournalLine>,
): Task<number | undefined> {
  const { io, directories } = deps;
  const all = new Map<string, Checksum>();
  yield* readJournal(deps, folder, all);
  for (const [name, checksum] of newest()) setNewest(all, name, checksum);
  const path = directories.at(folder, COMPACTED_NAME);
  const fd = yield* createExclusive(io, path);
  if (fd === undefined) return undefined;
  try {
    const lines = [...all];
    let bytes = 0;
    for (let i = 0; i < lines.length; i += BATCH_LINES)
      bytes += yield* writeLines(io, fd, lines.slice(i, i + BATCH_LINES));
    yield* io.rename(path, directories.at(folder, JOURNAL_NAME));
    return bytes;
  } catch (error) {
    yield* ignoreSystemErrors(io.unlink(path));
    throw error;
  } finally {
    io.closeQuietly(fd);
  }
}

/** Undefined when another process is compacting. */
function* createExclusive(io: DiskIo, path: string): Task<number | undefined> {
  try {
    return yield* io.open(path, OPEN_FLAGS.create, 0o600);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  const stats = yield* io.lstat(path);
  if (stats !== undefined && stats.mtimeMs < Date.now() - ABANDONED_MS) yield* io.unlink(path);
  return undefined;
}

/** Adds the checksums of the journal to `into`, the newest of each name. */
export function* readJournal(
  { io, directories }: JournalDeps,
  folder: Folder,
  into: Map<string, Checksum>,
): Task<void> {
  const fd = yield* io.open(directories.at(folder, JOURNAL_NAME), OPEN_FLAGS.read);
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

/**
 * Inserts at the end, since the newest entries are evicted last. Not what is older than what is known of the name: several
 * processes write lines, and each some time after its commits.
 */
function setNewest(checksums: Map<string, Checksum>, name: string, checksum: Checksum): void {
  const known = checksums.get(name);
  if (known !== undefined && known.until > checksum.until) return;
  checksums.delete(name);
  checksums.set(name, checksum);
  const [oldest] = checksums.size > CHECKSUMS_MAX ? checksums.keys() : [];
  if (oldest !== undefined) checksums.delete(oldest);
}
