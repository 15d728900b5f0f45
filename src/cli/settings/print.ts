/** Prints the settings: as a JSON file, and as the table of `src/server/README.md`. */
import { isInEffect } from './store-settings.ts';
import { flagOf, groups, keyOf, type Settings, settingNames, settingOf, variableOf } from './table.ts';

/**
 * Prints the settings as a file for `--config`, but for those that mean nothing to the kind of store. Reading that file
 * gives the same settings. It has the paths of files with secrets, never a secret: a password in an address is left out.
 */
export function printSettings(settings: Settings): string {
  const printed: Record<string, unknown> = {};
  for (const name of settingNames) {
    if (!isInEffect(name, settings)) continue;
    const { group, kind } = settingOf(name);
    const { section } = groups[group];
    let object = printed;
    if (section !== null) {
      printed[section] ??= {};
      object = printed[section] as Record<string, unknown>;
    }
    object[name] = kind.print(settings[name]);
  }
  return `${JSON.stringify(printed, null, 2)}\n`;
}

/** A table in Markdown, a line a setting. */
export function settingsTable(): string {
  const rows = settingNames.map((name) => {
    const { kind, default: fallback, help } = settingOf(name);
    const value = kind.preset === undefined ? kind.placeholder : `[${kind.placeholder}]`;
    const flag = name === 'dir' ? 'DIR' : `${flagOf(name)} ${value}`;
    const shown = kind.show(fallback);
    return [`\`${flag}\``, `\`${variableOf(name)}\``, `\`${keyOf(name)}\``, shown && `\`${shown}\``, help];
  });
  const all = [['flag', 'environment', 'file', 'default', 'what it is'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (cells: readonly string[], filler = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!, filler)).join(' | ')} |`;
  const rule = line(
    widths.map(() => ''),
    '-',
  );
  return [line(all[0]!), rule, ...rows.map((row) => line(row))].join('\n');
}
