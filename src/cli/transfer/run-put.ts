/**
 * One run of `put`.
 *
 *   take up stdin, or list the paths  ->  --update, or --dry-run: ask what is there  ->  --dry-run: print the plan
 *                                                                                        send  ->  summary
 */
import type { Observable } from 'rxjs';
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { standardInput } from '../../capture/standard-input.ts';
import { fileContent } from '../../client/content/file-content.ts';
import type { Connection } from '../../transport/connection.ts';
import { createDryRun } from '../shared/dry-run.ts';
import { exitError, isExitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Filter, FilterFlags } from '../shared/filters.ts';
import { connection$, connectionsOf, tokenOf } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { type PutPlan, planPut, topName } from './put-plan.ts';
import type { Transfer } from './report/report.ts';
import { sendUnacknowledged } from './send-unacknowledged.ts';
import { printKept, type Spool, STDIN, spoolInput } from './stdio/stdin-spool.ts';
import { badNameFault } from './tally.ts';
import { beginRun, expectFiles, finishRun, type TransferFlags, type TransferRun } from './transfer-run.ts';
import { type Split, splitUpToDate, statesThere } from './up-to-date.ts';
import { upload } from './upload.ts';
import { withDownloads } from './with-downloads.ts';

export interface PutFlags extends TransferFlags, FilterFlags {
  readonly as?: string;
  readonly acks: boolean;
  readonly resume: boolean;
  readonly update?: true;
  readonly verify?: 'sha256';
  readonly dryRun?: true;
}

interface PutRun {
  readonly paths: readonly string[];
  readonly flags: PutFlags;
  readonly plan: PutPlan;
  /** Stdin, if that is what is sent. */
  readonly spool: Spool | null;
  readonly connecting$: Observable<Connection>;
  readonly token: string | null;
  readonly transferRun: TransferRun;
}

/** Throws an `ExitError` when something has failed. */
export async function runPut(
  paths: readonly string[],
  flags: PutFlags,
  filter: Filter | null,
): Promise<void> {
  const connecting$ = connection$(flags);
  const token = flags.acks ? tokenOf(flags) : null;
  const transferRun = beginRun(flags, {
    arrives: flags.acks ? 'stored' : 'sent',
    arrived: flags.acks ? 'are stored' : 'were sent',
    repeats: flags.clobber ? 'sends' : null,
  });
  const { output } = transferRun;
  const common = { paths, flags, connecting$, token, transferRun };
  try {
    if (paths[0] !== STDIN) await planned({ ...common, plan: planPut(paths, flags.as, filter), spool: null });
    else if (flags.dryRun) {
      const { would } = createDryRun(flags, output);
      would({ verb: 'send', name: flags.as!, how: ' of stdin', fields: { filename: flags.as } });
    } else {
      const spool = await spoolStdin(flags.as!, transferRun);
      await planned({
        ...common,
        plan: { files: [spool.transfer], skipped: [], unreadable: [], leftOut: 0 },
        spool,
      });
    }
  } finally {
    output.flush();
  }
}

/** Says on a terminal how much there is so far: nothing else moves meanwhile. */
async function spoolStdin(filename: string, { report }: TransferRun): Promise<Spool> {
  const isShown = process.stderr.isTTY && process.stdout.isTTY;
  let shown = 0;
  const { spooled, remove } = spoolInput(filename, {
    input: standardInput(),
    took: (bytes) => {
      const now = performance.now();
      if (!isShown || now - shown < SHOWN_EVERY_MS) return;
      shown = now;
      process.stderr.write(`\r\x1b[Kreading stdin: ${formatBytes(bytes)}`);
    },
  });
  const signals = exitOnSignal(() => {
    report.abandon();
    remove();
  });
  try {
    return await spooled;
  } finally {
    if (shown !== 0) process.stderr.write('\r\x1b[K');
    signals.unsubscribe();
  }
}

const SHOWN_EVERY_MS = 200;

async function planned(run: PutRun): Promise<void> {
  const { report, printInterruption } = run.transferRun;
  const { spool } = run;
  const signals = exitOnSignal(() => {
    printInterruption();
    printKept(run.spool, run.flags, run.transferRun.output);
  });
  try {
    if (run.flags.dryRun) await printPlan(run);
    else await send(run);
    spool?.remove();
  } catch (thrown) {
    report.abandon();
    // Where the name is taken, to send it again would be refused again.
    if (isExitError(thrown) && thrown.status === exitStatus.existing) spool?.remove();
    else printKept(run.spool, run.flags, run.transferRun.output);
    throw thrown;
  } finally {
    signals.unsubscribe();
  }
}

async function send(run: PutRun): Promise<void> {
  const { flags, plan, spool, transferRun, connecting$, token } = run;
  const { report, kept } = transferRun;
  const { retries, resume, verify } = flags;
  const { files, unchanged, newer } = flags.update ? await asked(run) : allOf(plan);
  expectFiles(report, files, plan.unreadable.length);
  printLeftOut(run);
  const settings = { ifAbsent: !flags.clobber, resume, ...(verify === undefined ? {} : { verify }) };
  const contentOf = spool === null ? ({ path }: Transfer) => fileContent(path) : spool.content;
  const deps = {
    ...{
      connect: () => connecting$,
      report,
      settings,
      token,
      retries,
      contentOf,
      ...connectionsOf(flags).pool,
    },
    // Of stdin it is another command that goes on: see `printKept`.
    ...(spool === null && { kept }),
  };
  const result = await (flags.acks ? upload : sendUnacknowledged)(files, deps);
  finishRun(transferRun, {
    result,
    tried: files.length,
    failedBefore: plan.unreadable.length,
    missing: 'confirmed',
    counts: { ...(flags.update && { unchanged, newer }), leftOut: plan.leftOut },
  });
}

function printLeftOut({ plan, transferRun }: PutRun): void {
  for (const { path, why } of plan.skipped) transferRun.report.warn(path, why);
  for (const { path, why } of plan.unreadable) {
    transferRun.report.failed({ path, filename: path, size: 0 }, { message: why });
  }
}

/** Asks the server for what it has of the files. */
async function asked(run: PutRun): Promise<Split & { readonly isThere: (file: Transfer) => boolean }> {
  const { paths, flags, plan, connecting$, token, transferRun } = run;
  const tops = paths.map((path) => topName(path, flags.as));
  const pool = { connect: () => connecting$, report: transferRun.report, token, retries: flags.retries };
  const there = await withDownloads(pool, (server) => statesThere(plan.files, tops, server));
  const split = flags.update ? splitUpToDate(plan.files, there) : allOf(plan);
  return { ...split, isThere: ({ filename }) => there.has(filename) };
}

/** Throws an `ExitError` when something would fail. */
async function printPlan(run: PutRun): Promise<void> {
  const { flags, plan, transferRun } = run;
  const { would, end } = createDryRun(flags, transferRun.output);
  printLeftOut(run);
  const { files, unchanged, newer, isThere } = flags.acks
    ? await asked(run)
    : { ...allOf(plan), isThere: () => false };
  let bytes = 0;
  let refused = 0;
  let failed = plan.unreadable.length;
  for (const file of files) {
    const { filename, size } = file;
    const replaces = isThere(file);
    const fault = badNameFault(filename);
    if (fault !== null) {
      failed++;
      transferRun.report.failed(file, flags.acks ? fault : { message: fault.message });
    } else if (replaces && !flags.clobber) {
      refused++;
      would({ verb: 'refuse', name: filename, size, how: ': it is there', fields: { filename, size } });
    } else {
      bytes += size;
      const how = replaces ? ', and replace what is there' : '';
      would({ verb: 'send', name: filename, size, how, fields: { filename, size, replaces } });
    }
  }
  const sent = files.length - refused - (failed - plan.unreadable.length);
  const others = flags.update
    ? `; ${plainCountOf(unchanged, 'file')} unchanged${newer > 0 ? `, ${newer} newer there` : ''}`
    : '';
  end(`would send ${plainCountOf(sent, 'file')}, ${formatBytes(bytes)}${others}`, {
    ...{ files: sent, bytes, refused, ...(flags.update && { unchanged, newer }) },
    ...(failed > 0 && { failed }),
  });
  if (failed > 0) throw exitError(exitStatus.failed);
}

const allOf = ({ files }: PutPlan): Split => ({ files, unchanged: 0, newer: 0 });
