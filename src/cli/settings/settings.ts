/**
 * Reads the settings of `sluice serve` from their sources: a flag wins over an environment variable, that over the
 * file, that over the default. All errors in all sources are reported at once.
 */
import { resolve } from 'node:path';
import { contradictions } from './checks.ts';
import type { Configuration } from './configuration.ts';
import { CONFIG_VARIABLE, type Environment, readEnvironment, remedyFor } from './environment.ts';
import { type ConfigFile, readConfigFile } from './file.ts';
import {
  flagOf,
  keyOf,
  type SettingName,
  type Settings,
  settingNames,
  settingOf,
  variableOf,
} from './table.ts';

export interface Sources {
  /** The command line: the texts of the flags, and the file of `--config`. */
  readonly flags: Readonly<Partial<Record<SettingName | 'config', string | undefined>>>;
  /** An empty variable counts as not set. */
  readonly env: Environment;
  /** The folder for relative paths outside the file. */
  readonly cwd: string;
}

type Source = 'flag' | 'variable' | 'file' | 'default';

export type Read =
  | { readonly ok: true; readonly value: Configuration }
  /** A line for each error, which names the source and the field. */
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads the file, if there is one, and nothing else.
 *
 * @example
 * const read = readSettings({ flags: { maxFile: '10MiB' }, env: process.env, cwd: process.cwd() });
 * if (read.ok) console.log(read.value.settings.maxFile); // 10485760
 */
export function readSettings({ flags, cwd, ...sources }: Sources): Read {
  const { env, ...environment } = readEnvironment(sources.env);
  const named = flags.config ?? (env[CONFIG_VARIABLE] || undefined);
  const file = named === undefined ? null : readConfigFile(named, cwd);
  const problems = [...environment.problems, ...(file?.problems ?? [])];
  const values: Partial<Record<SettingName, unknown>> = {};
  const origins: Partial<Record<SettingName, Source>> = {};

  for (const name of settingNames) {
    const { kind, default: fallback } = settingOf(name);
    /** The first source with a value wins, but the values of the others are checked as well. */
    const take = (source: Source, value: unknown, got: unknown, base: string) => {
      if (value === undefined) {
        const remedy = source === 'variable' ? remedyFor(variableOf(name), String(got)) : '';
        const instead = kind.isSecret ? 'something else' : shown(got);
        problems.push(`${call(name, source, file)} must be ${kind.mustBe}, not ${instead}${remedy}`);
      } else if (values[name] === undefined) {
        values[name] = kind.path && typeof value === 'string' ? resolve(base, value) : value;
        origins[name] = source;
      }
    };
    const flag = flags[name];
    if (flag !== undefined) take('flag', kind.read(flag), flag, cwd);
    const variable = env[variableOf(name)];
    if (variable) take('variable', kind.read(variable), variable, cwd);
    if (file?.values.has(name)) {
      const got = file.values.get(name);
      take('file', kind.readJson(got), got, file.folder);
    }
    take('default', fallback, fallback, cwd);
  }

  const configuration: Configuration = {
    settings: values as Settings,
    warnings: environment.warnings,
    called: (name) => call(name, origins[name]!, file),
    isDefault: (name) => origins[name] === 'default',
    calledBeside: (name, other) => inSource(name, origins[other]!),
  };
  problems.push(...(problems.length === 0 ? contradictions(configuration) : []));
  return problems.length === 0 ? { ok: true, value: configuration } : { ok: false, problems };
}

/** The user and the password of an address: one that may not have any is wrong because of them. */
const USER_INFO = /\/\/.*@/g;

/** A short description of a wrong value. It never shows the inside of an object, which may hold a secret. */
function shown(got: unknown): string {
  if (Array.isArray(got)) return 'a list';
  if (typeof got === 'object' && got !== null) return 'an object';
  const text = JSON.stringify(got).replace(USER_INFO, '//…@');
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}

const inSource = (name: SettingName, source: Source): string =>
  source === 'variable' ? variableOf(name) : source === 'file' ? keyOf(name) : flagOf(name);

const call = (name: SettingName, source: Source, file: ConfigFile | null): string =>
  source === 'file' ? `${file?.name}: ${keyOf(name)}` : inSource(name, source);
