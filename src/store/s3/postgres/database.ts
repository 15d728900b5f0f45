/** Calls of the database: over a pool, with time-outs, and made again after faults that pass. */
import pg from 'pg';
import { EngineFault } from '../engine-fault.ts';
import { type Patience, retrying } from '../retrying.ts';
import { sqlFault } from './sql-fault.ts';

export interface DatabaseSettings {
  readonly url: string;
  /** Connections at once. Calls beyond them wait for one, up to `CONNECT_MS`. */
  readonly poolSize: number;
  /** A checked identifier. */
  readonly schema: string;
}

/** Milliseconds for a connection: to be made, or to come free. */
const CONNECT_MS = 5_000;
/** Milliseconds for a statement, and of those for a lock. The client gives up later, so that the server does first. */
const STATEMENT_MS = 10_000;
const LOCK_MS = 5_000;
const ANSWER_MS = 12_000;
/** Milliseconds that the last try of a call may take. */
const LAST_TRY_MS = CONNECT_MS + ANSWER_MS;
/** Milliseconds after which a connection that nobody uses is given back: another node may be without one. */
const IDLE_MS = 5_000;
/** Milliseconds for a statement that looks at every file. */
const SLOW_MS = 10 * 60_000;

/** Sizes and times are numbers: they stay below 2^53. */
const BIGINT = 20;
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === BIGINT ? Number : pg.types.getTypeParser(oid, format as 'text'),
} as pg.CustomTypesConfig;

export const connectionOptions = ({ url }: DatabaseSettings): pg.ClientConfig => ({
  connectionString: url,
  application_name: 'sluice',
  connectionTimeoutMillis: CONNECT_MS,
  statement_timeout: STATEMENT_MS,
  lock_timeout: LOCK_MS,
  query_timeout: ANSWER_MS,
  idle_in_transaction_session_timeout: STATEMENT_MS,
  keepAlive: true,
  types,
});

/** The same for statements that may take long. */
export const slowConnectionOptions = (settings: DatabaseSettings): pg.ClientConfig => ({
  ...connectionOptions(settings),
  statement_timeout: SLOW_MS,
  lock_timeout: SLOW_MS,
  query_timeout: SLOW_MS,
});

/** A statement by a name, which the server prepares once for each connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Whether its last parameter is the time until when it may be run. The caller does not give it. */
  readonly hasDeadline?: true;
}

export interface Database {
  /** The first row of the answer; undefined when there is none. The statement must be safe to be run twice. */
  row<T>(statement: Statement, values: readonly unknown[]): Promise<T | undefined>;
  rows<T>(statement: Statement, values: readonly unknown[]): Promise<readonly T[]>;
  /** Asks for a sign of life, once. @throws an `EngineFault`. */
  ping(): Promise<void>;
  /** Runs a statement that may take long, over a connection of its own. */
  slowly(statement: Statement, values: readonly unknown[]): Promise<void>;
  /** Connections, those in use, and calls that wait for one. */
  usage(): { readonly connections: number; readonly busy: number; readonly waiting: number };
  /** Milliseconds that the last statement took, also one over another connection that was told of; null before the first. */
  latencyMs(): number | null;
  /** Whether it answered the last statement, or one over another connection that was told of; null before the first. */
  isUp(): boolean | null;
  /** Tells how long a statement took over a connection that is not of this; null when it was not answered. */
  took(milliseconds: number | null): void;
  close(): Promise<void>;
}

/** @param now the time by the clock of the database, in milliseconds since 1970. */
export function connectDatabase(settings: DatabaseSettings, patience: Patience, now: () => number): Database {
  const pool = new pg.Pool({
    ...connectionOptions(settings),
    max: settings.poolSize,
    idleTimeoutMillis: IDLE_MS,
  });
  // A connection that breaks while nobody uses it is replaced when it is needed.
  pool.on('error', () => {});
  let latency: number | null = null;
  let isUp: boolean | null = null;

  const took = (milliseconds: number): void => {
    latency = milliseconds;
    isUp = true;
  };
  const faultOf = (thrown: unknown): unknown => {
    const fault = sqlFault(thrown);
    // What passes means that it could not answer; all else is an answer.
    isUp = !(fault instanceof EngineFault && fault.isPassing);
    return fault;
  };

  async function rows<T>(
    { name, text, hasDeadline }: Statement,
    given: readonly unknown[],
  ): Promise<readonly T[]> {
    // What was sent may get to the database long after it was given up here, and must then change nothing.
    const values = hasDeadline ? [...given, new Date(now() + patience.forMs + LAST_TRY_MS)] : given;
    const answer = await retrying(patience, async () => {
      const from = performance.now();
      try {
        const result = await pool.query({ name, text, values: values as unknown[] });
        took(performance.now() - from);
        return result;
      } catch (thrown) {
        throw faultOf(thrown);
      }
    });
    if (hasDeadline && answer.rows.length === 0) {
      throw new EngineFault('postgresql', 'was asked too late: nothing was changed', { word: 'deadline' });
    }
    return answer.rows;
  }

  return {
    rows,
    row: async <T>(statement: Statement, values: readonly unknown[]) => (await rows<T>(statement, values))[0],
    ping: async () => {
      const from = performance.now();
      try {
        await pool.query('select 1');
      } catch (thrown) {
        throw faultOf(thrown);
      }
      took(performance.now() - from);
    },
    slowly: (statement, values) =>
      retrying(patience, async () => {
        const client = new pg.Client(slowConnectionOptions(settings));
        client.on('error', () => {});
        try {
          await client.connect();
          await client.query(statement.text, values as unknown[]);
        } catch (thrown) {
          throw sqlFault(thrown);
        } finally {
          client.end().catch(() => {});
        }
      }),
    usage: () => ({
      connections: pool.totalCount,
      busy: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
    }),
    latencyMs: () => latency,
    isUp: () => isUp,
    took: (milliseconds) => {
      if (milliseconds === null) isUp = false;
      else took(milliseconds);
    },
    close: () => pool.end(),
  };
}
