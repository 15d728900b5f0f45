/**
 * The file `.sluice/format`, which says in which format the store's own files are: one line,
 * `sluice store format 1`, or `sluice store format 1 to 2` from the beginning of an upgrade to its end.
 *
 * Whatever formats come, this file keeps its place and its first line, so that every program can read it.
 * Only a newer format may add lines.
 */
import type { Task } from '../../task.ts';
import type { At, Folder } from '../directories/directory.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf, FormatError } from '../errno.ts';

/** The format of a store, as its file says. */
export interface StoreFormat {
  readonly version: number;
  /** The version to which an upgrade is under way, or was interrupted. */
  readonly upgradingTo?: number;
}

/** Where the file is, and how it is written. */
export interface FormatPlace {
  readonly io: DiskIo;
  readonly at: At;
  /** Whether the file has to be on stable storage before anything relies on it. */
  readonly durable: boolean;
  readonly root: Folder;
  /** The reserved folder, which has the file. */
  readonly reserved: Folder;
  /** The staging folder of this store, where the file is written before it gets its name. */
  readonly own: Folder;
}

const FORMAT_NAME = 'format';
/** Many times the length of the first line. */
const READ_BYTES = 256;
const LINE_PATTERN = /^sluice store format ([1-9]\d{0,8})(?: to ([1-9]\d{0,8}))?\n/;

const lineOf = ({ version, upgradingTo }: StoreFormat): string =>
  `sluice store format ${version}${upgradingTo === undefined ? '' : ` to ${upgradingTo}`}\n`;

/** The format that a text says; undefined when no store wrote it. */
function parseFormat(text: string): StoreFormat | undefined {
  const [line, version, upgradingTo] = LINE_PATTERN.exec(text) ?? [];
  if (line === undefined) return undefined;
  const format = { version: Number(version) };
  if (upgradingTo === undefined) return format;
  return Number(upgradingTo) > format.version ? { ...format, upgradingTo: Number(upgradingTo) } : undefined;
}

/**
 * The format of the store; undefined when nothing says it. Throws a `FormatError` when the file is not one
 * that a store wrote, and system errors.
 */
export function* readFormat(
  { io, at }: Pick<FormatPlace, 'io' | 'at'>,
  reserved: Folder,
): Task<StoreFormat | undefined> {
  let text: string | undefined;
  try {
    text = yield* readText(io, at(reserved, FORMAT_NAME));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return undefined;
    // A link, a socket, a device without a driver.
    if (errno !== 'ELOOP' && errno !== 'ENXIO' && errno !== 'ENODEV') throw error;
  }
  const format = text === undefined ? undefined : parseFormat(text);
  if (format === undefined) {
    throw new FormatError(
      `'${reserved.path}/${FORMAT_NAME}' does not say in which format the store's own files are, though it is there; ` +
        'restore it from a backup, or move the whole folder away: with it go unfinished uploads and checksums, but no stored file',
    );
  }
  return format;
}

/** The beginning of a file; undefined when it is not a regular file. */
function* readText(io: DiskIo, path: string): Task<string | undefined> {
  const fd = yield* io.open(path, OPEN_FLAGS.read);
  try {
    if (!io.fs.fstatSync(fd).isFile()) return undefined;
    const bytes = Buffer.alloc(READ_BYTES);
    return bytes.toString('latin1', 0, yield* io.read(fd, bytes, 0));
  } finally {
    io.closeQuietly(fd);
  }
}

/**
 * Writes the file, atomically, and durably if the store is. Throws system errors; then the file is the one
 * from before, or this one.
 */
export function* writeFormat(place: FormatPlace, format: StoreFormat): Task<void> {
  const { io, at, durable, root, reserved, own } = place;
  const path = at(own, FORMAT_NAME);
  const fd = yield* io.open(path, OPEN_FLAGS.create, 0o600);
  try {
    yield* io.write(fd, [Buffer.from(lineOf(format))], 0, 0);
    if (durable) yield* io.syncFile(fd, false);
  } finally {
    io.closeQuietly(fd);
  }
  yield* io.rename(path, at(reserved, FORMAT_NAME));
  if (!durable) return;
  yield* io.syncFile(reserved.fd, true);
  // Another process may have made the reserved folder, and have died before its sync.
  yield* io.syncFile(root.fd, true);
}
