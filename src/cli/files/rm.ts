/** `sluice rm`: removes stored files. */
import type { Command } from 'commander';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { plainCountOf } from '../../base/units.ts';
import type { Client } from '../../client/client.ts';
import type { Listing } from '../../files/protocol/file.ts';
import { addDryRunOption, createDryRun } from '../shared/dry-run.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { expandName } from '../shared/globs.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { forEachName, forEachNameInTurns, withClient } from '../shared/with-client.ts';

interface RmFlags extends ServerFlags {
  readonly recursive?: boolean;
  readonly dryRun?: true;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
A name that cannot be removed does not stop the others. With --recursive, a NAME
may be that of a folder, and everything below it is removed; what others store
there meanwhile may stay. NAME may be a pattern, in quotes: "*" and "?" within a
folder, "**" over folders, "[a-c]", "{a,b}". A file that has exactly that name
is meant before.
${serverHelp}

Examples:
  sluice rm old.txt --from :8080
  sluice rm a b c --from :8080 --quiet
  sluice rm 'logs/2023-*.log' --from :8080 --dry-run
  sluice rm -r photos/ --from :8080
${exitStatusHelp}`;

export function addRm(program: Command): void {
  const command = program
    .command('rm')
    .summary('remove files')
    .description('Removes files from a server.')
    .argument('<NAME...>', 'names of files, or patterns');
  addServerOption(command, 'from').option('-r, --recursive', 'remove everything below a NAME too');
  addDryRunOption(command)
    .option('--json', 'print JSON, one object a line')
    .option('-q, --quiet', 'print only what goes wrong')
    .addHelpText('after', help)
    .action(run);
}

async function run(names: readonly string[], flags: RmFlags): Promise<void> {
  const output = createOutput();
  const recursive = flags.recursive === true;
  await withClient(flags, output, async (client) => {
    const remover = flags.dryRun ? wouldRemove(client, flags, output) : removes(client, flags, output);
    const removeOne = async (name: string): Promise<void> => {
      if (recursive) return removeBelow(client, name, remover.remove, output);
      if (name.endsWith('/'))
        throw exitError(exitStatus.failed, 'it names a folder: -r removes all that is below it');
      return remover.remove(name);
    };
    try {
      await forEachName(names, output, async (given) => {
        const named = await expandName(given, client, recursive);
        if (named.length === 0) throw exitError(exitStatus.failed, 'no name fits');
        if (!named[0]!.listed) return removeOne(given);
        const all = named.map(({ name }) => name);
        return forEachNameInTurns(all, output, removeOne);
      });
    } finally {
      remover.end();
    }
  });
}

interface Remover {
  readonly remove: (name: string) => Promise<void>;
  readonly end: () => void;
}

const removes = (client: Client, flags: RmFlags, output: Output): Remover => ({
  remove: async (name) => {
    await lastValueFrom(client.delete(name), { defaultValue: undefined });
    if (flags.json) output.json({ event: 'removed', name });
    else if (!flags.quiet) output.line(`removed ${printable(name)}`);
  },
  end: () => {},
});

function wouldRemove(client: Client, flags: RmFlags, output: Output): Remover {
  const { would, end } = createDryRun(flags, output);
  let files = 0;
  return {
    remove: async (name) => {
      const { size } = await firstValueFrom(client.stat(name));
      files++;
      would({ verb: 'remove', name, size, fields: { name, size } });
    },
    end: () => end(`would remove ${plainCountOf(files, 'file')}`, { files }),
  };
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
