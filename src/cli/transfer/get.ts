/** `sluice get`: fetches files and whole folders. */
import type { Command } from 'commander';
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { addDryRunOption, createDryRun } from '../shared/dry-run.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { addFilterOptions, type FilterFlags, filterHelp, filterOf } from '../shared/filters.ts';
import { printable } from '../shared/format.ts';
import { addServerOption, connection$, connectionsOf, serverHelp, tokenOf } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { download, FILES_AT_ONCE } from './download.ts';
import { ALREADY_THERE } from './fetch-file.ts';
import { type GetPlan, planGet, splitExisting } from './get-plan.ts';
import { beginLocalFile, removeTemporaries } from './local-file.ts';
import { addRetriesOption, addRetryOptions } from './retry-options.ts';
import { beginPrintedFile } from './stdio/printed-file.ts';
import {
  addReportOptions,
  beginRun,
  expectFiles,
  finishRun,
  type TransferFlags,
  type TransferRun,
} from './transfer-run.ts';
import { withDownloads } from './with-downloads.ts';

interface GetFlags extends TransferFlags, FilterFlags {
  readonly out: string;
  readonly recursive?: boolean;
  readonly dryRun?: true;
  /** What is printed must be text. */
  readonly textOnly?: boolean;
}

const help = `
A NAME that ends in / stands for everything below it. Files go where "cp -r"
would put them: into --out when that is a folder or ends in /, else --out is the
name they get. "/" is everything there is. Names that would get the same place
are refused before anything is fetched; with --out - they go to stdout one after
the other.

NAME may be a pattern, in quotes: "*" and "?" within a folder, "**" over
folders, "[a-c]", "{a,b}"; with a / at its end it means folders. A file that has
exactly that name is meant before. What fits goes into --out under the last part
of its name, as with "cp"; where the pattern has "**", under its whole name
below the folder in front of the first special character.

Each file is written under a temporary name beside its target, and renamed when
it is whole; a file of that name is replaced, a device or a pipe is not. A link
to a folder on the way is followed, unlike by "sync". Modification times are
kept. With --no-clobber what is there stays as it is: it is said to be skipped,
and is no failure.

What arrives is compared with the CRC-32 that the server knows of the file. A
connection that breaks is made again, --retries times in a row, and only the
rest is fetched then. Of a file over 8 MiB what has arrived is kept beside its
target, as .sluice-….part, and the same command at a later time fetches only the
rest, unless the file on the server has changed meanwhile.

--json prints one object a line, told apart by "event": expect, progress, retry,
received, refused, failed, skipped, with --dry-run would-receive, and at the end
summary. Its bytes are those of the files that are here now, transferred as many
of them as this run has received.
${filterHelp}
${serverHelp}

Examples:
  sluice get photos/a.jpg --from :8080                 to ./a.jpg
  sluice get photos/a.jpg --from :8080 --out b.jpg
  sluice get photos/ --from :8080                      to ./photos/…
  sluice get photos/ --from :8080 --out copy           to copy/…, or if copy is
                                                       there to copy/photos/…
  sluice get 'photos/*.jpg' --from :8080 --out jpgs/   to jpgs/a.jpg, …
  sluice get 'photos/**/*.jpg' --from :8080 --out all  to all/2023/c.jpg, …
  sluice get photos/ --from :8080 --dry-run            what that would be
  sluice get photos/ --from :8080 --parallel auto      as many connections as
                                                       make it faster
  sluice get photos/ --from :8080 --bwlimit 512K       at most 512 KiB a second
  sluice get photos/ --from :8080 --no-clobber         what is not there yet
  sluice get photos/ --from :8080 --exclude '*' --include '*.jpg' --include '*/'
  sluice get log.txt --from :8080 --out - | grep error
${exitStatusHelp}`;

export function addGet(program: Command): void {
  const command = program
    .command('get')
    .summary('fetch files and folders')
    .description('Fetches files and whole folders.')
    .argument('<NAME...>', 'names of files, or patterns; with a / at the end, of folders');
  addRetryOptions(addServerOption(command, 'from'))
    .option('-o, --out <PATH>', 'where to put it; - is stdout', '.')
    .option('-r, --recursive', 'a NAME may be that of a folder without a / at its end')
    .option('--no-clobber', 'skip what is there already');
  addReportOptions(addFilterOptions(addDryRunOption(command)))
    .addHelpText('after', help)
    .action(run);
}

const catHelp = `
The same as "get --out -": files follow each other in the order of their names
on the command line. What arrives is checked as it is printed, so a file that
turns out to be wrong is an error and a status behind its bytes. A connection
that breaks is made again, and the file goes on where it was. A reader that goes
away (| head) is no error.

On a terminal, a file is printed up to the first piece with a NUL in it, as
binary bytes can leave a terminal unusable. It is a failure, exit status 1, and
does not stop the others. "get --out -" prints any bytes.
${serverHelp}

Examples:
  sluice cat log.txt --from :8080 | grep error
  sluice cat 'logs/2024-*.log' --from :8080 | wc -l
  sluice cat x.tar --from :8080 | tar x
${exitStatusHelp}`;

export function addCat(program: Command): void {
  const command = program
    .command('cat')
    .summary('print files')
    .description('Prints files of a server to stdout.')
    .argument('<NAME...>', 'names of files, or patterns; with a / at the end, of folders');
  const printed = { out: '-', clobber: true, parallel: 1, quiet: true } as const;
  addRetriesOption(addServerOption(command, 'from'))
    .addHelpText('after', catHelp)
    .action((names: readonly string[], flags: GetFlags) =>
      run(names, { ...flags, ...printed, textOnly: process.stdout.isTTY === true }),
    );
}

async function run(names: readonly string[], flags: GetFlags): Promise<void> {
  const connecting$ = connection$(flags);
  const token = tokenOf(flags);
  const toStdout = flags.out === '-';
  if (flags.out === '') throw usageError('--out is empty: name a file or a folder, or - for stdout');
  if (toStdout && !flags.clobber)
    throw usageError('--no-clobber is about files: --out - prints, and replaces none');
  if (toStdout && flags.json) throw usageError('--json and --out - would both print to stdout');
  if (toStdout && flags.dryRun) throw usageError('--dry-run prints to stdout, and so does --out -');
  const filter = await filterOf(flags);
  const transferRun = beginRun(toStdout ? { quiet: true } : flags, {
    arrives: 'received',
    arrived: 'were received',
    repeats: flags.clobber ? 'fetches' : null,
  });
  const { output, report, kept } = transferRun;
  const signals = exitOnSignal(() => {
    removeTemporaries();
    if (toStdout) report.abandon();
    else transferRun.printInterruption();
  });
  const connections = connectionsOf(flags);
  const pool = {
    ...{ connect: () => connecting$, report, token, retries: flags.retries },
    // Files must be printed in order.
    ...(toStdout ? { parallel: 1 } : connections.pool),
    window: FILES_AT_ONCE,
  };
  try {
    await withDownloads(pool, async (downloads) => {
      const wish = { names, recursive: flags.recursive === true, out: toStdout ? null : flags.out, filter };
      const plan = await planGet(downloads, wish);
      const { files, there } = flags.clobber ? { files: plan.files, there: [] } : splitExisting(plan.files);
      if (flags.dryRun) return printPlan({ ...plan, files }, there.length, flags, transferRun);
      expectFiles(report, files, plan.failed.length);
      for (const { path } of there) report.warn(path, ALREADY_THERE);
      for (const { name, failure } of plan.failed) {
        report.failed({ path: '', filename: name, size: 0 }, failure);
      }
      const result = await download(files, {
        ...{ downloads, report, kept },
        // With files as the target, the fetch goes on although the reader of stdout has gone.
        isUnwanted: () => toStdout && output.isClosed(),
        begin: toStdout
          ? (options) => beginPrintedFile(options, output, flags.textOnly === true)
          : (options) => beginLocalFile({ ...options, clobber: flags.clobber }),
        concurrency: toStdout ? 1 : FILES_AT_ONCE * connections.most,
        keepsPartFiles: !toStdout,
      });
      if (toStdout && output.isClosed()) throw exitError(exitStatus.success);
      finishRun(transferRun, {
        result,
        tried: files.length,
        failedBefore: plan.failed.length,
        missing: 'received',
        counts: { leftOut: plan.leftOut ?? 0 },
      });
    });
  } catch (thrown) {
    report.abandon();
    throw thrown;
  } finally {
    output.flush();
    signals.unsubscribe();
  }
}

/** Prints what would be fetched. Throws an `ExitError` when something could not be. */
function printPlan(
  { files, failed }: GetPlan,
  there: number,
  flags: GetFlags,
  { output, report }: TransferRun,
): void {
  const { would, end } = createDryRun(flags, output);
  let bytes = 0;
  for (const { name, failure } of failed) report.failed({ path: '', filename: name, size: 0 }, failure);
  for (const { path, filename, size } of files) {
    bytes += size;
    const how = path === '' ? '' : ` to ${printable(path)}`;
    would({ verb: 'receive', name: filename, size, how, fields: { filename, size, path } });
  }
  const unchanged = flags.clobber ? '' : `; ${plainCountOf(there, 'file')} there already`;
  end(`would receive ${plainCountOf(files.length, 'file')}, ${formatBytes(bytes)}${unchanged}`, {
    ...{ files: files.length, bytes, failed: failed.length, ...(!flags.clobber && { unchanged: there }) },
  });
  if (failed.length > 0) throw exitError(exitStatus.failed);
}
