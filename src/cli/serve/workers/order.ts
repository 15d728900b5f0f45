/** What a worker is told when it starts: the settings as they were when the command did. */
import type { Configuration } from '../../settings/configuration.ts';
import { type SettingName, type Settings, settingNames } from '../../settings/table.ts';

/** All of it can be sent between processes. */
export interface Order {
  readonly settings: Settings;
  readonly called: Readonly<Record<string, string>>;
  readonly defaults: readonly SettingName[];
  readonly isTraced: boolean;
}

export function orderOf({ settings, called, isDefault }: Configuration, isTraced: boolean): Order {
  return {
    settings,
    called: Object.fromEntries(settingNames.map((name) => [name, called(name)])),
    defaults: settingNames.filter(isDefault),
    isTraced,
  };
}

/** Warnings are the business of the process that has read the settings. */
export function configurationOf({ settings, called, defaults }: Order): Configuration {
  const byDefault = new Set<SettingName>(defaults);
  return {
    settings,
    warnings: [],
    called: (name) => called[name]!,
    isDefault: (name) => byDefault.has(name),
    calledBeside: (name) => called[name]!,
  };
}
