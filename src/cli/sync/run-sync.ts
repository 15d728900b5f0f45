/**
 * One run of a sync.
 *
 *   list both sides  ->  compare  ->  --dry-run: print the plan
 *                                     too much to remove: do nothing
 *                                     remove what is in the way  ->  transfer  ->  nothing failed: remove the rest
 */
import { plainCountOf } from '../../base/units.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Output } from '../shared/output.ts';
import { connectionsOf } from '../shared/server-option.ts';
import { download, FILES_AT_ONCE } from '../transfer/download.ts';
import { beginLocalFile } from '../transfer/local-file.ts';
import type { Transfer } from '../transfer/report/report.ts';
import { noCounts, type TransferResult } from '../transfer/tally.ts';
import { expectFiles, finishRun } from '../transfer/transfer-run.ts';
import { upload } from '../transfer/upload.ts';
import { sameChecksums } from './checksum.ts';
import { byTime, compareTrees, type SameContent, type SyncPlan } from './compare.ts';
import { splitForeseen, splitUnsafe } from './obstacles.ts';
import { printPlan } from './print-plan.ts';
import { createRemover } from './remove.ts';
import type { SyncFile, SyncFlags, SyncRun } from './sync-run.ts';
import { listLocal, listRemote, type Tree, transferOf } from './trees.ts';

/** Throws an `ExitError` when something has failed. */
export async function runSync(run: SyncRun): Promise<void> {
  const { isUpload, flags, transferRun } = run;
  const [remote, local] = await Promise.all([listRemote(run), listLocal(run)]);
  const [source, destination] = isUpload ? [local, remote] : [remote, local];
  const plan = await compareSides(run, source.files, destination.files);
  const failed = [...local.failed, ...remote.failed];
  const extra = flags.delete ? plan.extra : [];
  const inTheWay = flags.delete ? plan.inTheWay : [];
  if (flags.dryRun) {
    const foreseen = splitForeseen(plan.transfers, inTheWay, run);
    failed.push(...foreseen.failed);
    for (const { what, failure } of failed) transferRun.report.failed(what, failure);
    const stays = failed.length === 0 ? [] : behind(extra, inTheWay);
    const removed = stays.length === 0 ? extra : inTheWay;
    printPlan({ ...plan, transfers: foreseen.transfers }, { extra: removed, failed: failed.length }, run);
    sayWhatStays(stays, transferRun.output);
  } else if (extra.length <= flags.maxDelete)
    await carryOut(run, { ...plan, extra, inTheWay }, { failed, leftOut: source.leftOut });
  if (extra.length > flags.maxDelete) throw tooMuchToRemove(extra.length, flags);
  if (flags.dryRun && failed.length > 0) throw exitError(exitStatus.failed);
}

export const compareSides = (run: SyncRun, source: readonly SyncFile[], destination: readonly SyncFile[]) =>
  compareTrees(source, destination, sameContent(run));

function tooMuchToRemove(files: number, { maxDelete, dryRun }: SyncFlags) {
  const nothing = dryRun ? 'it would do nothing' : 'nothing was done';
  return exitError(
    exitStatus.failed,
    `--delete would remove ${plainCountOf(files, 'file')}, and --max-delete is ${maxDelete}: ${nothing}`,
  );
}

/**
 * Throws an `ExitError` when something has failed.
 *
 * @param listing what could not be looked at, on either side, and how much of the source is left out.
 */
export async function carryOut(
  run: SyncRun,
  { transfers, extra, inTheWay, unchanged }: SyncPlan<SyncFile, SyncFile>,
  listing: Pick<Tree, 'failed' | 'leftOut'>,
): Promise<void> {
  const { report, output } = run.transferRun;
  const safe = splitUnsafe(transfers, inTheWay, run);
  const failed = [...listing.failed, ...safe.failed];
  const files = safe.transfers.map(({ file }) => transferOf(file, run));
  expectFiles(report, files, failed.length);
  for (const { what, failure } of failed) report.failed(what, failure);
  const remover = createRemover(run);
  await remover.remove(inTheWay);
  const result = await transferAll(files, run);
  const isWhole = result.givenUp === null && result.failed + failed.length + remover.failed() === 0;
  const rest = behind(extra, inTheWay);
  if (isWhole) await remover.remove(rest);
  else sayWhatStays(rest, output);
  finishRun(run.transferRun, {
    result,
    tried: files.length,
    failedBefore: failed.length + remover.failed(),
    missing: run.isUpload ? 'confirmed' : 'received',
    counts: {
      unchanged,
      ...(run.flags.delete && { removed: remover.removed() }),
      leftOut: listing.leftOut,
    },
  });
}

/** What is removed behind the transfers. */
function behind(extra: readonly SyncFile[], inTheWay: readonly SyncFile[]): readonly SyncFile[] {
  const first = new Set(inTheWay);
  return extra.filter((file) => !first.has(file));
}

function sayWhatStays({ length }: readonly SyncFile[], output: Output): void {
  if (length === 0) return;
  const stays = length === 1 ? 'stays' : 'stay';
  output.error(`nothing more is removed, since not all has arrived: ${length} ${stays}`);
}

async function transferAll(files: readonly Transfer[], run: SyncRun): Promise<TransferResult> {
  const { isUpload, flags, transferRun, connecting$, token, server } = run;
  const { report, kept } = transferRun;
  const { retries } = flags;
  const { pool, most } = connectionsOf(flags);
  if (files.length === 0) return { ...noCounts(), givenUp: null };
  if (isUpload) {
    const settings = { ifAbsent: false, resume: true };
    return upload(files, { connect: () => connecting$, report, settings, token, retries, kept, ...pool });
  }
  return download(files, {
    ...{ downloads: server, report, kept },
    isUnwanted: () => false,
    begin: (options) => beginLocalFile({ ...options, clobber: true }),
    concurrency: FILES_AT_ONCE * most,
    keepsPartFiles: true,
  });
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
