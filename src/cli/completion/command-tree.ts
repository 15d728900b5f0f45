/**
 * What can be completed, read from the commands themselves: their names, options and arguments. The scripts of all shells
 * are made from it.
 */
import type { Argument, Command, Option } from 'commander';
import { columnNames, listOrder } from '../inspect/list/listed.ts';
import { settingNames, settingOf } from '../settings/table.ts';
import { parseServer } from '../shared/server-address.ts';

/** What stands for a value: words, or what the shell, or the file with the named servers, knows. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'servers' | 'anything' };

export interface CompletedOption {
  /** With their hyphens; one of them at least. @example ['-q', '--quiet'] */
  readonly names: readonly string[];
  readonly description: string;
  /** Null when it takes none, or need not have one. */
  readonly value: Value | null;
}

export interface CompletedCommand {
  /** From the program on. @example ['sluice', 'config', 'set'] */
  readonly path: readonly string[];
  readonly names: readonly string[];
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** Of the arguments, the last of which may be given many times. */
  readonly values: readonly Value[];
  readonly repeats: boolean;
  readonly commands: readonly CompletedCommand[];
}

export function commandTree(command: Command, above: readonly string[] = []): CompletedCommand {
  const path = [...above, command.name()];
  const help = command.createHelp();
  const { registeredArguments } = command;
  return {
    path,
    names: [command.name(), ...command.aliases()],
    description: command.summary() || sentence(command.description()),
    options: help.visibleOptions(command).map(completedOption),
    values: registeredArguments.map(valueOfArgument),
    repeats: registeredArguments.at(-1)?.variadic ?? false,
    commands: help.visibleCommands(command).map((each) => commandTree(each, path)),
  };
}

/** A command, and all below it. */
export const withAllBelow = (command: CompletedCommand): readonly CompletedCommand[] => [
  command,
  ...command.commands.flatMap(withAllBelow),
];

const completedOption = (option: Option): CompletedOption => ({
  names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
  description: option.description,
  value: option.required ? valueOfOption(option) : null,
});

const words = (of: readonly string[]): Value => ({ kind: 'words', words: of });

function valueOfOption(option: Option): Value {
  if (option.argChoices !== undefined) return words(option.argChoices);
  if (option.parseArg === parseServer) return { kind: 'servers' };
  if (option.parseArg === listOrder) return words([...columnNames, ...columnNames.map((name) => `-${name}`)]);
  const setting = settingNames.find((name) => name === option.attributeName());
  const known = setting === undefined ? undefined : settingOf(setting).kind.words;
  if (known !== undefined) return words(known);
  return { kind: KIND_OF_PLACEHOLDER.get(/<(\w+)/.exec(option.flags)?.[1] ?? '') ?? 'anything' };
}

function valueOfArgument(argument: Argument): Value {
  if (argument.argChoices !== undefined) return words(argument.argChoices);
  if (argument.name() === 'SERVER') return { kind: 'servers' };
  if (/^(a|the) folder\b/.test(argument.description)) return { kind: 'folders' };
  return { kind: KIND_OF_PLACEHOLDER.get(argument.name()) ?? 'anything' };
}

const KIND_OF_PLACEHOLDER: ReadonlyMap<string, 'files' | 'folders'> = new Map([
  ['FILE', 'files'],
  ['PATH', 'files'],
  ['OUT', 'files'],
  ['DIR', 'folders'],
]);

/** As a summary is written: no capital, no full stop. */
const sentence = (text: string): string =>
  `${text.charAt(0).toLowerCase()}${text.slice(1)}`.replace(/\.$/, '');
