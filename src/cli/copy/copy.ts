/** `sluice copy`: brings the files of one store to another, without a server. */
import type { Command } from 'commander';
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { optionOf } from '../settings/flags.ts';
import { createDryRun } from '../shared/dry-run.ts';
import { exitError } from '../shared/exit-error.ts';
import { type EndingSignal, exitStatus, exitStatusHelp, signalStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { endingSignals, exitEarly } from '../shared/signals.ts';
import { resumableLine } from '../transfer/report/interrupted.ts';
import type { Report } from '../transfer/report/report.ts';
import { addReportOptions, createReport, type ReportFlags } from '../transfer/transfer-run.ts';
import { type CopyResult, copyAll } from './copy-all.ts';
import { type Comparison, differences } from './differences.ts';
import { checkPlaces, OF_BUCKET, OF_FOLDER, openFrom, openTo, type PlaceFlags } from './places.ts';

interface CopyFlags extends PlaceFlags, ReportFlags {
  readonly prefix?: string;
  readonly parallel: number;
  readonly clobber: boolean;
  readonly dryRun?: true;
}

const help = `
FROM and TO are each a folder, as "sluice serve" has it, or s3://BUCKET[/PREFIX]
with the names in --postgres; not both are buckets. FROM must exist. TO is made.
Servers may run on both meanwhile. The environment says the same as for serve:
SLUICE_POSTGRES, PGPASSWORD, AWS_ACCESS_KEY_ID and so on.

A file that is there with the same size and modification time is taken for the
same and not read, so a second run costs little more than two listings. A file
that differs is replaced, whichever is newer; --no-clobber leaves it. Nothing is
removed. Each file appears in TO at once and whole, with its name, bytes and
modification time, and its CRC-32 is compared.

A file that changes while it is copied is a failure, which does not stop the
others: run the command again. One that goes away is said, and is none. Ctrl-C
ends it in good order, a second one at once; of a file over 8 MiB what has
arrived is kept, and the same command goes on behind it.

--dry-run says what would be copied. It opens both stores all the same, which
makes the store's own folder, .sluice, or tables that are missing.

--json prints one object a line, told apart by "event": expect, progress,
copied, refused, failed, skipped, with --dry-run would-copy, and at the end
summary. Its bytes are those of the files that were copied, transferred as many
of them as this run has brought, unchanged the number of files that were there
already.

Examples:
  sluice copy /srv/files /mnt/new                     from a folder to another
  sluice copy /srv/files s3://files --postgres postgresql://sluice@db/sluice \\
      --s3-endpoint https://s3.example.org            to a store of many nodes
  sluice copy s3://files /srv/back --dry-run          what would come back, with
                                                      SLUICE_POSTGRES set
  sluice copy /srv/files s3://files --prefix photos/ --parallel 32
${exitStatusHelp}`;

export function addCopy(program: Command): void {
  const command = program
    .command('copy')
    .summary('bring the files of one store to another')
    .description('Copies the files of one store to another, without a server.')
    .argument('<FROM>', 'a folder, or s3://BUCKET[/PREFIX]')
    .argument('<TO>', 'a folder, or s3://BUCKET[/PREFIX]')
    .option('--prefix <PREFIX>', 'only files whose names begin with it')
    .option('--parallel <NUMBER>', 'files at once', wholeNumber(1, 256), 8)
    .option('--no-clobber', 'leave files that are there and differ')
    .option('--dry-run', 'print what would be copied, and copy nothing');
  addReportOptions(command);
  for (const name of OF_FOLDER) command.addOption(optionOf(name).helpGroup('TO, for a folder:'));
  for (const name of OF_BUCKET) command.addOption(optionOf(name).helpGroup('s3://BUCKET:'));
  command.addHelpText('after', help).action(run);
}

async function run(from: string, to: string, flags: CopyFlags): Promise<void> {
  const { prefix = '', parallel, clobber, dryRun = false } = flags;
  const places = checkPlaces({ from, to, flags: placeFlagsOf(flags), env: process.env });
  const output = createOutput();
  const report = createReport(flags, output, 'copied');
  const since = performance.now();
  const ending = new AbortController();
  let asked: EndingSignal | null = null;
  const signals = endingSignals(report.abandon).subscribe((signal) => {
    asked = signal;
    ending.abort();
  });
  try {
    const source = await openFrom(places);
    try {
      const target = await openTo(places, { make: !dryRun });
      const comparison = { from: source, to: target, prefix, clobber, signal: ending.signal };
      try {
        if (target === null || dryRun) await printPlan(comparison, flags, output);
        else {
          const result = await copyAll({ ...comparison, to: target, parallel, report });
          if (asked === null) finish(result, report, output, since);
          else printInterruption(result, report, output);
        }
      } finally {
        await target?.store.close();
      }
    } finally {
      await source.store.close();
    }
    if (asked !== null) exitEarly(signalStatus[asked as EndingSignal]);
  } finally {
    report.abandon();
    output.flush();
    signals.unsubscribe();
  }
}

function placeFlagsOf(flags: CopyFlags): PlaceFlags {
  return Object.fromEntries([...OF_FOLDER, ...OF_BUCKET].map((name) => [name, flags[name]]));
}

/** Prints the summary. Throws an `ExitError` when files have failed. */
function finish(result: CopyResult, report: Report, output: Output, since: number): void {
  const { files, bytes, transferred, failed, unchanged, givenUp } = result;
  const seconds = Math.round(performance.now() - since) / 1000;
  report.end({ files, bytes, transferred, failed, unchanged, seconds });
  output.flush();
  if (givenUp !== null) {
    throw exitError(
      exitStatus.failed,
      `${printable(givenUp)}: no further file was begun; the same command goes on`,
    );
  }
  if (failed > 0) throw exitError(exitStatus.failed);
}

function printInterruption({ files, kept }: CopyResult, report: Report, output: Output): void {
  report.abandon();
  const verb = files === 1 ? 'is' : 'are';
  output.error(`interrupted: ${plainCountOf(files, 'file')} ${verb} copied; the same command goes on`);
  for (const { path } of kept) output.error(resumableLine(path));
}

async function printPlan(comparison: Comparison, flags: ReportFlags, output: Output): Promise<void> {
  const dryRun = createDryRun(flags, output);
  const counts = { files: 0, bytes: 0, unchanged: 0 };
  for await (const page of differences(comparison)) {
    counts.unchanged += page.unchanged;
    for (const { name, size } of page.files) {
      counts.files++;
      counts.bytes += size;
      dryRun.would({ verb: 'copy', name, size, fields: { filename: name, size } });
    }
    output.flush();
    if (output.isClosed()) return;
  }
  if (comparison.signal.aborted) return;
  const { files, bytes, unchanged } = counts;
  const sum = `${plainCountOf(files, 'file')}, ${formatBytes(bytes)}`;
  dryRun.end(`would copy ${sum}; ${plainCountOf(unchanged, 'file')} unchanged`, counts);
}
