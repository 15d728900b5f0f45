/** Opens the file of an upload for a put: a new one, or a stored one, which it moves to the staging folder. */
import type { Task } from '../../task.ts';
import type { Folder } from '../directories/directory.ts';
import type { Disk } from '../disk.ts';
import { OPEN_FLAGS } from '../disk-io.ts';
import { ignoreSystemErrors } from '../errno.ts';
import type { StagingFolder } from '../opening/staging-folder.ts';
import { type ActiveUpload, createActiveUpload } from './active-upload.ts';
import type { RunInBackground } from './recorded-bytes.ts';
import type { StoredUploads } from './stored-uploads.ts';
import { activeFileName, type UploadRecord } from './upload-record.ts';

export interface UploadFiles {
  readonly disk: Disk;
  readonly staging: StagingFolder;
  readonly stored: StoredUploads;
  readonly runInBackground: RunInBackground;
  /** That of the last file that was opened. */
  serial: number;
}

export function* createUpload(files: UploadFiles, key: string): Task<ActiveUpload> {
  const { disk, staging } = files;
  const serial = ++files.serial;
  const record: UploadRecord = { key, length: 0, crc32: 0, synced: true };
  return yield* staging.within(function* (folder) {
    const path = disk.directories.at(folder, activeFileName(serial, record));
    const fd = yield* disk.io.open(path, OPEN_FLAGS.createUpload, 0o666);
    return activeUpload(files, folder, serial, fd, record);
  });
}

/** Undefined when another process took it. */
export function* reopenUpload(files: UploadFiles, record: UploadRecord): Task<ActiveUpload | undefined> {
  const { disk, stored } = files;
  const { io, directories } = disk;
  const serial = ++files.serial;
  const folder = yield* takeToStaging(files, record, serial);
  if (folder === undefined) return undefined;
  const path = directories.at(folder, activeFileName(serial, record));
  let fd: number | undefined;
  try {
    fd = yield* io.open(path, OPEN_FLAGS.reopenUpload);
    // Bytes beyond the record were written before a crash, and may be damaged.
    if (io.fs.fstatSync(fd).size > record.length) yield* io.truncate(fd, record.length);
    return activeUpload(files, folder, serial, fd, record);
  } catch (error) {
    if (fd !== undefined) io.closeQuietly(fd);
    yield* ignoreSystemErrors(putBack(stored, path, record));
    throw error;
  }
}

/** Moves a stored upload to the staging folder; returns that folder, or undefined when the upload is gone. */
const takeToStaging = (
  { disk, staging, stored }: UploadFiles,
  record: UploadRecord,
  serial: number,
): Task<Folder | undefined> =>
  staging.within(function* (folder) {
    const path = disk.directories.at(folder, activeFileName(serial, record));
    return (yield* stored.take(record, path)) ? folder : undefined;
  });

function* putBack(stored: StoredUploads, path: string, record: UploadRecord): Task<void> {
  yield* stored.store(path, record);
}

const activeUpload = (
  { disk, stored, runInBackground }: UploadFiles,
  folder: Folder,
  serial: number,
  fd: number,
  record: UploadRecord,
): ActiveUpload => createActiveUpload({ disk, stored, folder, serial, fd, record, runInBackground });
