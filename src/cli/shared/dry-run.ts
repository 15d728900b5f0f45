/** `--dry-run`: what a command prints instead of doing it. */
import type { Command } from 'commander';
import { formatBytes } from '../../base/units.ts';
import { printable } from './format.ts';
import type { Output } from './output.ts';

/** What a command would do with one name. */
export interface Would {
  /** @example 'send' */
  readonly verb: string;
  readonly name: string;
  /** Bytes, where they are known. */
  readonly size?: number;
  /** What else is to be said, in words. @example 'to photos/a.jpg' */
  readonly how?: string;
  /** Fields of the JSON, besides `event`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface DryRun {
  readonly would: (what: Would) => void;
  /** @param line what the lines above come to; JSON has `counts`. */
  readonly end: (line: string, counts: Readonly<Record<string, unknown>>) => void;
}

/** Lines between which what was printed is handed on. */
const LINES_AT_ONCE = 1000;

export const addDryRunOption = (command: Command): Command =>
  command.option('--dry-run', 'print what would be done, and do nothing');

export function createDryRun(
  flags: { readonly json?: boolean; readonly quiet?: boolean },
  output: Output,
): DryRun {
  const { json = false, quiet = false } = flags;
  let lines = 0;
  return {
    would: ({ verb, name, size, how, fields }) => {
      if (json) output.json({ event: `would-${verb}`, ...fields });
      else if (!quiet) {
        const bytes = size === undefined ? '' : ` (${formatBytes(size)})`;
        output.line(`would ${verb} ${printable(name)}${bytes}${how === undefined ? '' : how}`);
      }
      if (++lines % LINES_AT_ONCE === 0) output.flush();
    },
    end: (line, counts) => {
      if (json) output.json({ event: 'summary', ...counts });
      else if (!quiet) output.line(line);
    },
  };
}
