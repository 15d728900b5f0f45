/** The two places of a copy: each is a folder, or a bucket whose database the settings name. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { openDiskStore } from '../../store/disk/disk-store.ts';
import { openEngines } from '../serve/engines.ts';
import { isWithin } from '../settings/checks.ts';
import { isPlace } from '../settings/engine-urls.ts';
import { CONFIG_VARIABLE, type Environment } from '../settings/environment.ts';
import { readSettings } from '../settings/settings.ts';
import { OF_ENGINES } from '../settings/store-settings.ts';
import { flagOf, type SettingName, type Settings, settingNames, variableOf } from '../settings/table.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { ofName, printable } from '../shared/format.ts';
import type { Side } from './differences.ts';

/** The settings of `serve` that a copy has as well. */
export const OF_BUCKET = OF_ENGINES;
export const OF_FOLDER = ['durability', 'checksums', 'keepPartial'] as const;

export type PlaceFlags = Readonly<
  Partial<Record<(typeof OF_BUCKET)[number] | (typeof OF_FOLDER)[number], string>>
>;

export interface Places {
  readonly from: string;
  readonly to: string;
  readonly flags: PlaceFlags;
  readonly env: Environment;
}

/** The settings of each place; those of a bucket are null where there is none. */
export interface CheckedPlaces {
  readonly from: string;
  readonly to: string;
  readonly folder: Settings;
  readonly bucket: Settings | null;
}

const isBucket = (place: string): boolean => place.startsWith('s3:');

/** Throws an `ExitError` for what can be seen to be wrong without opening anything. */
export function checkPlaces({ from, to, flags, env }: Places): CheckedPlaces {
  for (const [name, place] of [
    ['FROM', from],
    ['TO', to],
  ] as const) {
    if (place === '' || (isBucket(place) && !isPlace(place))) {
      throw usageError(
        `${name} must be a folder, s3://BUCKET or s3://BUCKET/PREFIX, not ${JSON.stringify(place)}`,
      );
    }
  }
  if (isBucket(from) && isBucket(to)) {
    throw usageError(
      'FROM and TO are both buckets, and the options name the database and the keys of one: ' +
        'copy by way of a folder',
    );
  }
  const url = isBucket(from) ? from : isBucket(to) ? to : null;
  for (const name of url === null ? OF_BUCKET : []) {
    if (flags[name] !== undefined) {
      throw usageError(`${flagOf(name)} is for s3://BUCKET, and neither FROM nor TO is one`);
    }
  }
  for (const name of isBucket(to) ? (['durability', 'checksums'] as const) : []) {
    if (flags[name] !== undefined) throw usageError(`${flagOf(name)} is for a folder, and TO is ${to}`);
  }
  if (url === null) checkFolders(from, to);
  else if (flags.postgres === undefined && !env[variableOf('postgres')]) {
    throw usageError(`${url} needs --postgres, or ${variableOf('postgres')}: where its names are`);
  }
  if (!isBucket(from) && !statSync(from, { throwIfNoEntry: false })?.isDirectory()) {
    throw exitError(exitStatus.failed, `${printable(from)}: there is no such folder`);
  }
  return {
    ...{ from, to },
    folder: settingsOf(OF_FOLDER, { flags, env }),
    bucket: url === null ? null : settingsOf([...OF_BUCKET, 'keepPartial'], { flags, env, store: url }),
  };
}

/** A store in a store would list what is copied into it. */
function checkFolders(from: string, to: string): void {
  const [one, other] = [realPath(from), realPath(to)];
  if (one === other) throw usageError(`FROM and TO are the same folder: ${printable(from)}`);
  if (isWithin(one, other) || isWithin(other, one)) {
    throw usageError('neither FROM nor TO may lie in the other');
  }
}

/** The path without links, as far as it exists. */
function realPath(path: string): string {
  const whole = resolve(path);
  if (existsSync(whole)) return realpathSync(whole);
  const parent = dirname(whole);
  return parent === whole ? whole : join(realPath(parent), basename(whole));
}

/** Reads some settings as `serve` does. Those of others do not matter: a file, or variables that `serve` has too. */
function settingsOf(
  names: readonly SettingName[],
  { flags, env, store }: Pick<Places, 'flags' | 'env'> & { readonly store?: string },
): Settings {
  const others = new Set([...settingNames.filter((name) => !names.includes(name)).map(variableOf)]);
  others.add(CONFIG_VARIABLE);
  const wanted = Object.entries(flags).filter(([name]) => (names as readonly string[]).includes(name));
  const read = readSettings({
    flags: { ...Object.fromEntries(wanted), ...(store !== undefined && { store }) },
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !others.has(name))),
    cwd: process.cwd(),
  });
  if (!read.ok) throw usageError(read.problems.join('\nsluice: '));
  return read.value.settings;
}

/** Throws an `ExitError` when it cannot be opened. */
export async function openFrom({ from, bucket }: CheckedPlaces): Promise<Side> {
  // What is not finished there is not of this copy: none of it is too old.
  const keepPartial = Number.POSITIVE_INFINITY;
  if (isBucket(from)) return await openBucket(from, { ...bucket!, keepPartial });
  // Checksums that a server has kept there tell bytes that have changed by themselves.
  const checksums = existsSync(join(from, '.sluice', 'sums')) ? 'disk' : 'memory';
  return await openFolder(from, { keepPartial, checksums });
}

/** The same; answers null for a folder that is not there and is not to be made. */
export async function openTo(
  { to, bucket, folder }: CheckedPlaces,
  { make }: { readonly make: boolean },
): Promise<Side | null> {
  if (isBucket(to)) return await openBucket(to, bucket!);
  if (!make && !existsSync(to)) return null;
  const { durability, checksums, keepPartial } = folder;
  return await openFolder(to, { durability, checksums, keepPartial });
}

async function openBucket(place: string, settings: Settings): Promise<Side> {
  return { place, store: await openEngines(settings, () => []) };
}

async function openFolder(place: string, options: Parameters<typeof openDiskStore>[1]): Promise<Side> {
  const opened = await openDiskStore(place, options);
  if (!opened.ok) throw exitError(exitStatus.failed, ofName(place, opened.error.message));
  return { place, store: opened.value };
}
