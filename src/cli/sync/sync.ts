/** `sluice sync`: makes a folder of a server like one of this machine, or the reverse, and transfers only what differs. */
import { type Command, Option } from 'commander';
import { addDryRunOption } from '../shared/dry-run.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { addFilterOptions, filterHelp, filterOf } from '../shared/filters.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { parseServerAddress } from '../shared/server-address.ts';
import { addServerOption, connection$, serverHelp, tokenOf } from '../shared/server-option.ts';
import { exitOnSignal } from '../shared/signals.ts';
import { FILES_AT_ONCE } from '../transfer/download.ts';
import { removeTemporaries } from '../transfer/local-file.ts';
import { addRetryOptions } from '../transfer/retry-options.ts';
import { addReportOptions, beginRun } from '../transfer/transfer-run.ts';
import { withDownloads } from '../transfer/with-downloads.ts';
import { runSync } from './run-sync.ts';
import type { SyncFlags } from './sync-run.ts';

const help = `
With --to, SRC is a folder of this machine and DEST one of the server; with
--from it is the reverse. What SRC has comes to DEST, under the same names below
it: "sync photos backup --to :8080" stores photos/a.jpg as backup/a.jpg. "/" is
everything on the server.

A file that is there with the same size and modification time is not transferred.
--checksum compares the CRC-32 instead of the time: each side reads its own files,
the server only those whose checksum it does not know. Files that differ are replaced, whichever is newer. A run that was
interrupted goes on when it is run again.

--delete removes from DEST what SRC does not have: after all transfers, and only
if nothing has failed. When it would remove more than --max-delete files, it
removes and transfers nothing, and says so. --dry-run prints what would be done.

Links, empty folders and what cannot be read are treated as by "put".

--json prints one object a line, told apart by "event": expect, progress, retry,
stored or received, removed, refused, failed, skipped, with --dry-run would-send,
would-receive and would-remove, and at the end summary: files that were transferred,
unchanged and removed.
${filterHelp} What is left out is left out on both sides: --delete does not remove it.
${serverHelp}

Examples:
  sluice sync photos backup/photos --to :8080            what is new or has changed
  sluice sync photos backup/photos --to :8080 --dry-run --delete
  sluice sync photos backup/photos --to :8080 --delete --max-delete 20
  sluice sync backup/photos photos --from :8080          back to this machine
  sluice sync . site --to :8080 --checksum               times do not count
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
    new Option('--from <SERVER>', 'the server, if SRC is on it').argParser(parseServerAddress),
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
  addReportOptions(addFilterOptions(addDryRunOption(command)))
    .addHelpText('after', help)
    .action(run);
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
  const connecting$ = connection$(flags);
  const token = tokenOf(flags);
  const filter = await filterOf(flags);
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
  const { retries, parallel } = flags;
  const pool = {
    ...{ connect: () => connecting$, report, token, retries, parallel, window: FILES_AT_ONCE },
    ...(flags.checksum && { timeout: SUMMING_MAX_MS }),
  };
  try {
    await withDownloads(pool, async (server) => {
      await runSync({ src, dest, isUpload, flags, filter, transferRun, server, connecting$, token });
      if (output.isClosed()) throw exitError(exitStatus.success);
    });
  } catch (thrown) {
    report.abandon();
    throw thrown;
  } finally {
    output.flush();
    signals.unsubscribe();
  }
}
