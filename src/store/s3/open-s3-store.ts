/** Opens the store over S3 and PostgreSQL. */
import pg from 'pg';
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { checkFields, checkOptions } from '../../wire/argument.ts';
import type { ChangeFeed } from '../changes/change-log.ts';
import type { FileStore, Outcome } from '../contract.ts';
import { err, ok } from '../outcome.ts';
import { uploadLimits } from '../upload-limits.ts';
import { type Bucket, connectBucket } from './bucket/bucket.ts';
import { CHANGES_RULES } from './changes/s3-changes-options.ts';
import { openSqlChangeLog, type SqlChangeLog } from './changes/sql-change-log.ts';
import { checkEngines } from './check-engines.ts';
import { answerOf } from './engine-fault.ts';
import type { EnginesStatus } from './engines-status.ts';
import { connectDatabase, type DatabaseSettings, slowConnectionOptions } from './postgres/database.ts';
import { sqlFault } from './postgres/sql-fault.ts';
import { statementsOf } from './postgres/statements.ts';
import { type Patience, retrying } from './retrying.ts';
import { createS3Store } from './s3-store.ts';
import {
  MiB,
  POSTGRES_RULES,
  RULES,
  S3_RULES,
  type S3Options,
  type S3StoreOptions,
} from './s3-store-options.ts';
import { migrate, type StoreFacts } from './schema/migrate.ts';
import { isSchemaName } from './schema/schema-name.ts';
import { createMemoryBudget } from './segments/memory-budget.ts';
import type { S3StoreState } from './store-state.ts';
import { joinNodes, type Node } from './upkeep/node.ts';
import { startUpkeep, type Upkeep } from './upkeep/upkeep.ts';
import { DEFAULT_UPKEEP } from './upkeep/upkeep-settings.ts';
import { createUsage } from './usage.ts';

/** A store over S3 and PostgreSQL. */
export interface S3Store extends FileStore, AsyncDisposable {
  /** The events of what happens to files, with the option `changes`; else null. It is closed with the store. */
  readonly changes: ChangeFeed | null;
  /** The state of both engines, as this node sees it: for metrics and health. */
  engines(): EnginesStatus;
  /** Asks both engines for a sign of life: null when both give it, else the error of the first that does not. */
  check(): Promise<ServiceFault | null>;
  /** Deletes what nobody needs any more at once, if this node is the one that does it: once a minute it does so anyway. */
  upkeep(): Promise<void>;
  /** Deletes the objects that no row names, as it is done once a day; answers how many. */
  sweep(): Promise<number>;
}

/**
 * Opens a store whose bytes are in an S3 store and whose names are in PostgreSQL. As many nodes as there are may open it at
 * once: all of them see the same files, uploads and quotas. The tables are made, or brought to this version, under a lock.
 *
 * It needs the packages `pg` and `@smithy/signature-v4`, which you install beside this one.
 *
 * `await using` closes the store at the end of the block.
 *
 * @returns an error when an engine cannot be reached or refuses (`unavailable`, with `engine`), or when the database is of a
 *   later version of this package (`format-conflict`).
 * @throws TypeError when an option is of the wrong kind, or is not known.
 * @example
 * const store = await openS3Store({
 *   s3: { endpoint: 'http://127.0.0.1:9000', bucket: 'files', accessKeyId: 'id', secretAccessKey: 'secret' },
 *   postgres: { url: 'postgresql://sluice@127.0.0.1/sluice' },
 * });
 * if (!store.ok) throw new Error(store.error.message);
 */
export async function openS3Store(options: S3StoreOptions): Promise<Outcome<S3Store>> {
  checkOptions('openS3Store', options, RULES);
  checkFields('openS3Store: s3', options.s3, S3_RULES);
  checkFields('openS3Store: postgres', options.postgres, POSTGRES_RULES);
  if (options.changes !== undefined) checkFields('openS3Store: changes', options.changes, CHANGES_RULES);
  const endpoint = endpointOf(options.s3.endpoint);
  const schema = options.postgres.schema ?? 'sluice';
  if (!isSchemaName(schema))
    throw new TypeError(
      `openS3Store: postgres.schema must be of small letters, digits and _, and is ${schema}`,
    );
  const { url, connections = 16 } = options.postgres;
  const settings = { url, schema, poolSize: connections };
  const ending = new AbortController();
  const patience = { forMs: options.patience ?? 20_000, signal: ending.signal };
  const bucket = openBucket(options.s3, endpoint, patience);
  const end = () => {
    ending.abort();
    bucket.close();
  };
  const opened = await answerOf(async () => {
    // Before the tables are made: they are for this bucket from then on.
    await retrying(patience, () => bucket.ping());
    const facts = await prepare(settings, options.s3);
    return facts.ok ? await openPrepared({ options, settings, bucket, patience, end }, facts.value) : facts;
  }).catch((bug: unknown) => {
    end();
    throw bug;
  });
  if (!opened.ok) end();
  return opened;
}

function openBucket(s3: S3Options, endpoint: URL, patience: Patience): Bucket {
  const { bucket, region = 'us-east-1', connections = 128, timeout = 10_000 } = s3;
  const { accessKeyId, secretAccessKey, sessionToken } = s3;
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  return connectBucket(
    { endpoint, region, bucket, credentials, connectionsMax: connections, quietMs: timeout },
    patience,
  );
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(`openS3Store: s3.endpoint must be a URL of http or https, and is ${text}`);
  return url;
}

async function prepare(settings: DatabaseSettings, s3: S3Options): Promise<Outcome<StoreFacts>> {
  // Migrations may take long, and wait for those of another node.
  const client = new pg.Client(slowConnectionOptions(settings));
  client.on('error', () => {});
  try {
    await client.connect();
    return await migrate(client, settings.schema, { bucket: s3.bucket, prefix: s3.prefix ?? '' });
  } catch (thrown) {
    throw sqlFault(thrown);
  } finally {
    client.end().catch(() => {});
  }
}

interface Prepared {
  readonly options: S3StoreOptions;
  readonly settings: DatabaseSettings;
  readonly bucket: Bucket;
  readonly patience: Patience;
  /** Ends the bucket's connections, and all that is tried again. */
  readonly end: () => void;
}

async function openPrepared(
  { options, settings, bucket, patience, end }: Prepared,
  { id }: StoreFacts,
): Promise<Outcome<S3Store>> {
  const { s3, durable = false, segmentBytes = 8 * MiB, memoryBytes = 256 * MiB } = options;
  const upkeepSettings = { ...DEFAULT_UPKEEP, ...options.upkeep };
  let node: Node | null = null;
  const database = connectDatabase(settings, patience, () => node?.now() ?? Date.now());
  const statements = statementsOf(settings.schema);
  const readers: S3StoreState['readers'] = new Set();
  const holders: S3StoreState['holders'] = new Map();
  let state: S3StoreState | null = null;
  let changes: SqlChangeLog | null = null;
  const closeEngines = async (node: Node | null) => {
    end();
    await node?.close();
    await database.close();
  };
  try {
    if (durable) {
      const isOff = await database.row<{ names: string }>(NOT_DURABLE, []);
      if (isOff !== undefined) {
        await closeEngines(null);
        const why = `durable is asked for, and PostgreSQL has ${isOff.names} off`;
        return err('unavailable', why, { engine: 'postgresql' });
      }
    }
    const folder = `${s3.prefix ?? ''}${id}/`;
    node = await joinNodes({
      settings,
      heartbeatMs: upkeepSettings.heartbeatMs,
      oldestOpen: () =>
        readers.size === 0 ? null : Math.min(...[...readers].map(({ openedAt }) => openedAt)),
      // What a callback of a put throws is not the other node's affair.
      asked: (key) =>
        void holders
          .get(key)
          ?.take()
          .catch(() => {}),
      told: (word) => changes?.told(word),
      heard: (others, tookMs) => {
        database.took(tookMs);
        if (state !== null) state.others = others;
      },
      lost: () => database.took(null),
    });
    state = {
      database,
      statements,
      schema: settings.schema,
      bucket,
      folder,
      node,
      patience,
      budget: createMemoryBudget(memoryBytes),
      segmentBytes,
      limits: uploadLimits(options),
      durable,
      usage: createUsage(database, statements),
      quotas: options.quotas ?? (() => []),
      holders,
      puts: new Set(),
      readers,
      changed: () => changes?.changed(),
      others: { count: 0, bytes: 0 },
      isClosed: false,
    };
    await node.beat();
    if (options.changes !== undefined) {
      const deps = { database, schema: settings.schema, node: node.id };
      changes = await openSqlChangeLog(deps, options.changes);
    }
  } catch (thrown) {
    await closeEngines(node);
    throw thrown;
  }
  const upkeep = startUpkeep(state, upkeepSettings);
  const store = createS3Store(state, async () => {
    await upkeep.close();
    await changes?.close();
    await closeEngines(node);
  });
  return ok(withEngines(store, state, upkeep, changes?.feed ?? null));
}

/** Settings of the database by which a commit is not on its disk when it is answered. */
const NOT_DURABLE = {
  name: 'not_durable',
  text: `select string_agg(name, ' and ') as names from unnest(array['fsync', 'synchronous_commit']) as n(name)
    where current_setting(name) = 'off' having count(*) > 0`,
};

function withEngines(
  store: FileStore,
  state: S3StoreState,
  upkeep: Upkeep,
  changes: ChangeFeed | null,
): S3Store {
  const { database, bucket, budget } = state;
  return {
    ...store,
    changes,
    [Symbol.asyncDispose]: () => store.close(),
    engines: () => ({
      postgresql: { ...database.usage(), isUp: database.isUp(), latencyMs: database.latencyMs() },
      s3: {
        ...bucket.usage(),
        isUp: bucket.isUp(),
        latencyMs: bucket.latencyMs(),
        requests: { ...bucket.requests },
      },
      memoryBytes: budget.used(),
      garbage: upkeep.garbage(),
    }),
    check: () => checkEngines(database, bucket),
    upkeep: () => upkeep.round(),
    sweep: () => upkeep.sweep(),
  };
}
