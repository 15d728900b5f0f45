/** Operations on the names of files and folders: what is there, and moving, making and removing them. */
import type { Stats, StatsFs } from 'node:fs';
import { type Task, together, wait } from '../../task.ts';
import { errnoOf } from '../errno.ts';
import { afterSlow } from './cooldown.ts';
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

/**
 * A run of lookups that took so many milliseconds has waited for the disk, or for the processor. What the system has in
 * its memory takes some microseconds, a fifth of what a call through the pool costs.
 */
const SLOW_LOOKUPS_MS = 2;

/**
 * Looks up what the system has in its memory at once, also where everything else uses the pool: it changes nothing that
 * must wait for a journal. There the pool has the others from the first lookup that is late, and all for the time of a
 * cooldown.
 */
export function* lstatAll(state: IoState, paths: readonly string[]): Task<(Stats | undefined)[]> {
  const found = lookUpNow(state, paths);
  const rest = paths.slice(found.length);
  if (rest.length > 0) found.push(...(yield* lookUpInPool(state.fs, rest)));
  return found;
}

/** Those of the first paths: of all, unless one was late. */
function lookUpNow(state: IoState, paths: readonly string[]): (Stats | undefined)[] {
  const found: (Stats | undefined)[] = [];
  const began = performance.now();
  if (state.usesPool && began < state.lookups.until) return found;
  for (const path of paths) {
    found.push(state.fs.lstatSync(path, { throwIfNoEntry: false }));
    const now = performance.now();
    if (!state.usesPool || now - began <= SLOW_LOOKUPS_MS) continue;
    state.lookups = afterSlow(state.lookups, began, now);
    break;
  }
  return found;
}

function* lookUpInPool(fs: IoState['fs'], paths: readonly string[]): Task<(Stats | undefined)[]> {
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
