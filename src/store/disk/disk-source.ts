/** An opened file of the disk store, to read from. */
import type { FileInfo, Source } from '../contract.ts';
import { err, ok } from '../outcome.ts';
import { run, type Task } from '../task.ts';
import type { DiskIo } from './disk-io.ts';
import type { RunCall } from './disk-sink.ts';
import { ignoreSystemErrors } from './errno.ts';

export interface DiskSource extends Source {
  /** The steps of `close`, for `close` of the store. */
  release(): Task<void>;
}

/** @param onEnd called once, when the source was closed. */
export function createDiskSource(
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
