/** The options of uploads and downloads that are about their connections: checked, and with their defaults. */
import { asyncScheduler, type Observable, type SchedulerLike } from 'rxjs';
import type { Backoff } from '../../base/backoff.ts';
import type { Connection } from '../../transport/connection.ts';
import {
  checkOptions,
  either,
  FUNCTION,
  MILLISECONDS,
  numberFrom,
  oneOf,
  optional,
  RECORD,
  type RulesFor,
  SCHEDULER,
  TEXT,
  wholeFrom,
} from '../../wire/argument.ts';
import type { ClientOptions } from '../client.ts';
import type { ClientFault } from '../client-fault.ts';
import { AUTO_CONNECTIONS_MAX } from './growth.ts';

/**
 * How uploads and downloads connect, how many connections they share, and how often they try again. `connect` is
 * needed.
 */
export interface ConnectionPoolOptions {
  /** Makes one connection and completes; errors with a `ConnectionError`. Unsubscribing abandons it. */
  readonly connect: () => Observable<Connection>;
  /** The token for `hello`, sent to the server on each connection before anything else; default none is sent. */
  readonly token?: string | undefined;
  /** Further tries after one that made no progress, from 0; default 5. */
  readonly retries?: number;
  /**
   * How long to wait before a further try; default a random time of up to 200 ms, then up to twice as long each time,
   * at most 30 seconds.
   */
  readonly backoff?: Backoff;
  /**
   * Connections at once, from 1; default 1. There are never more of them than jobs. With `auto` there is one at first,
   * and one more, up to `parallelMax`, as long as each makes the transfers over a tenth faster.
   */
  readonly parallel?: number | 'auto';
  /** Connections at once with `parallel: 'auto'`, from 1; default 8. */
  readonly parallelMax?: number;
  /** Unanswered requests on each connection, from 1; default 256. */
  readonly window?: number;
  /**
   * Milliseconds of silence, 0 to 2^31 - 1, after which a connection counts as broken (see `ClientOptions`); default
   * 60,000.
   */
  readonly timeout?: number;
  /** The clock and the timers; default RxJS's `asyncScheduler`. For tests. */
  readonly scheduler?: SchedulerLike;
  /** Numbers from 0 to below 1; default `Math.random`. For tests. */
  readonly random?: () => number;
}

/** A failure after which there will be another try: what `retries$` emits. */
export interface Retry {
  /** Why the try failed. */
  readonly fault: ClientFault;
  /** Milliseconds until the next try. */
  readonly delay: number;
  /** Which of the `retries` further tries the next one is, from 1. */
  readonly attempt: number;
  /** How many further tries there may be in a row without progress. */
  readonly retries: number;
  /** The number of the connection that failed, from 0; null when the server refused one request. */
  readonly connection: number | null;
}

/** The options with their defaults. */
export interface PoolSettings {
  readonly connect: () => Observable<Connection>;
  readonly token: string | undefined;
  readonly retries: number;
  readonly backoff: Backoff;
  readonly parallel: number | 'auto';
  readonly parallelMax: number;
  readonly window: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  /** Options of the client on each connection. */
  readonly client: ClientOptions;
}

/** Large jobs on one connection: the next one can be sent while the one before waits for its answer. */
export const LARGE_JOBS_MAX = 2;

export const CONNECTION_POOL_RULES: RulesFor<ConnectionPoolOptions> = {
  connect: FUNCTION,
  token: optional(TEXT),
  retries: optional(numberFrom(0)),
  backoff: optional(RECORD),
  parallel: optional(either(wholeFrom(1), oneOf('auto'))),
  parallelMax: optional(wholeFrom(1)),
  window: optional(wholeFrom(1)),
  timeout: optional(MILLISECONDS),
  scheduler: optional(SCHEDULER),
  random: optional(FUNCTION),
};
const BACKOFF_RULES = { initial: optional(MILLISECONDS), maximum: optional(MILLISECONDS) };

/** @throws TypeError or RangeError when the backoff makes no sense; the caller has checked the other options. */
export function poolSettings(options: ConnectionPoolOptions): PoolSettings {
  if (options.backoff !== undefined) checkOptions('backoff', options.backoff, BACKOFF_RULES);
  const { connect, token, retries = 5, backoff = {}, parallel = 1, window = 256 } = options;
  const { parallelMax = AUTO_CONNECTIONS_MAX, timeout = 60_000 } = options;
  const { scheduler = asyncScheduler, random = Math.random } = options;
  const client = { window: window + 2 * LARGE_JOBS_MAX, timeout, scheduler };
  return { connect, token, retries, backoff, parallel, parallelMax, window, scheduler, random, client };
}
