/** Opens the store over S3 and PostgreSQL that settings name. Its packages are loaded only then. */
import { readFile } from 'node:fs/promises';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { Quota } from '../../store/quota/quota-state.ts';
import type { S3ChangesOptions } from '../../store/s3/changes/s3-changes-options.ts';
import type { S3Store } from '../../store/s3/open-s3-store.ts';
import { placeOf } from '../settings/engine-urls.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { type Keys, keysInFile } from './s3-keys.ts';

/** Those of the settings that the store is opened with. */
export type EngineSettings = Pick<
  Settings,
  | 'store'
  | 'postgres'
  | 'postgresSchema'
  | 'postgresConnections'
  | 's3Endpoint'
  | 's3Region'
  | 's3Credentials'
  | 'storeDurable'
  | 'storeMemory'
  | 'keepPartial'
  | 'maxUploads'
>;

/** Throws an `ExitError` when it cannot be opened. */
export async function openEngines(
  settings: EngineSettings,
  quotas: () => readonly Quota[],
  changes?: S3ChangesOptions,
): Promise<S3Store> {
  const { store, postgres, postgresConnections, s3Region, keepPartial, maxUploads, storeMemory } = settings;
  const place = placeOf(store ?? '');
  if (place === undefined || postgres === null) throw new Error('the settings were not checked');
  const keys = await keysOf(settings);
  const { openS3Store } = await load();
  const opened = await openS3Store({
    s3: {
      endpoint: settings.s3Endpoint ?? `https://s3.${s3Region}.amazonaws.com`,
      region: s3Region,
      ...place,
      ...keys,
    },
    postgres: { url: postgres, schema: settings.postgresSchema, connections: postgresConnections },
    durable: settings.storeDurable === 'yes',
    memoryBytes: storeMemory,
    keepPartial,
    maxUploads,
    quotas,
    ...(changes && { changes }),
  });
  if (!opened.ok) throw exitError(exitStatus.failed, `${store}: ${opened.error.message}`);
  return opened.value;
}

async function load(): Promise<typeof import('../../store/s3/open-s3-store.ts')> {
  try {
    return await import('../../store/s3/open-s3-store.ts');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    const why = 'a store of many nodes needs two packages more: npm install pg @smithy/signature-v4';
    throw exitError(exitStatus.failed, why);
  }
}

async function keysOf({ s3Credentials }: EngineSettings): Promise<Keys> {
  if (s3Credentials !== null) {
    const text = await readFile(s3Credentials, 'utf8').catch((error: unknown) => {
      throw exitError(exitStatus.failed, `${s3Credentials}: ${systemWords(error, 'read')}`);
    });
    const keys = keysInFile(text, process.env.AWS_PROFILE ?? 'default');
    if (keys !== undefined) return keys;
    const why =
      'it must have aws_access_key_id and aws_secret_access_key below [default], or the profile of AWS_PROFILE';
    throw exitError(exitStatus.failed, `${s3Credentials}: ${why}`);
  }
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) {
    return {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      sessionToken: AWS_SESSION_TOKEN || undefined,
    };
  }
  const why =
    'the keys of the S3 store are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --s3-credentials';
  throw exitError(exitStatus.usage, why);
}
