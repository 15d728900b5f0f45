/** Operations on the names of files and folders: what is there, and moving, making and removing them. */
import type { Stats, StatsFs } from 'node:fs';
import { type Task, together, wait } from '../../task.ts';
import { errnoOf } from '../errno.ts';
import { freesInPool, type IoState } from './io-state.ts';

export function* lstat({ fs, usesPool }: IoState, path: string): Task<Stats | undefined> {
  if (!usesPool) return fs.lstatSync(path, { throwIfNoEntry: false });
  try {
    return yield* wait<Stats>((callback) => fs.lstat(path, callback));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export function* lstatAll({ fs, usesPool }: IoState, paths: readonly string[]): Task<(Stats | undefined)[]> {
  if (!usesPool) return paths.map((path) => fs.lstatSync(path, { throwIfNoEntry: false }));
  const found: (Stats | undefined)[] = paths.map(() => undefined);
  const start = (path: string, i: number) => (callback: (error: Error | null) => void) =>
    fs.lstat(path, (error, stats) => {
      if (error === null) found[i] = stats;
      callback(errnoOf(error) === 'ENOENT' ? null : error);
    });
  yield* together(paths.map(start));
  return found;
}

export function* rename(state: IoState, from: string, to: string, freed: number): Task<void> {
  const { fs } = state;
  if (freesInPool(state, freed)) yield* wait((callback) => fs.rename(from, to, callback));
  else fs.renameSync(from, to);
}

export function* link({ fs, usesPool }: IoState, from: string, to: string): Task<void> {
  if (usesPool) yield* wait((callback) => fs.link(from, to, callback));
  else fs.linkSync(from, to);
}

export function* unlink(state: IoState, path: string, freed: number): Task<void> {
  const { fs } = state;
  if (freesInPool(state, freed)) yield* wait((callback) => fs.unlink(path, callback));
  else fs.unlinkSync(path);
}

export function* makeFolder({ fs, usesPool }: IoState, path: string, mode: number): Task<void> {
  if (usesPool) yield* wait((callback) => fs.mkdir(path, mode, callback));
  else fs.mkdirSync(path, mode);
}

export function* removeFolder({ fs, usesPool }: IoState, path: string): Task<void> {
  if (usesPool) yield* wait((callback) => fs.rmdir(path, callback));
  else fs.rmdirSync(path);
}

export function* statSpace({ fs, usesPool }: IoState, path: string): Task<StatsFs> {
  return usesPool ? yield* wait<StatsFs>((callback) => fs.statfs(path, callback)) : fs.statfsSync(path);
}
