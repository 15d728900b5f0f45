/** `sluice ls`: lists stored files. */

import type { Command } from 'commander';
import { firstValueFrom } from 'rxjs';
import { formatBytes } from '../../base/units.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { formatTime, printable } from '../shared/format.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { withClient } from '../shared/with-client.ts';

interface LsFlags extends ServerFlags {
  readonly json?: boolean;
}

const help = `
Lists every file whose name begins with PREFIX, in order of name: size, time of
the last change, name. --json prints one object a line: name, size (bytes),
mtime (milliseconds since 1970). When no name begins with PREFIX it says so on
stderr, and the exit status is 1; an empty server without a PREFIX is no failure.
"/" is everything there is.
${serverHelp}

Examples:
  sluice ls --from 192.168.0.5:8080
  sluice ls photos/ --from :8080
  sluice ls --from :8080 --json | jq .size
${exitStatusHelp}`;

export function addLs(program: Command): void {
  const command = program
    .command('ls')
    .summary('list what is stored')
    .description('Lists the files on a server.')
    .argument('[PREFIX]', 'what the names begin with');
  addServerOption(command, 'from')
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', help)
    .action(run);
}

async function run(given: string | undefined, flags: LsFlags): Promise<void> {
  // "/" means everything, as it does for `get` and `rm`, although no name begins with it.
  const prefix = given === '/' ? '' : given;
  const output = createOutput();
  let found = false;
  await withClient(flags, output, async (client) => {
    let after: string | undefined;
    do {
      const asked = {
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after }),
      };
      const { files, next } = await firstValueFrom(client.page(asked));
      found ||= files.length > 0;
      for (const file of files) printFile(file, flags.json === true, output);
      output.flush();
      after = next;
    } while (after !== undefined && !output.isClosed());
  });
  // Without a PREFIX nothing can be misspelt, so an empty server is no failure.
  if (!found && prefix) throw exitError(exitStatus.failed, `${printable(prefix)}: no name begins with that`);
}

export function printFile(file: FileInfo, json: boolean, output: Output): void {
  const { name, size, mtime } = file;
  if (json) output.json({ name, size, mtime });
  else output.line(`${formatBytes(size).padStart(8)}  ${formatTime(mtime)}  ${printable(name)}`);
}
