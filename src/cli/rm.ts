/** `sluice rm`: removes stored files. */
import type { Command } from 'commander';
import { lastValueFrom } from 'rxjs';
import { exitStatusHelp } from './exit-status.ts';
import { createOutput } from './output.ts';
import { addServerOption, type ServerFlags, serverHelp } from './server-option.ts';
import { forEachName, withClient } from './with-client.ts';
import { printable } from './words.ts';

interface RmFlags extends ServerFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
A name that cannot be removed does not stop the others.
${serverHelp}

Examples:
  sluice rm old.txt --from :8080
  sluice rm a b c --from :8080 --quiet
${exitStatusHelp}`;

export function addRm(program: Command): void {
  const command = program
    .command('rm')
    .summary('remove files')
    .description('Removes files from a server.')
    .argument('<NAME...>', 'names of files');
  addServerOption(command, 'from')
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(names: readonly string[], flags: RmFlags): Promise<void> {
  const output = createOutput();
  await withClient(flags, output, (client) =>
    forEachName(names, output, async (name) => {
      await lastValueFrom(client.delete(name), { defaultValue: undefined });
      if (flags.json) output.json({ event: 'removed', name });
      else if (!flags.quiet) output.line(`removed ${printable(name)}`);
    }),
  );
}
