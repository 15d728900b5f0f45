/** Opens the store over S3 and PostgreSQL. */
import pg from 'pg';
import type { ServiceFault } from '../../files/protocol/errors.ts';
import { checkFields, checkOptions } from '../../wire/argument.ts';
import type { FileStore, Outcome } from '../contract.ts';
import { err, ok } from '../outcome.ts';
import { uploadLimits } from '../upload-limits.ts';
import { connectBucket } from './bucket/bucket.ts';
import { answerOf, EngineFault } from './engine-fault.ts';
import type { EnginesStatus } from './engines-status.ts';
import { connectDatabase, connectionOptions, type DatabaseSettings } from './postgres/database.ts';
import { sqlFault } from './postgres/sql-fault.ts';
import { statementsOf } from './postgres/statements.ts';
import { createS3Store } from './s3-store.ts';
import {
  MiB,
  POSTGRES_RULES,
  RULES,
  S3_RULES,
  type S3Options,
  type S3StoreOptions,
} from './s3-store-options.ts';
import { isSchemaName, migrate, type StoreFacts } from './schema/migrate.ts';
import { createMemoryBudget } from './segments/memory-budget.ts';
import type { S3StoreState } from './store-state.ts';
import { joinNodes, type Node } from './upkeep/node.ts';
import { startUpkeep, type Upkeep } from './upkeep/upkeep.ts';
import { DEFAULT_UPKEEP } from './upkeep/upkeep-settings.ts';
import { createUsage } from './usage.ts';

/** A store over S3 and PostgreSQL. */
export interface S3Store extends FileStore, AsyncDisposable {
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
  const endpoint = endpointOf(options.s3.endpoint);
  const schema = options.postgres.schema ?? 'sluice';
  if (!isSchemaName(schema))
    throw new TypeError(
      `openS3Store: postgres.schema must be of small letters, digits and _, and is ${schema}`,
    );
  const { url, connections = 16 } = options.postgres;
  const settings = { url, schema, poolSize: connections };
  return await answerOf(async () => {
    const facts = await prepare(settings, options.s3);
    return facts.ok ? await openPrepared(options, endpoint, settings, facts.value) : facts;
  });
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(`openS3Store: s3.endpoint must be a URL of http or https, and is ${text}`);
  return url;
}

async function prepare(settings: DatabaseSettings, s3: S3Options): Promise<Outcome<StoreFacts>> {
  // Migrations may take long, and wait for those of another node.
  const { statement_timeout: _, lock_timeout: __, query_timeout: ___, ...rest } = connectionOptions(settings);
  const client = new pg.Client(rest);
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

async function openPrepared(
  options: S3StoreOptions,
  endpoint: URL,
  settings: DatabaseSettings,
  { id }: StoreFacts,
): Promise<Outcome<S3Store>> {
  const {
    s3,
    durable = false,
    segmentBytes = 8 * MiB,
    memoryBytes = 256 * MiB,
    patience: forMs = 20_000,
  } = options;
  const upkeepSettings = { ...DEFAULT_UPKEEP, ...options.upkeep };
  const ending = new AbortController();
  const patience = { forMs, signal: ending.signal };
  const { bucket: name, prefix = '', region = 'us-east-1', connections = 128, timeout = 10_000 } = s3;
  const { accessKeyId, secretAccessKey, sessionToken } = s3;
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const bucket = connectBucket(
    { endpoint, region, bucket: name, credentials, connectionsMax: connections, quietMs: timeout },
    patience,
  );
  const database = connectDatabase(settings, patience);
  const statements = statementsOf(settings.schema);
  const readers: S3StoreState['readers'] = new Set();
  const holders: S3StoreState['holders'] = new Map();
  let state: S3StoreState | null = null;
  const closeEngines = async (node: Node | null) => {
    ending.abort();
    await node?.close();
    await database.close();
    bucket.close();
  };
  let node: Node | null = null;
  try {
    if (durable) {
      const answer = await database.row<{ synchronous_commit: string }>(SYNCHRONOUS, []);
      if (answer?.synchronous_commit === 'off') {
        await closeEngines(null);
        return err('unavailable', 'durable is asked for, and synchronous_commit of PostgreSQL is off', {
          engine: 'postgresql',
        });
      }
    }
    const folder = `${prefix}${id}/`;
    await bucket.list(folder, undefined);
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
      heard: (others) => {
        if (state !== null) state.others = others;
      },
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
      others: { count: 0, bytes: 0 },
      isClosed: false,
    };
    await node.beat();
  } catch (thrown) {
    await closeEngines(node);
    throw thrown;
  }
  const upkeep = startUpkeep(state, upkeepSettings);
  const store = createS3Store(state, async () => {
    await upkeep.close();
    await closeEngines(node);
  });
  return ok(withEngines(store, state, upkeep));
}

const SYNCHRONOUS = {
  name: 'synchronous',
  text: `select current_setting('synchronous_commit') as synchronous_commit`,
};
/** Milliseconds for a sign of life: whoever asks wants to know it soon. */
const ALIVE_MS = 1_500;
const SILENT = `has given no sign of life for ${ALIVE_MS / 1000} s`;

/** Rejects with what `late` makes, when it takes too long. */
async function inTime(late: () => EngineFault, sign: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ALIVE_MS);
  });
  try {
    await Promise.race([sign, silence]);
  } finally {
    clearTimeout(timer);
    sign.catch(() => {});
  }
}

function withEngines(store: FileStore, state: S3StoreState, upkeep: Upkeep): S3Store {
  const { database, bucket, budget } = state;
  return {
    ...store,
    [Symbol.asyncDispose]: () => store.close(),
    engines: () => ({
      postgresql: { ...database.usage(), latencyMs: database.latencyMs() },
      s3: { ...bucket.usage(), latencyMs: bucket.latencyMs(), requests: { ...bucket.requests } },
      memoryBytes: budget.used(),
      garbage: upkeep.garbage(),
    }),
    check: async () => {
      const answer = await answerOf(async () => {
        await Promise.all([
          inTime(() => new EngineFault('postgresql', SILENT), database.ping()),
          inTime(() => new EngineFault('s3', SILENT), bucket.ping()),
        ]);
        return ok(null);
      });
      return answer.ok ? null : answer.error;
    },
    upkeep: () => upkeep.round(),
    sweep: () => upkeep.sweep(),
  };
}
