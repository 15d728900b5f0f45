/** The two sides of a sync, listed: what files each has, and what could not be looked at. */
import { join } from 'node:path';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { ofName } from '../shared/format.ts';
import { keptBelow, planBelow } from '../transfer/get-plan.ts';
import type { Transfer, TransferFault } from '../transfer/report/report.ts';
import { localTree } from './local-tree.ts';
import type { SyncFile, SyncRun } from './sync-run.ts';

export interface Tree {
  readonly files: readonly SyncFile[];
  readonly failed: readonly { readonly what: Transfer; readonly failure: TransferFault }[];
}

/** @param isSaid whether it is said of a thing that it is skipped, as it is no file of the source. */
export async function listLocal(
  { src, dest, isUpload, filter, transferRun }: SyncRun,
  isSaid: (path: string, why: string) => boolean = () => true,
): Promise<Tree> {
  const { report } = transferRun;
  const folder = isUpload ? src : dest;
  const { files, skipped, unreadable } = await localTree(folder, isUpload ? 'error' : 'empty', filter);
  // What is skipped is no file of the source; in a destination it is nobody's business.
  if (isUpload) for (const { path, why } of skipped) if (isSaid(path, why)) report.warn(path, why);
  return {
    files: files.map((transfer) => ({
      name: transfer.filename,
      size: transfer.size,
      mtime: transfer.mtime!,
      transfer,
    })),
    failed: unreadable.map(({ path, why }) => ({
      what: { path, filename: path, size: 0 },
      failure: { message: why },
    })),
  };
}

export async function listRemote({ src, dest, isUpload, filter, server }: SyncRun): Promise<Tree> {
  const folder = isUpload ? dest : src;
  const prefix = prefixOf(folder);
  const { files, failed } = await planBelow(server, prefix, '');
  if (!isUpload && files.length + failed.length === 0 && prefix !== '')
    throw exitError(exitStatus.failed, ofName(folder, 'nothing is stored there'));
  return {
    files: keptBelow(prefix, filter, files).map((transfer) => ({
      name: transfer.filename.slice(prefix.length),
      size: transfer.size,
      mtime: transfer.mtime!,
      transfer,
    })),
    failed: failed.map(({ name, failure }) => ({ what: { path: '', filename: name, size: 0 }, failure })),
  };
}

/** What the names below a folder of the server begin with; nothing for `/` and `.`. */
export function prefixOf(folder: string): string {
  const bare = folder.replace(/^\.?\/+/, '').replace(/\/+$/, '');
  return bare === '' || bare === '.' ? '' : `${bare}/`;
}

/** Where a file of the source goes: its path on this machine, and its name on the server. */
export function transferOf({ name, transfer }: SyncFile, { isUpload, dest }: SyncRun): Transfer {
  return isUpload
    ? { ...transfer, filename: prefixOf(dest) + name }
    : { ...transfer, path: join(dest, name) };
}
