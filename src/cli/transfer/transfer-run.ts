/** The beginning and the end that `put` and `get` share: the report, and the summary that decides the exit status. */
import type { Command } from 'commander';
import { plainCountOf } from '../../base/units.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { createOutput, type Output } from '../shared/output.ts';
import type { ServerFlags } from '../shared/server-option.ts';
import { createBarReport } from './report/bar-report.ts';
import { type InterruptionDeps, interruptible, resumableLine } from './report/interrupted.ts';
import { createJsonReport } from './report/json-report.ts';
import { lineReport, quietReport } from './report/line-report.ts';
import type { Report, Summary, Transfer } from './report/report.ts';
import type { RetryFlags } from './retry-options.ts';
import type { TransferResult } from './tally.ts';

export interface ReportFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface TransferFlags extends ServerFlags, RetryFlags, ReportFlags {
  readonly clobber: boolean;
}

export const addReportOptions = (command: Command): Command =>
  command
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong');

export interface TransferRun {
  readonly output: Output;
  readonly report: Report;
  /** Unfinished files of which the server, or this machine, keeps a part. */
  readonly kept: Set<Transfer>;
  /** When the run began, by `performance.now()`. */
  readonly since: number;
  /** Prints how many files are finished, for a run that a signal ends. */
  readonly printInterruption: () => void;
}

export interface RunWords extends Pick<InterruptionDeps, 'repeats'> {
  /** What happens to a file that arrives: `stored`, `received`, `sent`. */
  readonly arrives: string;
  /** The same of several files. @example 'are stored' */
  readonly arrived: string;
}

/** @param output that of the command, if it has one already: each of them listens to stdout for good. */
export function beginRun(
  flags: ReportFlags,
  { arrives, arrived, repeats }: RunWords,
  output = createOutput(),
): TransferRun {
  const kept = new Set<Transfer>();
  const deps = { output, kept, verb: arrived, repeats };
  const { report, print } = interruptible(createReport(flags, output, arrives), deps);
  return { output, report, kept, since: performance.now(), printInterruption: print };
}

/** Picks the report of a run: bars on a terminal, plain lines, JSON, or only what went wrong. */
export function createReport(flags: ReportFlags, output: Output, verb: string): Report {
  if (flags.json) return createJsonReport(output, verb);
  if (flags.quiet) return quietReport(output);
  const terminal = process.stderr.isTTY && process.stdout.isTTY;
  return terminal ? createBarReport(output, verb) : lineReport(output, verb);
}

/** @param failed how many more files there are that have failed already. */
export function expectFiles(report: Report, files: readonly Transfer[], failed: number): void {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  report.expect(files.length + failed, bytes);
}

export interface RunEnd {
  readonly result: TransferResult;
  /** Files that were tried. */
  readonly tried: number;
  /** Files that failed before they could be tried. */
  readonly failedBefore: number;
  /** What files were not when the server was given up. @example 'confirmed' */
  readonly missing: string;
  /** Further counts of the summary. */
  readonly counts?: Pick<Summary, 'unchanged' | 'newer' | 'removed' | 'leftOut'>;
}

/** Prints the summary. Throws an `ExitError` when files have failed. */
export function finishRun(
  { output, report, kept, since }: TransferRun,
  { result, tried, failedBefore, missing, counts }: RunEnd,
): void {
  const { files, bytes, transferred, existing, givenUp } = result;
  const failed = result.failed + failedBefore + (givenUp?.files ?? 0);
  const seconds = Math.round(performance.now() - since) / 1000;
  const { leftOut = 0, ...others } = counts ?? {};
  const some = { ...(existing > 0 && { existing }), ...others, ...(leftOut > 0 && { leftOut }) };
  report.end({ files, bytes, transferred, failed, ...some, seconds });
  output.flush();
  if (givenUp !== null) {
    for (const { path } of kept) output.error(resumableLine(path));
    throw exitError(
      givenUp.status,
      `${givenUp.why}: ${givenUp.files} of ${plainCountOf(tried, 'file')} ${givenUp.files === 1 ? 'was' : 'were'} not ${missing}`,
    );
  }
  if (failed > 0) throw exitError(failed === existing ? exitStatus.existing : exitStatus.failed);
}
