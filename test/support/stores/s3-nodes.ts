/** Nodes of a store over S3 and PostgreSQL, for tests: all that are opened with the same place are nodes of one store. */
import { randomBytes } from 'node:crypto';
import { value } from '../../../src/store/conformance/case.ts';
import { type Bucket, connectBucket } from '../../../src/store/s3/bucket/bucket.ts';
import { openS3Store, type S3Store } from '../../../src/store/s3/open-s3-store.ts';
import type { S3StoreOptions } from '../../../src/store/s3/s3-store-options.ts';
import { type PostgresFacts, type S3Facts, sharedBucket, sharedPostgres } from '../engines/engines.ts';

/** Where the bytes and the names of a store are. */
export interface Engines {
  readonly s3: Pick<S3Facts, 'endpoint' | 'region' | 'accessKey' | 'secretKey' | 'bucket'>;
  readonly postgres: Pick<PostgresFacts, 'url'>;
}

/** A bucket and a database of their own, of the engines that all tests of a run share. */
export async function sharedEngines(name: 'ceph' | 'swift' = 'ceph'): Promise<Engines> {
  const [s3, postgres] = await Promise.all([sharedBucket(name), sharedPostgres()]);
  return { s3, postgres };
}

/** A schema that no other store has. */
export const newSchema = (): string => `t${randomBytes(6).toString('hex')}`;

interface NodeOptions extends Omit<Partial<S3StoreOptions>, 's3' | 'postgres'> {
  readonly s3?: Partial<S3StoreOptions['s3']>;
}

export const optionsOf = (
  { s3, postgres }: Engines,
  schema: string,
  { s3: own, ...options }: NodeOptions = {},
): S3StoreOptions => ({
  s3: {
    endpoint: s3.endpoint,
    region: s3.region,
    bucket: s3.bucket,
    accessKeyId: s3.accessKey,
    secretAccessKey: s3.secretKey,
    ...own,
  },
  postgres: { url: postgres.url, schema, connections: 4 },
  ...options,
});

/** One node of the store in this schema. */
export const openNode = (engines: Engines, schema: string, options?: NodeOptions): Promise<S3Store> =>
  value(openS3Store(optionsOf(engines, schema, options)));

/** The bucket of these engines without a store around it. */
export function directBucket({ s3 }: Engines): Bucket {
  const { endpoint, region, bucket, accessKey, secretKey } = s3;
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const settings = { endpoint: new URL(endpoint), region, bucket, credentials };
  const patience = { forMs: 10_000, signal: new AbortController().signal };
  return connectBucket({ ...settings, connectionsMax: 1, quietMs: 10_000 }, patience);
}

/** Throws when bytes differ. It shows where, and not a megabyte of differences. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  throw new Error(`${actual.length} bytes differ from ${expected.length} that were expected, from ${at} on`);
}
