/** `sluice mv`: moves a stored file, or a folder. */
import type { Command } from 'commander';
import { firstValueFrom } from 'rxjs';
import type { Client } from '../../client/client.ts';
import { isClientFault } from '../../client/client-fault.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import { addDryRunOption, createDryRun } from '../shared/dry-run.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { faultInWords } from '../shared/fault-words.ts';
import { ofName, printable } from '../shared/format.ts';
import { visitBelow } from '../shared/globs.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { forEachNameInTurns, withClient } from '../shared/with-client.ts';

interface MvFlags extends ServerFlags {
  readonly clobber: boolean;
  readonly dryRun?: true;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
Moves one file, at once: there is never a moment when neither name has it. What
is at TO is replaced.

A FROM that ends in / is a folder: everything below it gets the same name below
TO. Its files are moved one by one, each at once. One that cannot be moved is
said and stays where it is, and the same command goes on with what is left.
${serverHelp}

Examples:
  sluice mv draft.txt final.txt --server :8080
  sluice mv a.txt archive/a.txt --server :8080 --no-clobber
  sluice mv photos/2023/ archive/photos/ --server :8080 --dry-run
${exitStatusHelp}`;

export function addMv(program: Command): void {
  const command = program
    .command('mv')
    .summary('move a file or a folder')
    .description('Moves a file to another name on the same server, or all files of a folder.')
    .argument('<FROM>', 'the name it has; with a / at the end, a folder')
    .argument('<TO>', 'the name it gets');
  addServerOption(command, 'from').option('--no-clobber', 'refuse to replace what is there (exit status 4)');
  addDryRunOption(command)
    .option('--json', 'print JSON')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(from: string, to: string, flags: MvFlags): Promise<void> {
  const isFolder = from.endsWith('/');
  if (!isFolder && to.endsWith('/')) {
    const whole = `${to}${from.split('/').at(-1)}`;
    throw usageError(`TO is the whole new name of the file: ${printable(whole)}, not ${printable(to)}`);
  }
  const output = createOutput();
  await withClient(flags, output, async (client) => {
    const move = mover(client, flags, output);
    if (isFolder) await moveFolder(client, from, to, move, output);
    else await move(from, to);
  });
}

type Move = (from: string, to: string) => Promise<void>;

function mover(client: Client, flags: MvFlags, output: Output): Move {
  if (!flags.dryRun)
    return async (from, to) => {
      const { size, mtime } = await moved(client, from, to, !flags.clobber);
      if (flags.json) output.json({ event: 'moved', from, name: to, size, mtime });
      else if (!flags.quiet) output.line(`moved ${printable(from)} to ${printable(to)}`);
    };
  const { would } = createDryRun(flags, output);
  return async (from, to) => {
    const { size } = await firstValueFrom(client.stat(from));
    const replaces = await isThere(client, to);
    if (replaces && !flags.clobber) throw exitError(exitStatus.existing, ofName(to, 'it is there already'));
    const how = ` to ${printable(to)}${replaces ? ', and replace what is there' : ''}`;
    would({ verb: 'move', name: from, how, fields: { from, name: to, size, replaces } });
  };
}

/** Moves the files of a folder, so many at a time. Throws an `ExitError` when one was not moved, or there is none. */
async function moveFolder(
  client: Client,
  from: string,
  to: string,
  move: Move,
  output: Output,
): Promise<void> {
  const prefix = from === '/' ? '' : from;
  const target = to === '/' ? '' : to.endsWith('/') ? to : `${to}/`;
  if (target.startsWith(prefix))
    throw usageError(`${printable(to)} is in ${printable(from)}: a folder cannot be moved into itself`);
  const names: string[] = [];
  // All of them are known before the first is moved: a listing would meet what was moved once more.
  await visitBelow(prefix, client, ({ name }) => void names.push(name));
  if (names.length === 0) throw exitError(exitStatus.failed, ofName(from, 'nothing is stored there'));
  await forEachNameInTurns(names, output, (name) => move(name, `${target}${name.slice(prefix.length)}`));
}

async function isThere(client: Client, name: string): Promise<boolean> {
  try {
    await firstValueFrom(client.stat(name));
    return true;
  } catch (thrown) {
    if (isClientFault(thrown) && thrown.code === 'refused' && thrown.error.code === 'not-found') return false;
    throw thrown;
  }
}

/** Moves the file. Throws an `ExitError` that says what is wrong with which of the two names. */
async function moved(client: Client, from: string, to: string, ifAbsent: boolean): Promise<FileInfo> {
  try {
    return await firstValueFrom(client.rename(from, to, { ifAbsent }));
  } catch (thrown) {
    if (!isClientFault(thrown) || thrown.code !== 'refused') throw thrown;
    const { code, field } = thrown.error;
    const name = ['exists', 'name-conflict'].includes(code) || field === 'to' ? to : from;
    const status = code === 'exists' ? exitStatus.existing : exitStatus.failed;
    throw exitError(status, ofName(name, faultInWords(thrown, 'read')));
  }
}
