/**
 * An unfinished upload that a put of this store writes to. It is a file in the store's own staging folder
 * whose name is its record; it is renamed each time that more of it is certain.
 */
import type { Outcome, UploadOffset } from '../../contract.ts';
import { ok, okVoid } from '../../outcome.ts';
import { type Task, wait } from '../../task.ts';
import type { Folder } from '../directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { createSystemError, errnoOf, ignoreSystemErrors } from '../errno.ts';
import { RESERVED_FOLDER_ADVICE, type StagedFile } from '../staging-folder.ts';
import type { StoredUploads } from './stored-uploads.ts';
import { activeFileName, type UploadRecord } from './upload-record.ts';

export interface ActiveUpload extends StagedFile {
  /** The offset and CRC-32 at which the put began. */
  readonly start: UploadOffset;
  /**
   * Called after each write. Begins to record the written bytes when many are not recorded, and does not wait
   * for that. Throws the system error of an earlier recording.
   */
  noteWritten(written: UploadOffset): void;
  /**
   * Waits for the recording that `noteWritten` began. Throws its system error: then later bytes may be
   * missing.
   */
  waitForRecording(): Task<void>;
  /**
   * Called with the error of a sync outside this module: from then on only the recorded bytes are certain.
   */
  distrust(why: unknown): void;
  /** Records all written bytes, so that they are as durable as after a commit. Throws system errors. */
  sync(written: UploadOffset): Task<Outcome<UploadOffset>>;
  /**
   * Closes the upload and moves it to the stored ones, with as many bytes as are certain. Never throws system
   * errors.
   *
   * @param isOpen whether the descriptor is open and has to be closed; when it is not, all written bytes were
   *   synced.
   * @param redate whether the put may have set another time than that of the last write.
   */
  store(written: UploadOffset, isOpen: boolean, redate: boolean): Task<void>;
  /** Closes the upload and removes it. Never throws system errors. */
  drop(isOpen: boolean): Task<void>;
}

/** The most bytes that are written without being recorded, in addition to those that are being recorded. */
const RECORD_INTERVAL_BYTES = 8 * 1024 * 1024;

export interface ActiveUploadDeps {
  readonly disk: Disk;
  readonly stored: StoredUploads;
  /** The folder of the file: this store's own staging folder. */
  readonly folder: Folder;
  readonly serial: number;
  readonly fd: number;
  readonly record: UploadRecord;
  /** Runs a task for which no call waits, unless the store is closing. `close` of the store waits for it. */
  readonly background: (task: Task<Outcome<void>>) => unknown;
}

export function createActiveUpload({
  disk,
  stored,
  folder,
  serial,
  fd,
  record: first,
  background,
}: ActiveUploadDeps): ActiveUpload {
  const { io, durable, directories } = disk;
  const pathOf = (record: UploadRecord) => directories.at(folder, activeFileName(serial, record));
  const start: UploadOffset = { offset: first.length, crc32: first.crc32 };
  let record = first;
  let isRecording = false;
  /** Continues the call that waits for the recording; at most one, as calls do not overlap. */
  let onRecorded: (() => void) | undefined;
  let failure: unknown;

  const { key } = first;
  const recordOf = ({ offset, crc32 }: UploadOffset): UploadRecord => ({
    key,
    length: offset,
    crc32,
    synced: durable,
  });
  const isRecorded = ({ offset }: UploadOffset) => record.length === offset && (record.synced || !durable);

  function* rename(next: UploadRecord): Task<void> {
    yield* io.rename(pathOf(record), pathOf(next));
    record = next;
  }

  /** First syncs the bytes, then gives the file the name that claims them. */
  function* recordAll(written: UploadOffset): Task<void> {
    try {
      if (durable) yield* io.syncFile(fd, false);
      yield* rename(recordOf(written));
    } catch (error) {
      // The system reports a lost write once: the next sync would succeed although the bytes are lost.
      failure = error;
      throw error;
    }
  }

  function* recordInBackground(written: UploadOffset): Task<Outcome<void>> {
    isRecording = true;
    try {
      yield* recordAll(written);
    } catch {
      // The next call throws the error.
    } finally {
      isRecording = false;
      const callback = onRecorded;
      onRecorded = undefined;
      callback?.();
    }
    return okVoid;
  }

  function* waitForRecording(): Task<void> {
    if (isRecording) {
      yield* wait((callback) => {
        onRecorded = () => callback(null);
      });
    }
    if (failure !== undefined) throw failure;
  }

  /**
   * The record that is certain at the end: all written bytes, or those recorded before when the rest is not.
   */
  function* provableRecord(written: UploadOffset, isOpen: boolean): Task<UploadRecord> {
    try {
      yield* waitForRecording();
      if (isRecorded(written)) return record;
      if (durable && isOpen) yield* io.syncFile(fd, false);
      return recordOf(written);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return record;
    }
  }

  /**
   * Sets the time to now: the age of an upload counts from the last write, whatever time the file gets by its
   * commit.
   */
  function* touch(): Task<void> {
    const now = yield* io.open(pathOf(record), OPEN_FLAGS.read);
    try {
      yield* io.setTimes(now, Date.now() / 1000);
    } finally {
      io.closeQuietly(now);
    }
  }

  function* storeAs(last: UploadRecord): Task<void> {
    if (!(yield* stored.store(pathOf(record), last))) yield* io.unlink(pathOf(record), last.length);
  }

  return {
    fd,
    start,
    get path() {
      return pathOf(record);
    },
    noteWritten(written) {
      if (failure !== undefined) throw failure;
      if (isRecording || written.offset - record.length < RECORD_INTERVAL_BYTES) return;
      void background(recordInBackground(written));
    },
    waitForRecording,
    distrust(why) {
      failure ??= why;
    },
    *sync(written) {
      yield* waitForRecording();
      if (!isRecorded(written)) yield* recordAll(written);
      if (durable) {
        const entered = yield* directories.enter(folder.path, []);
        if (!entered.ok) throw createSystemError('ENOTDIR', RESERVED_FOLDER_ADVICE);
        try {
          yield* wait(entered.value.sync);
        } finally {
          directories.leave(entered.value);
        }
      }
      return ok(written);
    },
    *store(written, isOpen, redate) {
      const last = yield* provableRecord(written, isOpen);
      if (redate) yield* ignoreSystemErrors(touch());
      if (isOpen) io.closeQuietly(fd);
      yield* ignoreSystemErrors(last.length > 0 ? storeAs(last) : io.unlink(pathOf(record)));
    },
    *drop(isOpen) {
      yield* ignoreSystemErrors(waitForRecording());
      if (isOpen) yield* ignoreSystemErrors(io.close(fd));
      yield* ignoreSystemErrors(io.unlink(pathOf(record), record.length));
    },
  };
}
