/**
 * An unfinished upload that a put of this store writes to. It is a file in the store's own staging folder
 * whose name is its record; it is renamed each time that more of it is certain.
 */
import type { Outcome, UploadOffset } from '../../contract.ts';
import { ok } from '../../outcome.ts';
import { type Task, wait } from '../../task.ts';
import type { Folder } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { createSystemError, ignoreSystemErrors } from '../errno.ts';
import { RESERVED_FOLDER_ADVICE, type StagedFile } from '../opening/staging-folder.ts';
import {
  noteWritten,
  provableRecord,
  type RecordedUpload,
  type RunInBackground,
  recordRest,
  uploadPath,
  waitForRecording,
} from './recorded-bytes.ts';
import type { StoredUploads } from './stored-uploads.ts';
import type { UploadRecord } from './upload-record.ts';

export interface ActiveUpload extends StagedFile {
  /** The offset and CRC-32 at which the put began. */
  readonly start: UploadOffset;
  /**
   * Called after each write. Begins to record the written bytes when many are not recorded, and does not wait
   * for that. Throws the system error of an earlier upload.
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

export interface ActiveUploadDeps {
  readonly disk: Disk;
  readonly stored: StoredUploads;
  /** The folder of the file: the staging folder of this store. */
  readonly folder: Folder;
  /** Makes the name of the file unique in that folder. */
  readonly serial: number;
  readonly fd: number;
  /** The record that the name of the file has. */
  readonly record: UploadRecord;
  readonly runInBackground: RunInBackground;
}

export function createActiveUpload({ stored, ...deps }: ActiveUploadDeps): ActiveUpload {
  const upload: RecordedUpload = {
    disk: deps.disk,
    folder: deps.folder,
    serial: deps.serial,
    fd: deps.fd,
    runInBackground: deps.runInBackground,
    record: deps.record,
    isRecording: false,
    onRecorded: undefined,
    failure: undefined,
  };
  return {
    fd: deps.fd,
    start: { offset: deps.record.length, crc32: deps.record.crc32 },
    get path() {
      return uploadPath(upload);
    },
    noteWritten: (written) => noteWritten(upload, written),
    waitForRecording: () => waitForRecording(upload),
    distrust(why) {
      upload.failure ??= why;
    },
    sync: (written) => sync(upload, written),
    store: (written, isOpen, redate) => store(upload, stored, written, isOpen, redate),
    drop: (isOpen) => drop(upload, isOpen),
  };
}

function* sync(upload: RecordedUpload, written: UploadOffset): Task<Outcome<UploadOffset>> {
  yield* recordRest(upload, written);
  if (upload.disk.durable) yield* syncFolder(upload);
  return ok(written);
}

/** Makes the name of the file durable. */
function* syncFolder({ disk, folder }: RecordedUpload): Task<void> {
  const { directories } = disk;
  const entered = yield* directories.enter(folder.path, []);
  if (!entered.ok) throw createSystemError('ENOTDIR', RESERVED_FOLDER_ADVICE);
  try {
    yield* wait(entered.value.sync);
  } finally {
    directories.leave(entered.value);
  }
}

function* store(
  upload: RecordedUpload,
  stored: StoredUploads,
  written: UploadOffset,
  isOpen: boolean,
  redate: boolean,
): Task<void> {
  const { io } = upload.disk;
  const last = yield* provableRecord(upload, written, isOpen);
  if (redate) yield* ignoreSystemErrors(setTimeToNow(upload));
  if (isOpen) io.closeQuietly(upload.fd);
  yield* ignoreSystemErrors(last.length > 0 ? storeAs(upload, stored, last) : io.unlink(uploadPath(upload)));
}

/** The age of an upload counts from the last write, whatever time the file gets by its commit. */
function* setTimeToNow(upload: RecordedUpload): Task<void> {
  const { io } = upload.disk;
  const fd = yield* io.open(uploadPath(upload), OPEN_FLAGS.read);
  try {
    yield* io.setTimes(fd, Date.now() / 1000);
  } finally {
    io.closeQuietly(fd);
  }
}

/** Removes the file when it cannot be moved to the stored uploads. */
function* storeAs(upload: RecordedUpload, stored: StoredUploads, last: UploadRecord): Task<void> {
  const path = uploadPath(upload);
  if (!(yield* stored.store(path, last))) yield* upload.disk.io.unlink(path, last.length);
}

function* drop(upload: RecordedUpload, isOpen: boolean): Task<void> {
  const { io } = upload.disk;
  yield* ignoreSystemErrors(waitForRecording(upload));
  if (isOpen) yield* ignoreSystemErrors(io.close(upload.fd));
  yield* ignoreSystemErrors(io.unlink(uploadPath(upload), upload.record.length));
}
