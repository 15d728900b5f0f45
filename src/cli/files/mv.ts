/** `sluice mv`: moves a stored file. */
import type { Command } from 'commander';
import { firstValueFrom } from 'rxjs';
import type { Client } from '../../client/client.ts';
import { isClientFault } from '../../client/client-fault.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { faultInWords } from '../shared/fault-words.ts';
import { ofName, printable } from '../shared/format.ts';
import { createOutput } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { withClient } from '../shared/with-client.ts';

interface MvFlags extends ServerFlags {
  readonly clobber: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
Moves one file, at once: there is never a moment when neither name has it. What
is at TO is replaced.
${serverHelp}

Examples:
  sluice mv draft.txt final.txt --server :8080
  sluice mv a.txt archive/a.txt --server :8080 --no-clobber
${exitStatusHelp}`;

export function addMv(program: Command): void {
  const command = program
    .command('mv')
    .summary('move a file')
    .description('Moves a file to another name on the same server.')
    .argument('<FROM>', 'the name it has')
    .argument('<TO>', 'the name it gets');
  addServerOption(command, 'from')
    .option('--no-clobber', 'refuse to replace what is there (exit status 4)')
    .option('--json', 'print JSON')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(from: string, to: string, flags: MvFlags): Promise<void> {
  if (to.endsWith('/')) {
    const whole = `${to}${from.split('/').at(-1)}`;
    throw usageError(`TO is the whole new name of the file: ${printable(whole)}, not ${printable(to)}`);
  }
  const output = createOutput();
  await withClient(flags, output, async (client) => {
    const { size, mtime } = await moved(client, from, to, !flags.clobber);
    if (flags.json) output.json({ event: 'moved', from, name: to, size, mtime });
    else if (!flags.quiet) output.line(`moved ${printable(from)} to ${printable(to)}`);
  });
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
