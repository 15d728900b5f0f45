/** The store on a disk: files below a root folder, published atomically and, by default, durably. */
import { checkNames } from '../../base/option-names.ts';
import { check, checkOptions, oneOf, optional, RECORD, type RulesFor, TEXT } from '../../wire/argument.ts';
import type { FileStore, Outcome } from '../contract.ts';
import { LISTING_BOUNDS } from '../listing/bounds.ts';
import { UPLOAD_RULES } from '../upload-limits.ts';
import { FORMAT_RULES } from './format/upgrades.ts';
import { type DiskStoreOptions, openInFormat } from './opening/open-in-format.ts';

export type { DiskStoreOptions } from './opening/open-in-format.ts';

const OPTION_RULES: RulesFor<DiskStoreOptions> = {
  ...UPLOAD_RULES,
  listing: optional(RECORD),
  durability: optional(oneOf('fsync', 'os')),
  checksums: optional(oneOf('memory', 'disk')),
  fs: optional(RECORD),
  smallFiles: optional(RECORD),
  owner: optional(RECORD),
};

/**
 * Opens a store on a folder, which is made if it is missing. The folder may be a symbolic link, or be reached
 * through some; below it the store follows none. The store removes the unfinished files of dead processes,
 * except uploads, which it keeps as `UploadOptions` says. Several stores, in one process or in several, may
 * be open on one root.
 *
 * With durability `fsync` many puts should be under way at once: they share syncs. Each takes a thread of the
 * pool while it waits for the disk, so `UV_THREADPOOL_SIZE` bounds how many wait together.
 *
 * For POSIX systems. On Linux the protection from symbolic links has no races; elsewhere a local user who may write
 * below the root could replace a folder by a link between the check of it and its use. The root must be one file
 * system: no file can be moved into a folder on which another one is mounted (`io-error`, `EXDEV`).
 *
 * What the store keeps for itself, in `.sluice`, has a format with a number. An older format is upgraded; a
 * newer one, of a later version of this package, is refused with the code `format-conflict`.
 *
 * `await using` closes the store at the end of the block.
 *
 * @returns an error that names the path and says what to do when the root cannot be made, written to, or
 *   understood.
 * @example
 * const store = await openDiskStore('uploads');
 * if (!store.ok) throw new Error(store.error.message);
 * const sink = await store.value.put('a/b.txt', { size: 5 });
 */
export async function openDiskStore(
  root: string,
  options: DiskStoreOptions = {},
): Promise<Outcome<FileStore & AsyncDisposable>> {
  check('openDiskStore: the root', root, TEXT);
  checkOptions('openDiskStore', options, OPTION_RULES);
  if (options.listing !== undefined) checkNames('openDiskStore: listing', options.listing, LISTING_BOUNDS);
  return await openInFormat(root, options, FORMAT_RULES);
}
