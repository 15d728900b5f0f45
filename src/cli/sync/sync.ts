/** `sluice sync`: makes a folder of a server like one of this machine, or the reverse, and transfers only what differs. */
import { type Command, Option } from 'commander';
import { addDryRunOption } from '../shared/dry-run.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { addFilterOptions, filterHelp, filterOf } from '../shared/filters.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { createOutput } from '../shared/output.ts';
import { parseServer } from '../shared/server-address.ts';
import { addServerOption, connection$, connectionsOf, serverHelp, tokenOf } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { FILES_AT_ONCE } from '../transfer/download.ts';
import { removeTemporaries } from '../transfer/local-file.ts';
import { addRetryOptions } from '../transfer/retry-options.ts';
import { addReportOptions, beginRun } from '../transfer/transfer-run.ts';
import { withDownloads } from '../transfer/with-downloads.ts';
import { runSync } from './run-sync.ts';
import type { SyncFlags, SyncRun } from './sync-run.ts';
import type { WatchEvent } from './watch/watch-sync.ts';

const help = `
With --to, SRC is a folder of this machine and DEST one of the server; with
--from it is the reverse. What SRC has comes to DEST, under the same names below
it: "sync photos backup --to :8080" stores photos/a.jpg as backup/a.jpg. "/" is
everything on the server.

A file that is there with the same size and modification time is not
transferred. --checksum compares the CRC-32 instead of the time: each side reads
its own files, the server only those whose checksum it does not know. Files that
differ are replaced, whichever is newer. A run that was interrupted goes on when
it is run again.

--delete removes from DEST what SRC does not have: after all transfers, and only
if nothing has failed. When it would remove more than --max-delete files, it
removes and transfers nothing, and says so. --dry-run prints what would be done.

--watch goes on after the first run: what changes in SRC is sent half a second
after it has come to rest, or every five seconds if it does not. A server that
is away is tried again until it is back, and gets then what has changed
meanwhile. --delete removes there what is removed here, as far as --max-delete
goes at once; while a file fails, as one does whose name the server refuses,
nothing is removed: rename it, or leave it out with --exclude.

Links, empty folders and what cannot be read are treated as by "put". With
--from nothing is written through a link below DEST: files that would be are
failures.

--json prints one object a line, told apart by "event": expect, progress, retry,
stored or received, removed, refused, failed, skipped, with --dry-run
would-send, would-receive and would-remove, with --watch watching, blind, away,
back and gone, and at the end of each run summary: files that were transferred,
unchanged and removed.
${filterHelp}
What is left out is left out on both sides: --delete does not remove it.
${serverHelp}

Examples:
  sluice sync photos backup/photos --to :8080         what is new or has changed
  sluice sync photos backup/photos --to :8080 --dry-run --delete
  sluice sync photos backup/photos --to :8080 --bwlimit 2M --parallel auto
  sluice sync photos backup/photos --to :8080 --delete --max-delete 20
  sluice sync backup/photos photos --from :8080       back to this machine
  sluice sync . site --to :8080 --checksum            times do not count
  sluice sync site www --to :8080 --delete --watch    keep it like that
  sluice sync . site --to :8080 --filter-from .gitignore --exclude .git/
${exitStatusHelp}`;

export function addSync(program: Command): void {
  const command = program
    .command('sync')
    .summary('transfer what differs between two folders')
    .description('Makes a folder of a server like one of this machine, or the reverse.')
    .argument('<SRC>', 'the folder to take files from')
    .argument('<DEST>', 'the folder to bring them to');
  addServerOption(command, 'to').addOption(
    new Option('--from <SERVER>', 'the server, if SRC is on it').argParser(parseServer),
  );
  addRetryOptions(command)
    .option('--checksum', 'compare the CRC-32 rather than the time')
    .option('--delete', 'remove from DEST what SRC does not have')
    .option(
      '--max-delete <NUMBER>',
      'the most files that --delete may remove',
      wholeNumber(0, 2 ** 31),
      1000,
    );
  addDryRunOption(command).option('--watch', 'go on: send what changes in SRC, until Ctrl-C');
  addReportOptions(addFilterOptions(command)).addHelpText('after', help).action(run);
}

/** Milliseconds that a server may be silent while it reads a file for its checksum. */
const SUMMING_MAX_MS = 3_600_000;

async function run(src: string, dest: string, flags: SyncFlags): Promise<void> {
  if (src === '' || dest === '') throw usageError('SRC and DEST are folders: one of them is empty');
  if (flags.to !== undefined && flags.from !== undefined)
    throw usageError('--to and --from are two directions: leave one of them out');
  if (flags.to === undefined && flags.from === undefined)
    throw usageError('which way? --to SERVER sends SRC to it, --from SERVER fetches SRC from it');
  const isUpload = flags.to !== undefined;
  if (flags.watch && !isUpload) throw usageError('--watch is for a folder of this machine: it needs --to');
  if (flags.watch && flags.dryRun)
    throw usageError('--watch does what --dry-run only prints: leave one of them out');
  const connecting$ = connection$(flags);
  const token = tokenOf(flags);
  const filter = await filterOf(flags);
  const common = { src, dest, isUpload, filter, connecting$, token };
  if (!flags.watch) return oneRun(common, flags, runSync);
  const { watchSync, inWords } = await import('./watch/watch-sync.ts');
  const output = createOutput();
  // A round that breaks off is followed by the next: further tries of its own would only be said more often.
  const round = <T>(work: (run: SyncRun) => Promise<T>) => oneRun(common, { ...flags, retries: 0 }, work);
  const say = (event: WatchEvent) => {
    if (flags.json) output.json(event);
    else if (['blind', 'away', 'gone'].includes(event.event)) output.error(inWords(event));
    else if (!flags.quiet) output.line(inWords(event));
    output.flush();
  };
  // Between two rounds there is nothing to be said about.
  exitOnSignal(output.flush);
  await watchSync({ src, filter, round, say });
}

type Common = Omit<SyncRun, 'flags' | 'transferRun' | 'server'>;

/** Connects, does the work, and hangs up. */
async function oneRun<T>(common: Common, flags: SyncFlags, work: (run: SyncRun) => Promise<T>): Promise<T> {
  const { isUpload, connecting$, token } = common;
  const transferRun = beginRun(flags, {
    arrives: isUpload ? 'stored' : 'received',
    arrived: isUpload ? 'are stored' : 'were received',
    // What is there is the same when it is looked at again.
    repeats: null,
  });
  const { output, report } = transferRun;
  const signals = exitOnSignal(() => {
    removeTemporaries();
    transferRun.printInterruption();
  });
  const { retries } = flags;
  const pool = {
    ...{ connect: () => connecting$, report, token, retries, window: FILES_AT_ONCE },
    ...connectionsOf(flags).pool,
    ...(flags.checksum && { timeout: SUMMING_MAX_MS }),
  };
  try {
    return await withDownloads(pool, async (server) => {
      const result = await work({ ...common, flags, transferRun, server });
      if (output.isClosed()) throw exitError(exitStatus.success);
      return result;
    });
  } catch (thrown) {
    report.abandon();
    throw thrown;
  } finally {
    output.flush();
    signals.unsubscribe();
  }
}
