/** Brings a database to the schema of this version, or refuses one of a later version. */
import type { ClientBase } from 'pg';
import type { Outcome } from '../../contract.ts';
import { err, ok, type RefusedOutcome } from '../../outcome.ts';
import { changeFunctions, changeTables } from './changes.ts';
import { fileFunctions, recordingFileFunctions } from './files.ts';
import { nameFunctions } from './names.ts';
import { tables } from './tables.ts';
import { uploadFunctions } from './uploads.ts';

/** What a database says of its store. */
export interface StoreFacts {
  /** Its objects are in a folder of this name, so that two stores may share a bucket. */
  readonly id: string;
}

/** Where the objects of a store are. */
export interface Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** By version, from 1: what brings the schema from the version before to it. One that was released is never changed. */
const migrations: readonly ((s: string) => string)[] = [
  (s) => [tables, nameFunctions, fileFunctions, uploadFunctions].map((part) => part(s)).join('\n'),
  (s) => [changeTables, changeFunctions, recordingFileFunctions].map((part) => part(s)).join('\n'),
];

export const SCHEMA_VERSION: number = migrations.length;

/**
 * Runs in one transaction, and under a lock: of many nodes that start at once one migrates, the others wait for it.
 *
 * @param s a checked identifier.
 */
export async function migrate(client: ClientBase, s: string, place: Place): Promise<Outcome<StoreFacts>> {
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`sluice schema ${s}`]);
    const answer = await migrateLocked(client, s, place);
    await client.query(answer.ok ? 'commit' : 'rollback');
    return answer;
  } catch (thrown) {
    // The connection is closed by the caller: what it had begun is undone with it.
    await client.query('rollback').catch(() => {});
    throw thrown;
  }
}

async function migrateLocked(client: ClientBase, s: string, place: Place): Promise<Outcome<StoreFacts>> {
  const encoding = await client.query('show server_encoding');
  if (encoding.rows[0].server_encoding !== 'UTF8')
    return unusable(`its encoding is ${encoding.rows[0].server_encoding}, and must be UTF8`);
  const isolation = await client.query("select current_setting('default_transaction_isolation') as level");
  if (isolation.rows[0].level !== 'read committed')
    return unusable(
      `default_transaction_isolation is ${isolation.rows[0].level}, and must be read committed`,
    );
  const found = await client.query('select to_regclass($1) is not null as found', [`${s}.store`]);
  const store = found.rows[0].found ? (await client.query(`select * from ${s}.store`)).rows[0] : undefined;
  const version: number = store?.version ?? 0;
  if (version > SCHEMA_VERSION)
    return unusable(
      `its schema ${s} is of version ${version}, and this program knows versions up to ${SCHEMA_VERSION}; use the program that wrote it, or a later one`,
    );
  if (store !== undefined && (store.bucket !== place.bucket || store.prefix !== place.prefix))
    return unusable(
      `its schema ${s} is for the bucket ${words(store)}, and the settings name ${words(place)}; use another schema for another bucket`,
    );
  // Made only if it is missing: 'if not exists' wants the right to make it all the same.
  const made = await client.query('select to_regnamespace($1) is not null as made', [s]);
  if (!made.rows[0].made) await client.query(`create schema ${s}`);
  for (const migration of migrations.slice(version)) await client.query(migration(s));
  if (version === 0) {
    const values = [SCHEMA_VERSION, place.bucket, place.prefix];
    await client.query(`insert into ${s}.store values (gen_random_uuid(), $1, $2, $3)`, values);
  } else if (version < SCHEMA_VERSION) {
    await client.query(`update ${s}.store set version = $1`, [SCHEMA_VERSION]);
  }
  const { rows } = await client.query(`select id from ${s}.store`);
  return ok({ id: rows[0].id });
}

const words = ({ bucket, prefix }: Place): string => `s3://${bucket}/${prefix}`;

const unusable = (why: string): RefusedOutcome =>
  err('format-conflict', `the database cannot be used: ${why}`, { engine: 'postgresql' });
