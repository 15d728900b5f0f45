/** Reads the JSON file with settings, and checks its keys. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { nearest } from '../../base/nearest.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { strictJson } from '../../server/access/strict-json.ts';
import { runToEnd } from '../../server/cooperative.ts';
import { groups, keyOf, type SettingName, settingNames } from './table.ts';

export interface ConfigFile {
  /** As it was named, for messages. */
  readonly name: string;
  /** The folder that paths in it are relative to. */
  readonly folder: string;
  readonly values: ReadonlyMap<SettingName, unknown>;
  /** Errors of the file as a whole and of its keys, a line each. `readSettings` checks the values. */
  readonly problems: readonly string[];
}

/** Reads a file. Its errors are in `problems`. */
export function readConfigFile(name: string, cwd: string): ConfigFile {
  const path = resolve(cwd, name);
  const folder = dirname(path);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : systemWords(error, 'read');
    return { name, folder, values: new Map(), problems: [`${name}: cannot be read: ${why}`] };
  }
  return { name, folder, ...parseConfig(text, name) };
}

const sections: ReadonlySet<string> = new Set(
  Object.values(groups).flatMap(({ section }) => (section === null ? [] : [section])),
);
const byKey = new Map(settingNames.map((name) => [keyOf(name), name]));

/** Parses a text into settings by their keys. */
export function parseConfig(text: string, name: string): Pick<ConfigFile, 'values' | 'problems'> {
  const values = new Map<SettingName, unknown>();
  const problems: string[] = [];

  function take(object: object, within: string): void {
    for (const [key, value] of Object.entries(object)) {
      const full = `${within}${key}`;
      const setting = byKey.get(full);
      if (setting !== undefined && values.has(setting)) {
        problems.push(`${name}: ${full} is there twice, as a key with a dot and in an object`);
      } else if (setting !== undefined) values.set(setting, value);
      else if (within !== '' || !sections.has(key)) problems.push(unknown(full, key));
      else if (isObject(value)) take(value, `${key}.`);
      else problems.push(`${name}: ${key} must be an object of settings`);
    }
  }

  function unknown(full: string, key: string): string {
    // The right key in the wrong place, or one that is nearly right.
    const meant = settingNames.includes(key as SettingName) ? key : nearest(key, settingNames);
    const hint = meant === undefined ? nearest(key, [...sections]) : keyOf(meant as SettingName);
    const suggestion = hint === undefined ? '' : `; did you mean ${hint}?`;
    return `${name}: ${full} is not a setting${suggestion}`;
  }

  const json = runToEnd(strictJson(text));
  if (!json.ok) return { values, problems: [`${name}: is not JSON: ${json.problem}`] };
  for (const { path, lines } of json.duplicates) {
    problems.push(`${name}: ${path.join('.')} is there twice, in lines ${lines.join(' and ')}`);
  }
  if (isObject(json.value)) take(json.value, '');
  else problems.push(`${name}: must be an object of settings`);
  return { values, problems };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
