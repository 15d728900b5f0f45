/** `sluice stat`: size and time of stored files. */
import type { Command } from 'commander';
import { firstValueFrom } from 'rxjs';
import { exitStatusHelp } from '../shared/exit-status.ts';
import { formatTime, printable } from '../shared/format.ts';
import { createOutput } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { forEachName, withClient } from '../shared/with-client.ts';

interface StatFlags extends ServerFlags {
  readonly json?: boolean;
}

const help = `
--json prints one object a line: name, size (bytes), mtime (milliseconds since
1970).
${serverHelp}

Examples:
  sluice stat photos/a.jpg --from :8080
  sluice stat a b c --from :8080 --json
${exitStatusHelp}`;

export function addStat(program: Command): void {
  const command = program
    .command('stat')
    .summary('tell the size and time of files')
    .description('Tells the exact size of stored files, and when they last changed.')
    .argument('<NAME...>', 'names of files');
  addServerOption(command, 'from')
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', help)
    .action(run);
}

async function run(names: readonly string[], flags: StatFlags): Promise<void> {
  const output = createOutput();
  await withClient(flags, output, (client) =>
    forEachName(names, output, async (name) => {
      const { size, mtime } = await firstValueFrom(client.stat(name));
      if (flags.json) output.json({ name, size, mtime });
      else
        output.line(
          `${printable(name)}: ${size} ${size === 1 ? 'byte' : 'bytes'}, changed ${formatTime(mtime)}`,
        );
    }),
  );
}
