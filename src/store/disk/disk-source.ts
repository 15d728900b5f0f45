/** An opened file of the disk store, to read from. */
import type { Stats } from 'node:fs';
import type { FileInfo, Outcome, Source } from '../contract.ts';
import { err, ok } from '../outcome.ts';
import { run, type Task } from '../task.ts';
import { type Disk, fileInfoWithChecksum } from './disk.ts';
import { type DiskIo, OPEN_FLAGS } from './disk-io.ts';
import type { RunCall } from './disk-sink.ts';
import { errnoOf, ignoreSystemErrors } from './errno.ts';
import { regularFile } from './file-operations.ts';

export interface DiskSource extends Source {
  /** The steps of `close`, for `close` of the store. */
  release(): Task<void>;
}

/** @param onEnd called once, when the source was closed. */
function createDiskSource(
  io: DiskIo,
  runCall: RunCall,
  fd: number,
  info: FileInfo,
  onEnd: () => void,
): DiskSource {
  const { size } = info;
  /**
   * Reads under way. The descriptor must not be closed (and its number given to another file) during a read.
   */
  let reads = 0;
  let closed = false;

  function* read(offset: number, length: number, memory: Uint8Array | undefined) {
    reads += 1;
    try {
      const count = Math.max(0, Math.min(length, size - offset));
      const bytes = memory === undefined ? Buffer.allocUnsafe(count) : memory.subarray(0, count);
      const filled = yield* io.read(fd, bytes, offset);
      return ok<Uint8Array>(bytes.subarray(0, filled));
    } finally {
      reads -= 1;
      if (closed && reads === 0) yield* ignoreSystemErrors(io.close(fd, size));
    }
  }

  function* release(): Task<void> {
    if (closed) return;
    closed = true;
    onEnd();
    if (reads === 0) yield* ignoreSystemErrors(io.close(fd, size));
  }

  return {
    ...info,
    release,
    read: (offset, length, memory) => (closed ? err('shutting-down') : runCall(read(offset, length, memory))),
    close: () => run(release()),
  };
}

/** What a source is opened with. */
export interface SourceDeps {
  readonly disk: Disk;
  readonly runCall: RunCall;
  /** The files that are open for reading. */
  readonly sources: Set<DiskSource>;
}

export function* openSource(deps: SourceDeps, path: string, name: string): Task<Outcome<Source>> {
  const { disk, runCall, sources } = deps;
  const opened = yield* openRegularFile(disk, path);
  if (!opened.ok) return opened;
  const { fd, stats } = opened.value;
  const info = yield* fileInfoWithChecksum(disk, name, stats);
  const source = createDiskSource(disk.io, runCall, fd, info, () => sources.delete(source));
  sources.add(source);
  return ok(source);
}

/** Opens a file for reading. Throws system errors. */
export function* openRegularFile(
  { io }: Disk,
  path: string,
): Task<Outcome<{ readonly fd: number; readonly stats: Stats }>> {
  let fd: number;
  try {
    fd = yield* io.open(path, OPEN_FLAGS.read);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ELOOP') return err('not-a-file', 'it is a symbolic link, which is not followed');
    throw error;
  }
  let file: Outcome<Stats> | undefined;
  try {
    file = regularFile(io.fs.fstatSync(fd));
  } finally {
    if (file?.ok !== true) yield* ignoreSystemErrors(io.close(fd));
  }
  return file.ok ? ok({ fd, stats: file.value }) : file;
}
