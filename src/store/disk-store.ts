/** The store on a disk: files below a root folder, put there atomically and, unless told otherwise, durably. */
import { resolve } from 'node:path';
import type { Answer, FileInfo, Outcome, Source, Store } from './contract.ts';
import { directories } from './directories.ts';
import { diskIo, flags } from './disk-io.ts';
import { listFiles } from './disk-list.ts';
import { openRoot } from './disk-root.ts';
import { type DiskSink, diskSink, type Perform } from './disk-sink.ts';
import { type DiskSource, diskSource } from './disk-source.ts';
import { errnoOf, systemFailure } from './errno.ts';
import { type FileSystem, nodeFileSystem } from './file-system.ts';
import { moveFile, removeFile, whyNotPut } from './name-changes.ts';
import { folderOf, lastOf, refusedName } from './names.ts';
import { done, type Failure, failed } from './outcome.ts';
