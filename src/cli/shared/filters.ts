/**
 * `--exclude`, `--include` and `--filter-from`: which files a command leaves out.
 *
 * They mean what lines of a `.gitignore` mean (gitignore(5)): the last pattern that fits decides, a pattern with a `/`
 * before its end is meant from the top, one with a `/` at its end means folders, and what is below a folder that is left
 * out cannot be taken back in.
 */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemWords } from '../../files/protocol/system-words.ts';

export interface FilterFlags {
  /** All three have the same lines, in the order of the command line. */
  readonly exclude?: readonly string[];
  readonly include?: readonly string[];
  readonly filterFrom?: readonly string[];
}

/** Tells whether a name is left out: a file's, or with a `/` at its end a folder's; both below the top. */
export type Filter = (name: string) => boolean;

export function addFilterOptions(command: Command): Command {
  const lines: string[] = [];
  const add = (toLines: (text: string) => readonly string[]) => (text: string) => {
    lines.push(...toLines(text));
    return lines;
  };
  const option = (flags: string, says: string, toLines: (text: string) => readonly string[]) =>
    new Option(flags, says).argParser(add(toLines)).helpGroup('Which files:');
  return command
    .addOption(
      option('--exclude <PATTERN>', 'leave these out, as .gitignore would', (text) => [asLine(text)]),
    )
    .addOption(
      option('--include <PATTERN>', 'but not these, which an earlier one means too', (text) => [
        `!${asLine(text)}`,
      ]),
    )
    .addOption(option('--filter-from <FILE>', 'patterns of a file, as of a .gitignore', linesOf));
}

export const filterHelp = `
--exclude, --include and --filter-from may be given many times, and mean what
lines of a .gitignore mean, counted from the top of what is transferred: "*.tmp"
wherever it is, "/build" only at the top, "cache/" only a folder, "a/**/b" at
any depth. The last one that fits decides. What is below a folder that is left
out stays out.`;

/** A pattern of the command line is never a comment, and `!` at its beginning is part of a name. */
function asLine(pattern: string): string {
  if (pattern.trim() === '')
    throw new InvalidArgumentError('It is empty: name what is meant, such as "*.tmp".');
  if (/[\r\n]/.test(pattern))
    throw new InvalidArgumentError('It has several lines: --filter-from reads such patterns from a file.');
  return /^[!#]/.test(pattern) ? `\\${pattern}` : pattern;
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8')
      .replace(/^\ufeff/, '')
      .split(/\r?\n/);
  } catch (error) {
    const why = systemWords(error as NodeJS.ErrnoException, 'read');
    throw new InvalidArgumentError(`It cannot be read: ${why}.`);
  }
}

/** Nothing is left out without one of the options. What reads patterns is loaded only when there are some. */
export async function filterOf({ exclude, include, filterFrom }: FilterFlags): Promise<Filter | null> {
  const lines = exclude ?? include ?? filterFrom;
  if (lines === undefined) return null;
  const { default: ignore } = await import('ignore');
  const rules = ignore({ ignorecase: false, allowRelativePaths: true }).add([...lines]);
  return (name) => rules.ignores(name);
}

/** Those that are not left out. @param nameOf the name below the top. */
export const keptBy = <T>(
  filter: Filter | null,
  files: readonly T[],
  nameOf: (file: T) => string,
): readonly T[] => (filter === null ? files : files.filter((file) => !filter(nameOf(file))));
