/**
 * One run of a sync.
 *
 *   list both sides  ->  compare  ->  --dry-run: print the plan
 *                                     too much to remove: do nothing
 *                                     remove what is in the way  ->  transfer  ->  nothing failed: remove the rest
 */
import { join } from 'node:path';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { ofName } from '../shared/format.ts';
import { download, FILES_AT_ONCE } from '../transfer/download.ts';
import { keptBelow, planBelow } from '../transfer/get-plan.ts';
import { beginLocalFile } from '../transfer/local-file.ts';
import type { Transfer, TransferFault } from '../transfer/report/report.ts';
import type { TransferResult } from '../transfer/tally.ts';
import { expectFiles, finishRun } from '../transfer/transfer-run.ts';
import { upload } from '../transfer/upload.ts';
import { sameChecksums } from './checksum.ts';
import { byTime, compareTrees, type SameContent, type SyncPlan } from './compare.ts';
import { localTree } from './local-tree.ts';
import { printPlan } from './print-plan.ts';
import { createRemover } from './remove.ts';
import type { SyncFile, SyncFlags, SyncRun } from './sync-run.ts';

interface Tree {
  readonly files: readonly SyncFile[];
  readonly failed: readonly { readonly what: Transfer; readonly failure: TransferFault }[];
}

/** Throws an `ExitError` when something has failed. */
export async function runSync(run: SyncRun): Promise<void> {
  const { isUpload, flags, transferRun } = run;
  const local = listLocal(run);
  const remote = await listRemote(run);
  const [source, destination] = isUpload ? [local, remote] : [remote, local];
  const plan = await compareTrees(source.files, destination.files, sameContent(run));
  const failed = [...local.failed, ...remote.failed];
  const extra = flags.delete ? plan.extra : [];
  if (flags.dryRun) {
    for (const { what, failure } of failed) transferRun.report.failed(what, failure);
    printPlan(plan, extra, run);
  } else if (extra.length === 0 || extra.length <= flags.maxDelete) {
    await carryOut(run, { ...plan, extra, inTheWay: flags.delete ? plan.inTheWay : [] }, failed);
  }
  if (extra.length > flags.maxDelete) throw tooMuchToRemove(extra.length, flags);
  if (flags.dryRun && failed.length > 0) throw exitError(exitStatus.failed);
}

function tooMuchToRemove(files: number, { maxDelete, dryRun }: SyncFlags) {
  const nothing = dryRun ? 'it would do nothing' : 'nothing was done';
  return exitError(
    exitStatus.failed,
    `--delete would remove ${files} files, and --max-delete is ${maxDelete}: ${nothing}`,
  );
}

async function carryOut(
  run: SyncRun,
  { transfers, extra, inTheWay, unchanged }: SyncPlan<SyncFile, SyncFile>,
  failed: Tree['failed'],
): Promise<void> {
  const { report, output } = run.transferRun;
  const files = transfers.map(({ file }) => transferOf(file, run));
  expectFiles(report, files, failed.length);
  for (const { what, failure } of failed) report.failed(what, failure);
  const remover = createRemover(run);
  await remover.remove(inTheWay);
  const result = await transferAll(files, run);
  const isWhole = result.givenUp === null && result.failed + failed.length + remover.failed() === 0;
  const first = new Set(inTheWay);
  const rest = extra.filter((file) => !first.has(file));
  if (isWhole) await remover.remove(rest);
  else if (rest.length > 0)
    output.error(`nothing more is removed, since not all has arrived: ${rest.length} stay`);
  finishRun(run.transferRun, {
    result,
    tried: files.length,
    failedBefore: failed.length + remover.failed(),
    missing: run.isUpload ? 'confirmed' : 'received',
    counts: { unchanged, ...(run.flags.delete && { removed: remover.removed() }) },
  });
}

/** Where a file of the source goes: its path on this machine, and its name on the server. */
function transferOf({ name, transfer }: SyncFile, { isUpload, dest }: SyncRun): Transfer {
  return isUpload
    ? { ...transfer, filename: prefixOf(dest) + name }
    : { ...transfer, path: join(dest, name) };
}

async function transferAll(files: readonly Transfer[], run: SyncRun): Promise<TransferResult> {
  const { isUpload, flags, transferRun, connecting$, token, server } = run;
  const { report, kept } = transferRun;
  const { retries, parallel } = flags;
  if (files.length === 0) return { files: 0, bytes: 0, transferred: 0, failed: 0, givenUp: null };
  if (isUpload) {
    const settings = { ifAbsent: false, resume: true };
    return upload(files, { connect: () => connecting$, report, settings, token, retries, parallel, kept });
  }
  return download(files, {
    ...{ downloads: server, report, kept },
    isUnwanted: () => false,
    begin: (options) => beginLocalFile({ ...options, clobber: true }),
    concurrency: FILES_AT_ONCE * parallel,
    keepsPartFiles: true,
  });
}

function listLocal({ src, dest, isUpload, filter, transferRun }: SyncRun): Tree {
  const { report } = transferRun;
  const folder = isUpload ? src : dest;
  const { files, skipped, unreadable } = localTree(folder, isUpload ? 'error' : 'empty', filter);
  // What is skipped is no file of the source; in a destination it is nobody's business.
  if (isUpload) for (const { path, why } of skipped) report.warn(path, why);
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

async function listRemote({ src, dest, isUpload, filter, server }: SyncRun): Promise<Tree> {
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

function sameContent({ isUpload, flags, server }: SyncRun) {
  if (!flags.checksum) return { why: 'time', content: byTime } as const;
  const content: SameContent<SyncFile, SyncFile> = (pairs) => {
    const files = pairs.map(({ source, destination }) => {
      const [here, there] = isUpload ? [source, destination] : [destination, source];
      return { path: here.transfer.path, filename: there.transfer.filename };
    });
    return sameChecksums(files, server);
  };
  return { why: 'checksum', content } as const;
}
