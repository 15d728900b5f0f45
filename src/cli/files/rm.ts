/** `sluice rm`: removes stored files. */
import type { Command } from 'commander';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import type { Client } from '../../client/client.ts';
import type { Listing } from '../../files/protocol/file.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { forEachName, withClient } from '../shared/with-client.ts';

interface RmFlags extends ServerFlags {
  readonly recursive?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
A name that cannot be removed does not stop the others. With --recursive, a NAME
may be that of a folder, and everything below it is removed; what others store
there meanwhile may stay.
${serverHelp}

Examples:
  sluice rm old.txt --from :8080
  sluice rm a b c --from :8080 --quiet
  sluice rm -r photos/ --from :8080
${exitStatusHelp}`;

export function addRm(program: Command): void {
  const command = program
    .command('rm')
    .summary('remove files')
    .description('Removes files from a server.')
    .argument('<NAME...>', 'names of files');
  addServerOption(command, 'from')
    .option('-r, --recursive', 'remove everything below a NAME too')
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(names: readonly string[], flags: RmFlags): Promise<void> {
  const output = createOutput();
  await withClient(flags, output, (client) => {
    const remove = async (name: string) => {
      await lastValueFrom(client.delete(name), { defaultValue: undefined });
      if (flags.json) output.json({ event: 'removed', name });
      else if (!flags.quiet) output.line(`removed ${printable(name)}`);
    };
    return forEachName(names, output, async (name) => {
      if (flags.recursive) return removeBelow(client, name, remove, output);
      if (name.endsWith('/'))
        throw exitError(exitStatus.failed, 'it names a folder: -r removes all that is below it');
      return remove(name);
    });
  });
}

/** Removes a folder's files, a page of names at a time; without any, the file of that name. */
async function removeBelow(
  client: Client,
  name: string,
  remove: (name: string) => Promise<void>,
  output: Output,
): Promise<void> {
  const prefix = name === '/' ? '' : name.endsWith('/') ? name : `${name}/`;
  let found = false;
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: Listing = await firstValueFrom(client.page(after === '' ? { prefix } : { prefix, after }));
    found ||= page.files.length > 0;
    await forEachName(
      page.files.map((file) => file.name),
      output,
      remove,
    );
    after = page.next;
  }
  if (!name.endsWith('/') && !found) await remove(name);
  else if (!found) throw exitError(exitStatus.failed, 'nothing is stored there');
}
