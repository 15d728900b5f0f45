/** `sluice put`: sends files and whole folders. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { addDryRunOption } from '../shared/dry-run.ts';
import { usageError } from '../shared/exit-error.ts';
import { exitStatusHelp } from '../shared/exit-status.ts';
import { addFilterOptions, filterHelp, filterOf } from '../shared/filters.ts';
import { printable } from '../shared/format.ts';
import { addServerOption, serverHelp } from '../shared/server-option.ts';
import { topName } from './put-plan.ts';
import { addRetryOptions } from './retry-options.ts';
import { type PutFlags, runPut } from './run-put.ts';
import { STDIN } from './stdio/stdin-spool.ts';
import { addReportOptions } from './transfer-run.ts';

const help = `
A file is stored under its own name, a folder with everything in it under the
folder's: "put a/photos" stores photos/x, photos/sub/y and so on. --as renames
the top; --as NAME/ puts it below NAME. Existing files are replaced, each at
once. Permissions are not kept; modification times are. Links to files are sent
as files; links to folders, empty folders, and what is neither, are skipped with
a warning; a PATH that is neither is a failure. Files of the kernel, whose size
says 0 (/proc/cpuinfo), are read first, up to 16 MiB.

Success means: every file is acknowledged by the server with the size and CRC-32
of what was sent. A file that is refused, or that changes while it is being
sent, does not stop the others.

A connection that breaks is made again, --retries times in a row. The server
keeps what it has of a file over 8 MiB, so that only the rest is sent then, or
by the same command at a later time, unless the file has changed meanwhile.
--no-resume sends it all. A host that is not known is not tried again; a
resolver that is away is.

"-" is stdin, and --as its name: it is taken up whole before it is sent, up to 8
MiB in memory, more in TMPDIR. When sending it fails, it is kept there.

--json prints one object a line, told apart by "event": expect, progress (with
the bytes that are durable, for files that can be resumed), retry, stored,
refused, failed, skipped, with --dry-run would-send and would-refuse, and at the
end summary. Its bytes are those of the files that were stored, transferred as
many of them as this run has sent; with --update it has how many files were
unchanged, and how many are newer there and stayed.

--no-acks sends to a peer that never replies: plain headers, and success means
that the peer took every byte and ended the connection in good order. It does
not mean that it kept them.
${filterHelp}
${serverHelp}

Examples:
  sluice put report.pdf --to 192.168.0.5:8080
  sluice put photos --to :8080                    to this machine, as photos/…
  sluice put photos --to :8080 --as backup        as backup/…
  sluice put photos --to :8080 --update           what is new or has changed
  sluice put site --to :8080 --exclude node_modules/ --exclude '*.map'
  sluice put *.log --to :8080 --as logs/          as logs/a.log, logs/b.log, …
  tar c . | sluice put - --as x.tar --to :8080
  sluice put photos --to :8080 --dry-run
  sluice put photos --to :8080 --parallel auto    as many connections as help
  sluice put photos --to :8080 --bwlimit 2M       at most 2 MiB a second
  sluice put photos --to :8080 --json | jq .event
  sluice put disk.img --to :8080 --verify sha256  only if its SHA-256 is right
  sluice put photos --to :9999 --no-acks          to a script that only reads
${exitStatusHelp}`;

export function addPut(program: Command): void {
  const command = program
    .command('put')
    .summary('send files and folders')
    .description('Sends files and whole folders.')
    .argument('<PATH...>', 'files and folders; - is stdin');
  addRetryOptions(addServerOption(command, 'to'))
    .option('--resume', 'go on with files over 8 MiB where they were interrupted (the default)', true)
    .option('--no-resume', 'send them from the start')
    .addOption(
      new Option(
        '--verify <DIGEST>',
        'read each file once more before, and have the server check it',
      ).choices(['sha256']),
    )
    .option('--as <NAME>', 'the name to store it under; with a / at the end, the folder to put it into')
    .option('--update', 'send only what is not there, or is older there')
    .option('--no-clobber', 'refuse to replace what is there (exit status 4)')
    .option('--no-acks', 'the peer never replies');
  addReportOptions(addFilterOptions(addDryRunOption(command)))
    .addHelpText('after', help)
    .action(run);
}

async function run(paths: readonly string[], flags: PutFlags): Promise<void> {
  checkNames(paths, flags.as);
  if (paths.includes(STDIN)) checkStdin(paths, flags);
  if (!flags.acks && !flags.clobber) throw usageError('--no-clobber needs a server that answers');
  if (!flags.acks && flags.update) throw usageError('--update needs a server that answers');
  if (flags.update && !flags.clobber)
    throw usageError('--update replaces what is older, and --no-clobber nothing: leave one of them out');
  if (!flags.acks && flags.verify !== undefined) throw usageError('--verify needs a server that answers');
  await runPut(paths, flags, await filterOf(flags));
}

/** Throws an `ExitError` when what is asked for cannot be done with a pipe. */
function checkStdin(paths: readonly string[], { as, update }: PutFlags): void {
  if (paths.length > 1) throw usageError('- is stdin, and is sent alone: a file of that name is ./-');
  if (as === undefined || as.endsWith('/'))
    throw usageError('stdin has no name: --as NAME says which one it gets');
  const why = explainBadFilename(as);
  if (why !== null) throw usageError(`--as ${printable(as)}: the file name is not allowed: ${why}`);
  if (update) throw usageError('--update compares times, and stdin has none: leave it out');
}

/** Throws an `ExitError` when two paths would get the same name: only one of them would be left. */
function checkNames(paths: readonly string[], as: string | undefined): void {
  if (paths.length > 1 && as !== undefined && !as.endsWith('/')) {
    throw usageError(
      `--as ${printable(as)} is one name for ${paths.length} paths: add a / to put them into a folder`,
    );
  }
  const names = new Map<string, string>();
  for (const path of paths) {
    const name = topName(path, as);
    const other = names.get(name);
    if (other !== undefined) throw usageError(explainSameName(other, path, name));
    names.set(name, path);
  }
}

const explainSameName = (one: string, other: string, name: string): string =>
  resolve(one) === resolve(other)
    ? `${printable(one)} is named twice: leave one of the two out`
    : `${printable(one)} and ${printable(other)} would both be stored as ${printable(name)}: send one of them with another --as`;
