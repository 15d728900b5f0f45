/** `sluice get`: fetches files and whole folders. */
import type { Command } from 'commander';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { addFilterOptions, type FilterFlags, filterHelp, filterOf } from '../shared/filters.ts';
import type { Output } from '../shared/output.ts';
import { addServerOption, connection$, serverHelp, tokenOf } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { download, FILES_AT_ONCE } from './download.ts';
import { ALREADY_THERE } from './fetch-file.ts';
import { planGet, splitExisting } from './get-plan.ts';
import { beginLocalFile, type LocalFile, type LocalFileOptions, removeTemporaries } from './local-file.ts';
import { addRetryOptions } from './retry-options.ts';
import { addReportOptions, beginRun, expectFiles, finishRun, type TransferFlags } from './transfer-run.ts';
import { withDownloads } from './with-downloads.ts';

interface GetFlags extends TransferFlags, FilterFlags {
  readonly out: string;
  readonly recursive?: boolean;
}

const help = `
A NAME that ends in / stands for everything below it. Files go where "cp -r"
would put them: into --out when that is a folder or ends in /, else --out is the
name they get. "/" is everything there is. Names that would get the same place
are refused before anything is fetched; with --out - they go to stdout one after
the other.

Each file is written under a temporary name beside its target, and renamed when
it is whole; a file of that name is replaced, a device or a pipe is not.
Modification times are kept. With --no-clobber what is there stays as it is: it
is said to be skipped, and is no failure.

What arrives is compared with the CRC-32 that the server knows of the file. A
connection that breaks is made again, --retries times in a row, and only the rest
is fetched then. Of a file over 8 MiB what has arrived is kept beside its target,
as .sluice-….part, and the same command at a later time fetches only the rest,
unless the file on the server has changed meanwhile.

--json prints one object a line, told apart by "event": expect, progress,
retry, received, refused, failed, skipped, and at the end summary. Its bytes are
those of the files that are here now, transferred as many of them as this run has
received.
${filterHelp}
${serverHelp}

Examples:
  sluice get photos/a.jpg --from :8080                 to ./a.jpg
  sluice get photos/a.jpg --from :8080 --out b.jpg
  sluice get photos/ --from :8080                      to ./photos/…
  sluice get photos/ --from :8080 --out copy           to copy/…, or copy/photos/… if copy is there
  sluice get photos/ --from :8080 --no-clobber         only what is not there yet
  sluice get photos/ --from :8080 --exclude '*' --include '*.jpg' --include '*/'
  sluice get log.txt --from :8080 --out - | grep error
${exitStatusHelp}`;

export function addGet(program: Command): void {
  const command = program
    .command('get')
    .summary('fetch files and folders')
    .description('Fetches files and whole folders.')
    .argument('<NAME...>', 'names of files; with a / at the end, of folders');
  addRetryOptions(addServerOption(command, 'from'))
    .option('-o, --out <PATH>', 'where to put it; - is stdout', '.')
    .option('-r, --recursive', 'a NAME may be that of a folder without a / at its end')
    .option('--no-clobber', 'skip what is there already');
  addReportOptions(addFilterOptions(command)).addHelpText('after', help).action(run);
}

async function run(names: readonly string[], flags: GetFlags): Promise<void> {
  const connecting$ = connection$(flags);
  const token = tokenOf(flags);
  const toStdout = flags.out === '-';
  if (flags.out === '') throw usageError('--out is empty: name a file or a folder, or - for stdout');
  if (toStdout && !flags.clobber)
    throw usageError('--no-clobber is about files: --out - prints, and replaces none');
  if (toStdout && flags.json) throw usageError('--json and --out - would both print to stdout');
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
  const pool = {
    ...{ connect: () => connecting$, report, token, retries: flags.retries },
    // Files must be printed in order.
    parallel: toStdout ? 1 : flags.parallel,
    window: FILES_AT_ONCE,
  };
  try {
    await withDownloads(pool, async (downloads) => {
      const wish = { names, recursive: flags.recursive === true, out: toStdout ? null : flags.out, filter };
      const plan = await planGet(downloads, wish);
      const { files, there } = flags.clobber ? { files: plan.files, there: [] } : splitExisting(plan.files);
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
          ? (options) => printed(options, output)
          : (options) => beginLocalFile({ ...options, clobber: flags.clobber }),
        concurrency: toStdout ? 1 : FILES_AT_ONCE * flags.parallel,
        keepsPartFiles: !toStdout,
      });
      if (toStdout && output.isClosed()) throw exitError(exitStatus.success);
      finishRun(transferRun, {
        result,
        tried: files.length,
        failedBefore: plan.failed.length,
        missing: 'received',
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

/** Makes a file that goes to stdout. */
function printed({ again, written }: LocalFileOptions, output: Output): LocalFile {
  // Printed bytes cannot be taken back.
  if (again) throw new Error('the file changed on the server while it was being printed');
  let last = Promise.resolve();
  return {
    write: (bytes) => {
      last = output.bytes(bytes).then(() => written(bytes.length));
    },
    finish: () => last.then(() => 'placed'),
    abort: () => {},
  };
}
