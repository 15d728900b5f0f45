/** Folders for disk stores under test, and how to look at one from outside. */
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenedStore } from '../../../src/store/conformance/suite.ts';
import { type DiskStoreOptions, openDiskStore } from '../../../src/store/disk/disk-store.ts';

/** In memory where there is such a thing: the suite is about order, not about how long a sync takes. */
const parent = existsSync('/dev/shm') && statSync('/dev/shm').isDirectory() ? '/dev/shm' : tmpdir();

export const newRoot = (): string => mkdtempSync(join(parent, 'sluice-store-'));

export const removeRoot = (root: string): void => rmSync(root, { recursive: true, force: true });

/** A disk store on a new root. */
export async function newDiskStore(
  options: DiskStoreOptions = {},
): Promise<OpenedStore & { readonly root: string }> {
  const root = newRoot();
  const opened = await openDiskStore(root, options);
  if (!opened.ok) throw new Error(opened.error.message);
  return { store: opened.value, root, dispose: () => removeRoot(root) };
}

/** The unfinished files under a root. */
export const temporariesIn = (root: string): string[] => filesBelow(join(root, '.sluice'));

/** Every path below a folder that is not itself a folder, relative to it. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? filesBelow(join(folder, entry.name)).map((path) => join(entry.name, path))
      : [entry.name],
  );
}

/** What this process has open below a folder, by path. Empty where there is no /proc. */
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
