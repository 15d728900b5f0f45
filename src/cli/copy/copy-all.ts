/** Copies all files that differ, so many at a time, and reports the result of each. */
import { setImmediate } from 'node:timers/promises';
import type { ErrorCode } from '../../files/protocol/errors.ts';
import type { FileInfo } from '../../store/contract.ts';
import type { Report, Transfer } from '../transfer/report/report.ts';
import { type Counts, countArrived, noCounts } from '../transfer/tally.ts';
import { type CopyDeps, type CopyEnd, copyFile } from './copy-file.ts';
import { type Comparison, differences, type Side } from './differences.ts';

export interface CopyRun extends Comparison {
  readonly to: Side;
  /** Files at once. */
  readonly parallel: number;
  readonly report: Report;
}

export interface CopyResult extends Readonly<Counts> {
  /** Files that were there already. */
  readonly unchanged: number;
  /** Files that were interrupted, and with which the same command goes on. */
  readonly kept: readonly Transfer[];
  /** Why no further file was begun, though nobody has asked for the end; else null. */
  readonly givenUp: string | null;
}

interface CopyState extends Counts {
  unchanged: number;
  readonly kept: Transfer[];
  givenUp: string | null;
}

/** Refusals that the next file would get as well, each after a long wait or for all its bytes. */
const ENDS_ALL: ReadonlySet<ErrorCode> = new Set(['unavailable', 'disk-full', 'read-only', 'shutting-down']);

/** Throws an `ExitError` when a store cannot be listed, after the files under way. */
export async function copyAll(run: CopyRun): Promise<CopyResult> {
  const state: CopyState = { ...noCounts(), unchanged: 0, kept: [], givenUp: null };
  const files = filesToCopy(run, state);
  const turn = createTurns();
  const work = async () => {
    while (!run.signal.aborted && state.givenUp === null) {
      const next = await files.next();
      if (next.done === true) return;
      await copyOne(next.value, run, state, turn);
    }
  };
  const workers = Array.from({ length: run.parallel }, work);
  await Promise.allSettled(workers);
  // Nothing is under way any more: if one has failed, its error is this one's.
  await Promise.all(workers);
  return state;
}

async function* filesToCopy(run: CopyRun, state: CopyState): AsyncGenerator<FileInfo> {
  for await (const { files, unchanged } of differences(run)) {
    state.unchanged += unchanged;
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (files.length > 0) run.report.expect(files.length, bytes);
    yield* files;
  }
}

async function copyOne(
  { name, size, mtime }: FileInfo,
  { from, to, clobber, signal, report }: CopyRun,
  state: CopyState,
  turn: CopyDeps['turn'],
): Promise<void> {
  const transfer: Transfer = { path: name, filename: name, size, mtime };
  const end = await copyFile(name, {
    ...{ from: from.store, to: to.store, clobber, signal, turn },
    resumed: (bytes) => report.resumed(transfer, bytes),
    progress: (bytes, durable) => report.progress(transfer, bytes, durable),
  });
  settle(transfer, end, report, state);
  await turn();
}

function settle(transfer: Transfer, end: CopyEnd, report: Report, state: CopyState): void {
  switch (end.type) {
    case 'copied': {
      const { stored, resumedFrom } = end;
      const { size, crc32, durable } = stored;
      countArrived(state, size, resumedFrom);
      const details = { crc32, durable, ...(resumedFrom > 0 && { resumedFrom }) };
      return report.done(transfer, size, { before: resumedFrom, details });
    }
    case 'skipped':
      return report.warn(transfer.path, end.why);
    case 'interrupted':
      if (end.isKept) state.kept.push(transfer);
      return;
    case 'failed': {
      const { code, message } = end;
      state.failed++;
      if (code !== undefined && ENDS_ALL.has(code)) state.givenUp ??= message;
      return report.failed(transfer, code === undefined ? { message } : { message, code });
    }
  }
}

/** Milliseconds for which files may be copied before the event loop gets its turn. */
const TURN_MS = 10;

function createTurns(): CopyDeps['turn'] {
  let since = performance.now();
  return () => {
    if (performance.now() - since < TURN_MS) return undefined;
    return setImmediate().then(() => {
      since = performance.now();
    });
  };
}
