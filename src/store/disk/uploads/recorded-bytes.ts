/**
 * The recording of an active upload: it syncs the written bytes, then renames the file to the name that
 * claims them. So the name never claims bytes that a power cut could take.
 */
import type { Outcome, UploadOffset } from '../../contract.ts';
import { okVoid } from '../../outcome.ts';
import { type Task, wait } from '../../task.ts';
import type { Folder } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import { errnoOf } from '../errno.ts';
import { activeFileName, type UploadRecord } from './upload-record.ts';

/** The most bytes that are written without being recorded, in addition to those that are being recorded. */
const RECORD_INTERVAL_BYTES = 8 * 1024 * 1024;

/** Runs a task for which no call waits, unless the store is closing. `close` of the store waits for it. */
export type RunInBackground = (task: Task<Outcome<void>>) => unknown;

/** How much of an active upload is certain. */
export interface RecordedUpload {
  readonly disk: Disk;
  /** The folder of the file: the staging folder of this store. */
  readonly folder: Folder;
  /** Makes the name of the file unique in that folder. */
  readonly serial: number;
  /** The descriptor of the file. */
  readonly fd: number;
  readonly runInBackground: RunInBackground;
  /** The record that the name of the file has now: the bytes that are certain. */
  record: UploadRecord;
  /** Whether a recording runs in the background. */
  isRecording: boolean;
  /** Continues the call that waits for that recording; at most one, as calls do not overlap. */
  onRecorded: (() => void) | undefined;
  /** The error after which only the recorded bytes are certain; undefined when there was none. */
  failure: unknown;
}

/** The path of the file. It changes with each record. */
export const uploadPath = (upload: RecordedUpload): string => pathOf(upload, upload.record);

const pathOf = ({ disk, folder, serial }: RecordedUpload, record: UploadRecord): string =>
  disk.directories.at(folder, activeFileName(serial, record));

/** Begins to record the written bytes in the background when many are not recorded. */
export function noteWritten(upload: RecordedUpload, written: UploadOffset): void {
  if (upload.failure !== undefined) throw upload.failure;
  if (upload.isRecording || written.offset - upload.record.length < RECORD_INTERVAL_BYTES) return;
  void upload.runInBackground(recordInBackground(upload, written));
}

function* recordInBackground(upload: RecordedUpload, written: UploadOffset): Task<Outcome<void>> {
  upload.isRecording = true;
  try {
    yield* recordAll(upload, written);
  } catch {
    // The next call throws the error.
  } finally {
    upload.isRecording = false;
    const callback = upload.onRecorded;
    upload.onRecorded = undefined;
    callback?.();
  }
  return okVoid;
}

/** Waits for the recording in the background. Throws the error of that recording or of an earlier one. */
export function* waitForRecording(upload: RecordedUpload): Task<void> {
  if (upload.isRecording) {
    yield* wait((callback) => {
      upload.onRecorded = () => callback(null);
    });
  }
  if (upload.failure !== undefined) throw upload.failure;
}

/** Waits for the recording in the background, then records the rest of the written bytes. */
export function* recordRest(upload: RecordedUpload, written: UploadOffset): Task<void> {
  yield* waitForRecording(upload);
  if (!isRecorded(upload, written)) yield* recordAll(upload, written);
}

/** First syncs the bytes, then gives the file the name that claims them. */
function* recordAll(upload: RecordedUpload, written: UploadOffset): Task<void> {
  const { io, durable } = upload.disk;
  try {
    if (durable) yield* io.syncFile(upload.fd, false);
    yield* rename(upload, recordOf(upload, written));
  } catch (error) {
    // The system reports a lost write once: the next sync would succeed although the bytes are lost.
    upload.failure = error;
    throw error;
  }
}

function* rename(upload: RecordedUpload, next: UploadRecord): Task<void> {
  yield* upload.disk.io.rename(uploadPath(upload), pathOf(upload, next));
  upload.record = next;
}

/**
 * The record that is certain at the end: of all written bytes, or that of the recorded ones when the others
 * are not certain. The file does not get the name of it here.
 */
export function* provableRecord(
  upload: RecordedUpload,
  written: UploadOffset,
  isOpen: boolean,
): Task<UploadRecord> {
  const { io, durable } = upload.disk;
  try {
    yield* waitForRecording(upload);
    if (isRecorded(upload, written)) return upload.record;
    if (durable && isOpen) yield* io.syncFile(upload.fd, false);
    return recordOf(upload, written);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return upload.record;
  }
}

const recordOf = ({ disk, record }: RecordedUpload, { offset, crc32 }: UploadOffset): UploadRecord => ({
  key: record.key,
  length: offset,
  crc32,
  synced: disk.durable,
});

const isRecorded = ({ disk, record }: RecordedUpload, { offset }: UploadOffset): boolean =>
  record.length === offset && (record.synced || !disk.durable);
