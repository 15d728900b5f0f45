/** `sluice du`: how much folders have. */
import type { Command } from 'commander';
import { formatBytes, plainCountOf } from '../../base/units.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import { expandName, visitBelow } from '../shared/globs.ts';
import { wholeNumber } from '../shared/option-parsers.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { forEachNameInTurns, withClient } from '../shared/with-client.ts';
import { createFolderSums, type FolderSum } from './folder-sums.ts';

interface DuFlags extends ServerFlags {
  readonly depth: number;
  readonly human?: true;
  readonly json?: boolean;
}

const help = `
Prints the bytes of all files below each FOLDER, how many they are, and its
name. Folders below it have a line too, down to --depth, before the one they are
in. Without a FOLDER, or for "/", it is everything there is. FOLDER may be a
pattern, in quotes.

--json prints one object a line: folder, size (bytes), files, mtime (the latest
change, in milliseconds since 1970).
${serverHelp}

Examples:
  sluice du --from :8080 --human
  sluice du photos videos --from :8080
  sluice du photos --from :8080 --depth 2 | sort -n
${exitStatusHelp}`;

export function addDu(program: Command): void {
  const command = program
    .command('du')
    .summary('tell how much folders have')
    .description('Sums up the files on a server, folder by folder.')
    .argument('[FOLDER...]', 'folders, or patterns');
  addServerOption(command, 'from')
    .option('-d, --depth <N>', 'parts below FOLDER that have lines of their own', wholeNumber(0, 1000), 0)
    .option('--human', 'sizes in KiB, MiB and so on')
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', help)
    .action(run);
}

async function run(given: readonly string[], flags: DuFlags): Promise<void> {
  const output = createOutput();
  const folders = given.length === 0 ? ['/'] : given;
  await withClient(flags, output, async (client) => {
    // One after the other: their lines stay together.
    const sumUpAll = async (asked: string): Promise<void> => {
      const named = await expandName(asked.endsWith('/') ? asked : `${asked}/`, client, true);
      if (named.length === 0) throw exitError(exitStatus.failed, 'no folder fits');
      for (const { name } of named) await sumUp(name === '/' ? '' : name);
    };
    await forEachNameInTurns(folders, output, sumUpAll, 1);

    async function sumUp(prefix: string): Promise<void> {
      const top: { -readonly [K in keyof FolderSum]: FolderSum[K] } = {
        name: prefix || '/',
        size: 0,
        files: 0,
        mtime: 0,
      };
      const ended = (sum: FolderSum) => printSum(sum, flags, output);
      const sums = createFolderSums({ top: prefix, depth: flags.depth, ended });
      await visitBelow(prefix, client, (file) => {
        sums.add(file);
        top.size += file.size;
        top.files++;
        top.mtime = Math.max(top.mtime, file.mtime);
      });
      sums.end();
      if (top.files === 0 && prefix !== '') throw exitError(exitStatus.failed, 'nothing is stored there');
      printSum(top, flags, output);
    }
  });
}

function printSum({ name, size, files, mtime }: FolderSum, { human, json }: DuFlags, output: Output): void {
  if (json) return output.json({ folder: name, size, files, ...(files > 0 && { mtime }) });
  const bytes = human ? formatBytes(size).padStart(8) : `${size}`.padStart(12);
  output.line(`${bytes}  ${printable(name)}  (${plainCountOf(files, 'file')})`);
}
