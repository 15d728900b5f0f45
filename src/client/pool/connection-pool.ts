/**
 * Connections that are made when there is work, shared by many jobs, and made again when they break.
 *
 *   lane         means                                                           becomes
 *   connecting   it is being made, and says who we are                           open, waiting, gone
 *   open         jobs run on it                                                  draining, gone
 *   draining     it broke, or was dropped for one job's sake: no new ones        connecting, waiting, gone
 *   waiting      the next try is due after a while                               connecting, gone
 *
 * A lane counts the breaks between which nothing was achieved, and gives up after `retries` further tries; what it had
 * goes to the others, and fails when there are none. A job counts the breaks it was the first to notice without
 * having achieved anything itself, so that one which kills each connection does not live off the others' progress.
 *
 * Jobs that wait are bounded by the caller: each is a subscription, and holds no body. Jobs under way are at most
 * `window` small and two large ones a lane, and there are at most `parallel` lanes.
 */
import { asyncScheduler, type Observable, type SchedulerLike, Subject, type Subscription } from 'rxjs';
import { destroyLater } from '../../runtime/close-gracefully.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import {
  check,
  checkOptions,
  FUNCTION,
  MILLISECONDS,
  numberFrom,
  OBSERVABLE,
  optional,
  RECORD,
  SCHEDULER,
  TEXT,
  wholeFrom,
} from '../../wire/argument.ts';
import { type Client, createClient } from '../client.ts';
import { type ClientFault, isClientFault } from '../client-fault.ts';
import type { Checksum } from '../pipeline/frame-sender.ts';
import { createJobQueue } from './job-queue.ts';
import { type Backoff, backoffDelay, breaksConnection, isRetryable, retryDelay } from './retry.ts';

export interface ConnectionPoolOptions {
  /** Makes one connection and completes; errors with a `ConnectionFault`. Unsubscribing abandons it. */
  readonly connect: () => Observable<Connection>;
  /** Said to the server on each connection, before anything else. */
  readonly token?: string | undefined;
  /** Further tries after one that achieved nothing; default 5. */
  readonly retries?: number;
  readonly backoff?: Backoff;
  /** Connections at once, from 1; default 1. More are only made when there is more than one thing to do. */
  readonly parallel?: number;
  /** As in `ClientOptions`. */
  readonly crc32?: Checksum;
  /** Requests ahead of their answers on each connection; default 256. */
  readonly window?: number;
  /** Milliseconds of silence after which a connection counts as broken (see `ClientOptions`); default 60,000. */
  readonly timeout?: number;
  /** What time is; default that of RxJS's `asyncScheduler`. For tests. */
  readonly scheduler?: SchedulerLike;
  /** Numbers from 0 to below 1; default `Math.random`. For tests. */
  readonly random?: () => number;
}

/** Something failed that may succeed later, and will be tried again. */
export interface Retry {
  readonly fault: ClientFault;
  /** Milliseconds until then. */
  readonly delay: number;
  /** Which of the `retries` further tries it will be, from 1. */
  readonly attempt: number;
  readonly retries: number;
  /** Which of the connections it was, from 0; null when it is one request that was refused. */
  readonly connection: number | null;
}

export interface Job {
  /** Whether it is one of the few that a connection has at once. */
  large: boolean;
  /** Does it over a client; then tells the lanes, once, with `done`, `failed` or `again`. */
  readonly begin: (client: Client) => void;
  /** It is not tried any more. */
  readonly fail: (fault: ClientFault) => void;
  /** The lanes' own. */
  lane: PooledConnection | null;
  failures: number;
  madeProgress: boolean;
  over: boolean;
}

export const createJob = (begin: Job['begin'], fail: Job['fail'], large: boolean): Job => ({
  large,
  begin,
  fail,
  lane: null,
  failures: 0,
  madeProgress: false,
  over: false,
});

interface PooledConnection {
  readonly number: number;
  state: 'connecting' | 'open' | 'draining' | 'waiting';
  client: Client | null;
  small: number;
  large: number;
  /** Breaks since something was last achieved. */
  failures: number;
  madeProgress: boolean;
  cause: ClientFault | null;
  /** What it waits for. */
  waits: Subscription | null;
}

export interface ConnectionPool {
  readonly add: (job: Job) => void;
  /** It is over: carried out, failed for good, or given up. */
  readonly done: (job: Job) => void;
  /** It is to be begun once more, at once; perhaps as a large one. */
  readonly again: (job: Job, large?: boolean) => void;
  /** It failed: it will be begun once more, or told `fail`. */
  readonly failed: (job: Job, fault: ClientFault) => void;
  /** Something of it need not be done again. */
  readonly madeProgress: (job: Job) => void;
  readonly retries$: Observable<Retry>;
  /** Ends the connections in good order once all is done. Jobs are still taken. */
  readonly end: () => void;
  /** Drops the connections; what there is fails. */
  readonly destroy: () => void;
}

/** Large jobs on one connection: while one waits for its answer the next can be sent. */
const LARGE_JOBS_MAX = 2;
/** What a large job weighs, in small ones, where the connection with the least to do is looked for. */
const LARGE_JOB_WEIGHT = 64;
/** Milliseconds that a server has to end its side once ours is ended. */
const CLOSE_GRACE_MS = 2000;

const CONNECTION_POOL_RULES = {
  connect: FUNCTION,
  token: optional(TEXT),
  retries: optional(numberFrom(0)),
  backoff: optional(RECORD),
  parallel: optional(wholeFrom(1)),
  crc32: optional(FUNCTION),
  window: optional(wholeFrom(1)),
  timeout: optional(MILLISECONDS),
  scheduler: optional(SCHEDULER),
  random: optional(FUNCTION),
  resumeThreshold: optional(numberFrom(0)),
  progress: optional(wholeFrom(1)),
  sha256: optional(FUNCTION),
};
const BACKOFF_RULES = { base: optional(MILLISECONDS), most: optional(MILLISECONDS) };

export function createConnectionPool(options: ConnectionPoolOptions): ConnectionPool {
  checkOptions('uploads and downloads', options, CONNECTION_POOL_RULES);
  if (options.backoff !== undefined) checkOptions('backoff', options.backoff, BACKOFF_RULES);
  const { connect, token, retries = 5, backoff = {}, parallel = 1, window = 256 } = options;
  const { scheduler = asyncScheduler, random = Math.random, timeout = 60_000, crc32 } = options;
  const settings = { window: window + 2 * LARGE_JOBS_MAX, timeout, scheduler, ...(crc32 ? { crc32 } : {}) };
  const pool = new Set<PooledConnection>();
  const waiting = { small: createJobQueue<Job>(), large: createJobQueue<Job>() };
  /** Waits of single jobs that were refused for now; no more than jobs. */
  const delays = new Map<Job, Subscription>();
  const retries$ = new Subject<Retry>();
  /** Jobs that are not over. */
  let connections = 0;
  /** Lanes there may be: fewer than `parallel` when one has given up while others go on. */
  let allowed = parallel;
  /** The server was connected to before. */
  let reached = false;
  let ending = false;
  let destroyed = false;

  function dispatch(): void {
    while (pool.size < allowed && pool.size < connections) connectLane(createLane());
    for (let job = waiting.large.first(); job !== null; job = waiting.large.first()) {
      const lane = leastLoaded((lane) => lane.large < LARGE_JOBS_MAX);
      if (lane === null) break;
      // A second one on this lane can wait for a lane that is about to open.
      if (lane.large > 0 && [...pool].some(({ state }) => state === 'connecting')) break;
      waiting.large.shift();
      begin(job, lane);
    }
    for (let job = waiting.small.first(); job !== null; job = waiting.small.first()) {
      const lane = leastLoaded((lane) => lane.small < windowOf(lane));
      if (lane === null) break;
      waiting.small.shift();
      begin(job, lane);
    }
  }

  /** After breaks that achieved nothing fewer are sent ahead, so that the one to blame is soon alone. */
  const windowOf = ({ failures, madeProgress }: PooledConnection): number =>
    failures === 0 || madeProgress ? window : Math.max(1, Math.floor(window / 16 ** failures));

  function leastLoaded(fits: (lane: PooledConnection) => boolean): PooledConnection | null {
    let best: PooledConnection | null = null;
    for (const lane of pool) {
      if (lane.state !== 'open' || !fits(lane)) continue;
      if (best === null || loadOf(lane) < loadOf(best)) best = lane;
    }
    return best;
  }

  function begin(job: Job, lane: PooledConnection): void {
    job.lane = lane;
    if (job.large) lane.large++;
    else lane.small++;
    job.begin(lane.client!);
  }

  /** Takes a job off its lane. */
  function release(job: Job): PooledConnection | null {
    const { lane } = job;
    if (lane === null) return null;
    job.lane = null;
    if (job.large) lane.large--;
    else lane.small--;
    return lane;
  }

  function createLane(): PooledConnection {
    const taken = new Set([...pool].map(({ number }) => number));
    let number = 0;
    while (taken.has(number)) number++;
    const lane: PooledConnection = {
      number,
      state: 'connecting',
      client: null,
      small: 0,
      large: 0,
      failures: 0,
      madeProgress: false,
      cause: null,
      waits: null,
    };
    pool.add(lane);
    return lane;
  }

  function connectLane(lane: PooledConnection): void {
    lane.state = 'connecting';
    lane.client = null;
    lane.madeProgress = false;
    lane.cause = null;
    const connecting$ = connect();
    check('what `connect` answers', connecting$, OBSERVABLE);
    const making = connecting$.subscribe({
      next: (connection) => {
        reached = true;
        if (!pool.has(lane)) return connection.destroy();
        const client = createClient(connection, settings);
        lane.client = client;
        client.closed$.subscribe(() => {
          // With nothing under way nobody else tells.
          if (lane.client === client && lane.state === 'open' && loadOf(lane) === 0) drop(lane);
        });
        if (token === undefined) open(lane);
        else {
          client.hello(token).subscribe({
            error: (fault: ClientFault) => lost(lane, fault),
            complete: () => open(lane),
          });
        }
      },
      error: (thrown: ConnectionFault | ClientFault) =>
        lost(lane, isClientFault(thrown) ? thrown : { type: 'connection', fault: thrown, sent: false }),
    });
    // It may have failed at once, and waits for the next try.
    if (!making.closed) lane.waits = making;
  }

  function open(lane: PooledConnection): void {
    if (!pool.has(lane)) return;
    lane.state = 'open';
    dispatch();
    closeIdle();
  }

  /** A lane's connection is over, or could not be made. */
  function lost(lane: PooledConnection, fault: ClientFault): void {
    if (!pool.has(lane)) return;
    lane.client?.destroy();
    if (!isRetryable(fault, reached)) return giveUp(lane, fault);
    if (lane.madeProgress) lane.failures = 0;
    lane.failures++;
    if (lane.failures > retries) return giveUp(lane, fault);
    if (connections === 0) return drop(lane);
    const delay = retryDelay(fault, lane.failures, backoff, random());
    lane.state = 'waiting';
    lane.waits = scheduler.schedule(() => connectLane(lane), delay);
    retries$.next({ fault, delay, attempt: lane.failures, retries, connection: lane.number });
    dispatch();
  }

  function giveUp(lane: PooledConnection, fault: ClientFault): void {
    pool.delete(lane);
    if (!destroyed) allowed = Math.max(1, pool.size);
    if (pool.size > 0) return dispatch();
    for (const line of [waiting.large, waiting.small]) {
      for (const job of line.takeAll()) failForGood(job, fault);
    }
    closeIdle();
  }

  /** Forgets a lane that nobody needs. */
  function drop(lane: PooledConnection): void {
    pool.delete(lane);
    lane.waits?.unsubscribe();
    lane.client?.destroy();
    dispatch();
  }

  /** To be called when a job has left a lane. */
  function left(lane: PooledConnection): void {
    if (lane.state !== 'draining' || loadOf(lane) > 0) return;
    const { cause } = lane;
    lane.client?.destroy();
    if (connections === 0 || destroyed) drop(lane);
    else if (cause === null) connectLane(lane);
    else lost(lane, cause);
  }

  function failForGood(job: Job, fault: ClientFault): void {
    if (job.over) return;
    job.over = true;
    connections--;
    job.fail(fault);
  }

  function line(job: Job): void {
    (job.large ? waiting.large : waiting.small).push(job);
  }

  /** To be called when something may have been the last. */
  function closeIdle(): void {
    if (connections > 0) return;
    if (!destroyed) allowed = parallel;
    for (const lane of pool) {
      if (lane.state === 'connecting' || lane.state === 'waiting') drop(lane);
      else if (ending && lane.state === 'open') closeGracefully(lane);
    }
  }

  /** Ends a connection in good order. */
  function closeGracefully(lane: PooledConnection): void {
    const client = lane.client!;
    pool.delete(lane);
    client.end();
    const timer = destroyLater(client, CLOSE_GRACE_MS, scheduler);
    client.closed$.subscribe(() => timer.unsubscribe());
  }

  function broke(job: Job, lane: PooledConnection, fault: ClientFault): void {
    const dropped = fault.type === 'connection' && fault.fault.code === 'destroyed';
    const first = lane.state !== 'draining' || (lane.cause === null && !dropped);
    lane.state = 'draining';
    // What we dropped for one job's sake says nothing about the server.
    if (!dropped && lane.cause === null) lane.cause = fault;
    const blamed = first && !dropped && (fault.type !== 'connection' || fault.sent);
    if (blamed) job.failures = job.madeProgress ? 1 : job.failures + 1;
    job.madeProgress = false;
    if (destroyed || job.failures > retries || !isRetryable(fault)) failForGood(job, fault);
    else if (blamed) {
      // Behind the others: if it is what kills the connection, they are to have theirs first.
      line(job);
    } else waiting[job.large ? 'large' : 'small'].pushAgain(job);
    left(lane);
  }

  function refused(job: Job, lane: PooledConnection, fault: ClientFault): void {
    job.failures = job.madeProgress ? 1 : job.failures + 1;
    job.madeProgress = false;
    if (job.failures > retries || !isRetryable(fault)) failForGood(job, fault);
    else {
      const delay = backoffDelay(job.failures, backoff, random());
      retries$.next({ fault, delay, attempt: job.failures, retries, connection: null });
      const timer = scheduler.schedule(() => {
        delays.delete(job);
        line(job);
        dispatch();
      }, delay);
      delays.set(job, timer);
    }
    left(lane);
    dispatch();
    closeIdle();
  }

  return {
    add: (job) => {
      connections++;
      if (destroyed) queueMicrotask(() => failForGood(job, wasDestroyed));
      else line(job);
      dispatch();
    },
    done: (job) => {
      if (job.over) return;
      job.over = true;
      connections--;
      delays.get(job)?.unsubscribe();
      delays.delete(job);
      const lane = release(job);
      if (lane !== null) left(lane);
      if (waiting.small.first() !== null || waiting.large.first() !== null) dispatch();
      closeIdle();
    },
    again: (job, large = job.large) => {
      const lane = release(job);
      if (job.over) return;
      job.large = large;
      line(job);
      if (lane !== null) left(lane);
      dispatch();
    },
    failed: (job, fault) => {
      const lane = release(job);
      if (job.over || lane === null) return;
      if (breaksConnection(fault)) broke(job, lane, fault);
      else refused(job, lane, fault);
    },
    madeProgress: (job) => {
      job.madeProgress = true;
      const { lane } = job;
      if (lane === null || lane.madeProgress) return;
      lane.madeProgress = true;
      // The window is wide again.
      if (lane.failures > 0) queueMicrotask(dispatch);
    },
    retries$: retries$.asObservable(),
    end: () => {
      ending = true;
      closeIdle();
    },
    destroy: () => {
      destroyed = true;
      allowed = 0;
      for (const [job, timer] of delays) {
        timer.unsubscribe();
        failForGood(job, wasDestroyed);
      }
      delays.clear();
      for (const line of [waiting.large, waiting.small]) {
        for (const job of line.takeAll()) failForGood(job, wasDestroyed);
      }
      for (const lane of pool) {
        if (loadOf(lane) === 0) drop(lane);
        else lane.client?.destroy();
      }
    },
  };
}

const loadOf = ({ small, large }: PooledConnection): number => small + LARGE_JOB_WEIGHT * large;

const wasDestroyed: ClientFault = {
  type: 'connection',
  fault: { code: 'destroyed', message: 'the connections were dropped' },
  sent: false,
};
