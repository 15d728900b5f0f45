/** Opening and closing: what needs a descriptor, of which the system has few. */
import type { Dirent } from 'node:fs';
import { type Task, wait } from '../../task.ts';
import { errnoOf } from '../errno.ts';
import type { OpenFolder, OpenFolderOptions } from '../file-system.ts';
import { freesInPool, type IoState } from './io-state.ts';

export const openFile = (
  state: IoState,
  path: string,
  openFlags: number,
  mode: number | undefined,
): Task<number> => retryWithDescriptors(state, () => openFileOnce(state, path, openFlags, mode));

function* openFileOnce(
  { fs, usesPool }: IoState,
  path: string,
  openFlags: number,
  mode: number | undefined,
): Task<number> {
  return usesPool
    ? yield* wait<number>((callback) => fs.open(path, openFlags, mode, callback))
    : fs.openSync(path, openFlags, mode);
}

export const openFolder = (state: IoState, path: string, options: OpenFolderOptions): Task<OpenFolder> =>
  retryWithDescriptors(state, () => openFolderOnce(state, path, options));

function* openFolderOnce(
  { fs, usesPool }: IoState,
  path: string,
  options: OpenFolderOptions,
): Task<OpenFolder> {
  return usesPool
    ? yield* wait<OpenFolder>((callback) => fs.opendir(path, options, callback))
    : fs.opendirSync(path, options);
}

export const readEntries = (state: IoState, path: string): Task<Dirent[]> =>
  retryWithDescriptors(state, () =>
    wait((callback) => state.fs.readdir(path, { withFileTypes: true }, callback)),
  );

/** Tries once more when there were no descriptors left and some could be closed. */
function* retryWithDescriptors<T>(state: IoState, attempt: () => Task<T>): Task<T> {
  try {
    return yield* attempt();
  } catch (error) {
    const errno = errnoOf(error);
    if ((errno !== 'EMFILE' && errno !== 'ENFILE') || !state.closeUnused()) throw error;
  }
  return yield* attempt();
}

export function* closeFile(state: IoState, fd: number, freed: number): Task<void> {
  const { fs } = state;
  if (freesInPool(state, freed)) yield* wait((callback) => fs.close(fd, callback));
  else fs.closeSync(fd);
}

export function closeQuietly({ fs }: IoState, fd: number): void {
  try {
    fs.closeSync(fd);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
