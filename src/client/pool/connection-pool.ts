/**
 * Connections that are made when there is work, shared by many jobs, and made again when they break.
 *
 *   connection   meaning                                                        next
 *   connecting   it is being made, and authenticates                            open, waiting, removed
 *   open         jobs run on it                                                 draining, removed
 *   draining     it broke, or was dropped for one job's sake: takes no new job  connecting, waiting, removed
 *   waiting      the next attempt to connect is due later                       connecting, removed
 *
 * A connection counts its breaks without progress in between, and gives up after `retries` further attempts. Its jobs go
 * to the other connections, and fail when there are none. A job counts the breaks that it was the first to report
 * without having made progress itself. So a job that breaks each connection fails in the end, although other jobs make
 * progress on them.
 *
 * The callers bound the jobs that wait: each is a subscription, and holds no body. At most `window` small and two large
 * jobs run on a connection, and there are at most `parallel` connections; of `auto`, `growth.ts` says how many.
 */
import type { Observable } from 'rxjs';
import { backoffDelay } from '../../base/backoff.ts';
import type { ClientFault } from '../client-fault.ts';
import { stopMeasuring } from './measure-growth.ts';
import { closeIdle, dispatch, finishDraining, remove } from './pool-connections.ts';
import { type ConnectionPoolOptions, poolSettings, type Retry } from './pool-options.ts';
import {
  countFailure,
  createPoolState,
  endJob,
  failForGood,
  failQueued,
  type Job,
  loadOf,
  type PooledConnection,
  type PoolState,
  queueOf,
  release,
} from './pool-state.ts';
import { breaksConnection, isRetryable } from './retry.ts';

export interface ConnectionPool {
  readonly add: (job: Job) => void;
  /** The job has ended: it was carried out, has failed for good, or was given up. */
  readonly done: (job: Job) => void;
  /** The job is to begin once more, at once; perhaps as a large one. */
  readonly again: (job: Job, large?: boolean) => void;
  /** The job has failed. The pool begins it once more, or calls its `fail`. Default of `retryable`: what the fault says. */
  readonly failed: (job: Job, fault: ClientFault, retryable?: boolean) => void;
  /** Some of the job need not be done again. */
  readonly madeProgress: (job: Job) => void;
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once all jobs have ended. Jobs are still taken. */
  readonly end: () => void;
  /** Drops the connections; every job fails. */
  readonly destroy: () => void;
}

const DESTROYED: ClientFault = {
  code: 'connection',
  cause: { code: 'destroyed', message: 'the connections were dropped' },
  sent: false,
};

export function createConnectionPool(options: ConnectionPoolOptions): ConnectionPool {
  const pool = createPoolState(poolSettings(options));
  return {
    add: (job) => addJob(pool, job),
    done: (job) => finishJob(pool, job),
    again: (job, large = job.large) => repeatJob(pool, job, large),
    failed: (job, fault, retryable = isRetryable(fault)) => {
      const connection = release(job);
      if (job.over || connection === null) return;
      const failure = { job, connection, fault, retryable };
      if (breaksConnection(fault)) onBroken(pool, failure);
      else onRefused(pool, failure);
    },
    madeProgress: (job) => noteProgress(pool, job),
    retries$: pool.retries$.asObservable(),
    end: () => {
      pool.ending = true;
      closeIdle(pool);
    },
    destroy: () => destroy(pool),
  };
}

/** A try of a job that has failed on its connection. */
interface FailedTry {
  readonly job: Job;
  readonly connection: PooledConnection;
  readonly fault: ClientFault;
  readonly retryable: boolean;
}

/** A job has reported that its connection broke. */
function onBroken(pool: PoolState, { job, connection, fault, retryable }: FailedTry): void {
  // The client itself drops a connection for the sake of one job. That says nothing about the server.
  const isDropped = fault.code === 'connection' && fault.cause.code === 'destroyed';
  const isFirst = connection.state !== 'draining' || (connection.cause === null && !isDropped);
  connection.state = 'draining';
  if (!isDropped && connection.cause === null) connection.cause = fault;
  const isBlamed = isFirst && !isDropped && (fault.code !== 'connection' || fault.sent);
  if (isBlamed) countFailure(job);
  job.madeProgress = false;
  const isHopeless = pool.destroyed || job.failures > pool.settings.retries || !retryable;
  if (isHopeless) failForGood(pool, job, fault);
  // The job that may have broken the connection goes behind the others, so that they are done first.
  else if (isBlamed) queueOf(pool, job).push(job);
  else queueOf(pool, job).pushAgain(job);
  finishDraining(pool, connection);
}

/** The server has refused a job. */
function onRefused(pool: PoolState, { job, connection, fault, retryable }: FailedTry): void {
  const { retries, backoff, random, scheduler } = pool.settings;
  countFailure(job);
  job.madeProgress = false;
  if (job.failures > retries || !retryable) failForGood(pool, job, fault);
  else {
    const delay = backoffDelay(job.failures, backoff, random());
    pool.retries$.next({ fault, delay, attempt: job.failures, retries, connection: null });
    const timer = scheduler.schedule(() => {
      pool.delays.delete(job);
      queueOf(pool, job).push(job);
      dispatch(pool);
    }, delay);
    pool.delays.set(job, timer);
  }
  finishDraining(pool, connection);
  dispatch(pool);
  closeIdle(pool);
}

function addJob(pool: PoolState, job: Job): void {
  pool.openJobs++;
  if (pool.destroyed) queueMicrotask(() => failForGood(pool, job, DESTROYED));
  else queueOf(pool, job).push(job);
  dispatch(pool);
}

function finishJob(pool: PoolState, job: Job): void {
  if (job.over) return;
  endJob(pool, job);
  pool.delays.get(job)?.unsubscribe();
  pool.delays.delete(job);
  const connection = release(job);
  if (connection !== null) finishDraining(pool, connection);
  const { small, large } = pool.queued;
  if (small.first() !== null || large.first() !== null) dispatch(pool);
  closeIdle(pool);
}

function repeatJob(pool: PoolState, job: Job, large: boolean): void {
  const connection = release(job);
  if (job.over) return;
  job.large = large;
  queueOf(pool, job).push(job);
  if (connection !== null) finishDraining(pool, connection);
  dispatch(pool);
}

function noteProgress(pool: PoolState, job: Job): void {
  job.madeProgress = true;
  const { connection } = job;
  if (connection === null || connection.madeProgress) return;
  connection.madeProgress = true;
  // The connection's window is wide again.
  if (connection.failures > 0) queueMicrotask(() => dispatch(pool));
}

function destroy(pool: PoolState): void {
  pool.destroyed = true;
  stopMeasuring(pool);
  pool.connectionsMax = 0;
  for (const [job, timer] of pool.delays) {
    timer.unsubscribe();
    failForGood(pool, job, DESTROYED);
  }
  pool.delays.clear();
  failQueued(pool, DESTROYED);
  for (const connection of pool.connections) {
    if (loadOf(connection) === 0) remove(pool, connection);
    else connection.client?.destroy();
  }
}
