/** Which settings are of a store over engines, and which of one in a folder: the others of the two mean nothing. */
import type { SettingName, Settings } from './table.ts';

/** All but `store` itself, which says that there are engines. */
export const OF_ENGINES = [
  'postgres',
  'postgresSchema',
  'postgresConnections',
  's3Endpoint',
  's3Region',
  's3Credentials',
  'storeDurable',
  'storeMemory',
] as const satisfies readonly SettingName[];
export const OF_FOLDER = ['dir', 'durability', 'checksums'] as const satisfies readonly SettingName[];

/** Whether a setting has an effect on the kind of store that is set. */
export const isInEffect = (name: SettingName, { store }: Settings): boolean =>
  !(store === null ? OF_ENGINES : OF_FOLDER).some((each) => each === name);
