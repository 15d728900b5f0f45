/** The state of a connection pool: its connections, its jobs, and the small steps that change which job is where. */
import { Subject, type Subscription } from 'rxjs';
import type { Client } from '../client.ts';
import type { ClientFault } from '../client-fault.ts';
import { createGrowth, type GrowthState } from './growth.ts';
import { createJobQueue, type JobQueue } from './job-queue.ts';
import { LARGE_JOBS_MAX, type PoolSettings, type Retry } from './pool-options.ts';

export interface Job {
  /** Whether it is one of the few large ones that a connection has at once. */
  large: boolean;
  /** Does the job over a client, and then calls the pool's `done`, `failed` or `again` once. */
  readonly begin: (client: Client) => void;
  /** Called when the job will not be tried again. */
  readonly fail: (fault: ClientFault) => void;
  /** The connection that it runs on. This field and the next three belong to the pool. */
  connection: PooledConnection | null;
  /** Failures in a row without progress. */
  failures: number;
  /** The present try has made progress. */
  madeProgress: boolean;
  over: boolean;
}

export const createJob = (begin: Job['begin'], fail: Job['fail'], large: boolean): Job => ({
  large,
  begin,
  fail,
  connection: null,
  failures: 0,
  madeProgress: false,
  over: false,
});

export interface PooledConnection {
  /** From 0; the least that no other connection has. */
  readonly number: number;
  state: 'connecting' | 'open' | 'draining' | 'waiting';
  client: Client | null;
  /** Jobs on it. */
  small: number;
  large: number;
  /** Breaks since a job on it last made progress. */
  failures: number;
  madeProgress: boolean;
  /** Why it is draining; null when the client itself dropped it for the sake of one job. */
  cause: ClientFault | null;
  /** The attempt to connect, or the timer of the next one. */
  pending: Subscription | null;
}

export interface PoolState {
  readonly settings: PoolSettings;
  readonly connections: Set<PooledConnection>;
  readonly queued: { readonly small: JobQueue<Job>; readonly large: JobQueue<Job> };
  /** Timers of single jobs that the server refused for now; at most one a job. */
  readonly delays: Map<Job, Subscription>;
  readonly retries$: Subject<Retry>;
  /** Jobs that have not ended. */
  openJobs: number;
  /** The most connections: fewer than `parallel` when one has given up while others go on, or they grow. */
  connectionsMax: number;
  /** How that grows; null when it does not. */
  readonly grows: GrowthState | null;
  /** A connection to the server succeeded before. */
  reached: boolean;
  ending: boolean;
  destroyed: boolean;
}

export const createPoolState = (settings: PoolSettings): PoolState => ({
  settings,
  connections: new Set(),
  queued: { small: createJobQueue<Job>(), large: createJobQueue<Job>() },
  delays: new Map(),
  retries$: new Subject(),
  openJobs: 0,
  connectionsMax: settings.parallel === 'auto' ? 1 : settings.parallel,
  grows: settings.parallel === 'auto' ? createGrowth(settings.parallelMax) : null,
  reached: false,
  ending: false,
  destroyed: false,
});

/** A large job weighs as much as so many small ones when the least loaded connection is picked. */
const LARGE_JOB_WEIGHT = 64;

export const loadOf = ({ small, large }: PooledConnection): number => small + LARGE_JOB_WEIGHT * large;

/**
 * How many small jobs a connection may have. After breaks without progress fewer jobs are sent ahead, so that the job
 * that breaks the connection is soon alone on it.
 */
const windowOf = (pool: PoolState, { failures, madeProgress }: PooledConnection): number => {
  const { window } = pool.settings;
  return failures === 0 || madeProgress ? window : Math.max(1, Math.floor(window / 16 ** failures));
};

function leastLoaded(
  pool: PoolState,
  fits: (connection: PooledConnection) => boolean,
): PooledConnection | null {
  let best: PooledConnection | null = null;
  for (const connection of pool.connections) {
    if (connection.state !== 'open' || !fits(connection)) continue;
    if (best === null || loadOf(connection) < loadOf(best)) best = connection;
  }
  return best;
}

/** Picks the connection for the next large job; null when none has room for it. */
export function pickForLarge(pool: PoolState): PooledConnection | null {
  const connection = leastLoaded(pool, ({ large }) => large < LARGE_JOBS_MAX);
  if (connection === null) return null;
  // Rather than becoming the second on this connection, the job waits for one that is about to open.
  const isConnecting = [...pool.connections].some(({ state }) => state === 'connecting');
  return connection.large > 0 && isConnecting ? null : connection;
}

/** Picks the connection for the next small job; null when none has room for it. */
export const pickForSmall = (pool: PoolState): PooledConnection | null =>
  leastLoaded(pool, (connection) => connection.small < windowOf(pool, connection));

export function beginOn(connection: PooledConnection, job: Job): void {
  job.connection = connection;
  if (job.large) connection.large++;
  else connection.small++;
  job.begin(connection.client!);
}

/** Takes a job off its connection, and answers that; null when the job was on none. */
export function release(job: Job): PooledConnection | null {
  const { connection } = job;
  if (connection === null) return null;
  job.connection = null;
  if (job.large) connection.large--;
  else connection.small--;
  return connection;
}

export const queueOf = ({ queued }: PoolState, { large }: Job): JobQueue<Job> =>
  large ? queued.large : queued.small;

export function endJob(pool: PoolState, job: Job): void {
  job.over = true;
  pool.openJobs--;
}

export function failForGood(pool: PoolState, job: Job, fault: ClientFault): void {
  if (job.over) return;
  endJob(pool, job);
  job.fail(fault);
}

export function failQueued(pool: PoolState, fault: ClientFault): void {
  for (const queue of [pool.queued.large, pool.queued.small]) {
    for (const job of queue.takeAll()) failForGood(pool, job, fault);
  }
}

/** Counts a failure of a job. Progress since the last one begins the count again. */
export function countFailure(job: Job): void {
  job.failures = job.madeProgress ? 1 : job.failures + 1;
}

export function addConnection({ connections }: PoolState): PooledConnection {
  const taken = new Set([...connections].map(({ number }) => number));
  let number = 0;
  while (taken.has(number)) number++;
  const connection: PooledConnection = {
    number,
    state: 'connecting',
    client: null,
    small: 0,
    large: 0,
    failures: 0,
    madeProgress: false,
    cause: null,
    pending: null,
  };
  connections.add(connection);
  return connection;
}
