/** Roots for disk stores under test, and functions that look at a root from outside the store. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import type { OpenedStore } from '../../../src/store/conformance/suite.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../src/store/disk/disk-store.ts';

/** A folder in memory where the system has one: the tests check the order of syncs, not their duration. */
const PARENT = existsSync('/dev/shm') && statSync('/dev/shm').isDirectory() ? '/dev/shm' : tmpdir();

export const newRoot = (): string => mkdtempSync(join(PARENT, 'sluice-store-'));

export const removeRoot = (root: string): void => rmSync(root, { recursive: true, force: true });

/**
 * Gives each test of a file a new root, and removes it after the test. Fails a test after which something
 * below the root is still open in this process.
 *
 * @param use called with the root before each test.
 */
export function rootForEachTest(use: (root: string) => void): void {
  let root: string;
  beforeEach(() => {
    root = newRoot();
    use(root);
  });
  afterEach(() => {
    expect(openBelow(root)).toEqual([]);
    removeRoot(root);
  });
}

/** A disk store on a new root. */
export async function newDiskStore(
  options: DiskStoreOptions = {},
): Promise<OpenedStore & { readonly root: string }> {
  const root = newRoot();
  const opened = await openDiskStore(root, options);
  if (!opened.ok) throw new Error(opened.error.message);
  return { store: opened.value, root, dispose: () => removeRoot(root) };
}

/** The same with a log of changes. */
export async function newRecordedStore(options: DiskStoreOptions = {}): Promise<OpenedStore> {
  const root = newRoot();
  const log = await openChangeLog(root, { sinks: ['sink'] });
  if (!log.ok) throw new Error(log.error.message);
  const opened = await openDiskStore(root, { ...options, changes: log.value });
  if (!opened.ok) throw new Error(opened.error.message);
  const dispose = async () => {
    await log.value.close();
    removeRoot(root);
  };
  return { store: opened.value, dispose };
}

/** The files in the reserved folder of a root, but that of its format: those of puts under way, and of stored uploads. */
export const temporariesIn = (root: string): string[] =>
  filesBelow(join(root, '.sluice')).filter((path) => path !== 'format');

/** The paths of the stored files of a root. */
export const storedIn = (root: string): string[] =>
  filesBelow(root).filter((path) => !path.startsWith('.sluice/'));

/** Every path below a folder, relative to it, except those of folders. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? filesBelow(join(folder, entry.name)).map((path) => join(entry.name, path))
      : [entry.name],
  );
}

/** The paths below a folder that this process has open. Empty where there is no /proc. */
export function openBelow(folder: string): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}
