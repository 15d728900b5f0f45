/**
 * An unfinished upload that a put of this store writes to: a file in the store's own folder that bears its record as its
 * name, and gets another name each time that more of it is sure.
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
  /** What there was of it when it was taken up. */
  readonly start: UploadOffset;
  /**
   * To be called after each write: begins to record it when there is much that is not, and does not wait for that.
   * Throws what the system threw at an earlier one.
   */
  noteWritten(written: UploadOffset): void;
  /** Waits for what `wrote` began. Throws what the system threw at it: then nothing later can be trusted to be there. */
  waitForRecording(): Task<void>;
  /** To be told what a sync by another than this has thrown: only what was recorded before can be trusted then. */
  distrust(why: unknown): void;
  /** Records it all, so that it survives what a commit would. Throws what the system throws. */
  sync(written: UploadOffset): Task<Outcome<UploadOffset>>;
  /**
   * Lets go of it and keeps it: as much of it as is surely there. Never throws what the system throws.
   *
   * @param isOpen whether the descriptor is, and is to be closed; when it is not, all that was written was synced.
   * @param redate whether its time may have been set to another than that of its last write.
   */
  store(written: UploadOffset, isOpen: boolean, redate: boolean): Task<void>;
  /** Lets go of it and removes it. Never throws what the system throws. */
  drop(isOpen: boolean): Task<void>;
}

/** So many bytes are written at most without being recorded, and while those before them are. */
const RECORD_INTERVAL_BYTES = 8 * 1024 * 1024;

export interface ActiveUploadDeps {
  readonly disk: Disk;
  readonly stored: StoredUploads;
  /** Where it lies: this store's own folder. */
  readonly folder: Folder;
  readonly serial: number;
  readonly fd: number;
  readonly record: UploadRecord;
  /** Runs what nobody waits for, or not at all when the store is closing; the store waits for it to end. */
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
  /** Who waits for what is being recorded: one, as calls do not overlap. */
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

  /** The bytes first and then the name that says so. */
  function* recordAll(written: UploadOffset): Task<void> {
    try {
      if (durable) yield* io.syncFile(fd, false);
      yield* rename(recordOf(written));
    } catch (error) {
      // The system says so once: the next sync would succeed though what this one was about is lost.
      failure = error;
      throw error;
    }
  }

  function* recordInBackground(written: UploadOffset): Task<Outcome<void>> {
    isRecording = true;
    try {
      yield* recordAll(written);
    } catch {
      // Whoever makes the next call hears of it.
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

  /** What can be claimed at the end: all that was written, or what was recorded before if that is all that is sure. */
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

  /** Its age counts from the last write, whatever the file is to say once it is whole. */
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
