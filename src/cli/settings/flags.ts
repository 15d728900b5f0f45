/** The settings as flags of commander, and the help about them. */
import { type Command, Option } from 'commander';
import type { Sources } from './settings.ts';
import { flagOf, groups, type SettingName, settingNames, settingOf } from './table.ts';

/**
 * The texts of the flags, as commander has read them. `readSettings` parses them, so that a wrong value gets the same
 * message in every source.
 */
export type Flags = Sources['flags'] & { readonly printConfig?: true; readonly trace?: true };

export function addSettings(command: Command): Command {
  for (const name of settingNames) {
    if (name === 'dir') command.argument('[DIR]', `${settingOf(name).help} ${shownDefault(name)}`);
    else command.addOption(optionOf(name));
  }
  const title = `${groups.operation.title}:`;
  command.addOption(new Option('--config <FILE>', 'a JSON file with settings').helpGroup(title));
  const trace = new Option('--trace', 'log every event of every connection, and what came of it');
  command.addOption(trace.helpGroup(title));
  const print = new Option('--print-config', 'print all settings as such a file, and do nothing else');
  return command.addOption(print.helpGroup(title));
}

/** The flag of a setting, in the group of its kind. */
export function optionOf(name: Exclude<SettingName, 'dir'>): Option {
  const { group, kind, help } = settingOf(name);
  const { placeholder, preset } = kind;
  const value = preset === undefined ? `<${placeholder}>` : `[${placeholder}]`;
  const option = new Option(`${flagOf(name)} ${value}`, `${help} ${shownDefault(name)}`.trim());
  if (preset !== undefined) option.preset(preset);
  return option.helpGroup(`${groups[group].title}:`);
}

function shownDefault(name: SettingName): string {
  const { kind, default: fallback } = settingOf(name);
  const shown = kind.show(fallback);
  return shown === '' ? '' : `(default: ${shown})`;
}

export const settingsHelp = `
Settings come from, the first that has one: its flag, the environment, the JSON
file of --config (or SLUICE_CONFIG), the default. The variable of --max-file is
SLUICE_MAX_FILE, its key in the file is limits.maxFile; --print-config prints
such a file. Paths in it are relative to it. A SIZE is in bytes, or has a unit:
10MiB, 1GiB, or 10MB, 1GB in thousands. A TIME is in seconds, or has a unit:
500ms, 2m, 24h. "none" is no limit.

A variable that is misspelt is refused. SLUICE_PORT=tcp://…, as Kubernetes sets
it for a service named sluice, is ignored with a warning.
`;
