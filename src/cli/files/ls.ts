/** `sluice ls`: lists stored files. */
import type { Command } from 'commander';
import { formatBytes, plainCountOf } from '../../base/units.ts';
import type { FileInfo } from '../../files/protocol/file.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus, exitStatusHelp } from '../shared/exit-status.ts';
import { formatTime, printable } from '../shared/format.ts';
import { isPattern, matcher, patternPrefix, visitBelow } from '../shared/globs.ts';
import { createOutput, type Output } from '../shared/output.ts';
import { addServerOption, type ServerFlags, serverHelp } from '../shared/server-option.ts';
import { withClient } from '../shared/with-client.ts';
import type { FolderSum } from './folder-sums.ts';

interface LsFlags extends ServerFlags {
  readonly json?: boolean;
  readonly long?: true;
  readonly recursive?: true;
  readonly human?: true;
}

const help = `
Lists every file whose name begins with PREFIX, in order of name: size, time of
the last change, name. PREFIX may be a pattern, in quotes: "*" and "?" within a
folder, "**" over folders, "[a-c]", "{a,b}"; with a / at its end it means all
files of folders. When nothing is found it says so on stderr, and the exit
status is 1; an empty server without a PREFIX is no failure. "/" is everything
there is.

-l lists folder by folder: what is right below PREFIX, or files and folders that
fit the pattern, with sizes in bytes. A folder is one line, with the bytes and
the number of all files below it and the latest of their times; the last line is
the sum. With -R every file has a line.

--json prints one object a line: name, size (bytes), mtime (milliseconds since
1970); of a folder, folder, size, files and mtime.
${serverHelp}

Examples:
  sluice ls --from 192.168.0.5:8080
  sluice ls photos/ --from :8080
  sluice ls -lh photos/ --from :8080
  sluice ls -l 'photos/20*' --from :8080
  sluice ls -lR photos/ --from :8080
  sluice ls 'photos/**/*.jpg' --from :8080
  sluice ls --from :8080 --json | jq .size
${exitStatusHelp}`;

export function addLs(program: Command): void {
  const command = program
    .command('ls')
    .summary('list what is stored')
    .description('Lists the files on a server.')
    .argument('[PREFIX]', 'what the names begin with, or a pattern');
  // As for the commands of that name, -h is about sizes.
  addServerOption(command.helpOption('--help', 'display help for command'), 'from')
    .option('-l, --long', 'folder by folder, with sums')
    .option('-R, --recursive', 'every file, also with -l')
    .option('-h, --human', 'sizes in KiB, MiB and so on, also with -l')
    .option('--json', 'print JSON, one object a line')
    .addHelpText('after', help)
    .action(run);
}

/** Files between which what was printed is handed on. */
const LINES_AT_ONCE = 1000;

async function run(given: string | undefined, flags: LsFlags): Promise<void> {
  // "/" means everything, as it does for `get` and `rm`, although no name begins with it.
  const asked = given === '/' || given === undefined ? '' : given;
  const output = createOutput();
  let found = 0;
  await withClient(flags, output, async (client) => {
    const printAll = async (prefix: string, print: Printer, isMeant = (_name: string) => true) => {
      await visitBelow(prefix, client, (file) => {
        if (!isMeant(file.name)) return;
        print.file(file);
        if (++found % LINES_AT_ONCE === 0) output.flush();
        return !output.isClosed();
      });
      if (found > 0) print.end();
    };
    await printAll(
      asked,
      flags.long ? longPrinter(linesBelow(asked), flags, output) : shortPrinter(flags, output),
    );
    // What begins with the characters of a pattern was meant by it, if there is any.
    if (found > 0 || !isPattern(asked)) return;
    const fittingOf = await matcher(asked, flags.long === true);
    const print = flags.long
      ? longPrinter({ lineOf: fittingOf, top: '' }, flags, output)
      : shortPrinter(flags, output);
    await printAll(patternPrefix(asked), print, (name) => fittingOf(name) !== undefined);
  });
  // Without a PREFIX nothing can be misspelt, so an empty server is no failure.
  if (found === 0 && asked !== '') {
    const why = isPattern(asked) ? 'no name fits' : 'no name begins with that';
    throw exitError(exitStatus.failed, `${printable(asked)}: ${why}`);
  }
}

interface Printer {
  readonly file: (file: FileInfo) => void;
  readonly end: () => void;
}

const shortPrinter = (flags: LsFlags, output: Output): Printer => ({
  file: (file) => printFile(file, flags.json === true, output),
  end: () => {},
});

function printFile(file: FileInfo, json: boolean, output: Output): void {
  const { name, size, mtime } = file;
  if (json) output.json({ name, size, mtime });
  else output.line(`${formatBytes(size).padStart(8)}  ${formatTime(mtime)}  ${printable(name)}`);
}

/** Columns of a size in bytes: as many as a petabyte has. */
const SIZE_COLUMNS = 15;

interface Lines {
  /** The name of the line that a file belongs to: its own, or that of a folder, with a `/` at its end. */
  readonly lineOf: (name: string) => string | undefined;
  /** What all names are shown without. */
  readonly top: string;
}

/** Lines of what is right below a prefix. */
function linesBelow(prefix: string): Lines {
  const top = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  return { top, lineOf: (name) => name.slice(0, name.indexOf('/', top.length) + 1) || name };
}

function longPrinter({ lineOf, top }: Lines, flags: LsFlags, output: Output): Printer {
  const { human = false, json = false, recursive = false } = flags;
  const sizeOf = (size: number) => (human ? formatBytes(size).padStart(8) : `${size}`.padStart(SIZE_COLUMNS));
  let [files, bytes] = [0, 0];
  const line = (size: number, mtime: number, name: string, more = '') =>
    output.line(`${sizeOf(size)}  ${formatTime(mtime)}  ${printable(name.slice(top.length))}${more}`);
  /** The folder that the last file is in: everything below it comes in a row. */
  let open: { -readonly [K in keyof FolderSum]: FolderSum[K] } | null = null;
  const endFolder = () => {
    if (open === null) return;
    const { name, ...sum } = open;
    open = null;
    if (json) output.json({ folder: name, ...sum });
    else line(sum.size, sum.mtime, name, `  (${plainCountOf(sum.files, 'file')})`);
  };
  return {
    file: (file) => {
      files++;
      bytes += file.size;
      const name = recursive ? file.name : (lineOf(file.name) ?? file.name);
      if (name !== open?.name) endFolder();
      if (name !== file.name) {
        open ??= { name, size: 0, files: 0, mtime: 0 };
        open.size += file.size;
        open.files++;
        open.mtime = Math.max(open.mtime, file.mtime);
      } else if (json) printFile(file, true, output);
      else line(file.size, file.mtime, name);
    },
    end: () => {
      endFolder();
      if (!json) output.line(`${sizeOf(bytes)}  ${plainCountOf(files, 'file')}`);
    },
  };
}
