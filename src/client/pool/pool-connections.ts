/** The connections of a pool: made when jobs need them, made again when they break, closed when no job is left. */
import { destroyLater } from '../../transport/close-gracefully.ts';
import { connectionFault } from '../../transport/connection-fault.ts';
import { CONNECTION, check, OBSERVABLE } from '../../wire/argument.ts';
import { createClient } from '../client.ts';
import { type ClientFault, isClientFault } from '../client-fault.ts';
import { clientFault } from '../content/read-content.ts';
import { counted } from './growth.ts';
import { disturb, measure, settle, stopMeasuring } from './measure-growth.ts';
import {
  addConnection,
  beginOn,
  failQueued,
  loadOf,
  type PooledConnection,
  type PoolState,
  pickForLarge,
  pickForSmall,
} from './pool-state.ts';
import { isRetryable, retryDelay } from './retry.ts';

/** Milliseconds that a server has to end its side once ours is ended. */
const CLOSE_GRACE_MS = 2000;

/** Makes connections that are needed, and begins jobs where there is room. */
export function dispatch(pool: PoolState): void {
  const { connections, queued } = pool;
  if (pool.openJobs > 0) measure(pool, () => dispatch(pool));
  while (connections.size < pool.connectionsMax && connections.size < pool.openJobs) {
    connect(pool, addConnection(pool));
  }
  for (const [queue, pick] of [
    [queued.large, pickForLarge] as const,
    [queued.small, pickForSmall] as const,
  ]) {
    for (let job = queue.first(); job !== null; job = queue.first()) {
      const connection = pick(pool);
      if (connection === null) break;
      queue.shift();
      beginOn(connection, job);
    }
  }
}

function connect(pool: PoolState, connection: PooledConnection): void {
  connection.state = 'connecting';
  connection.client = null;
  connection.madeProgress = false;
  connection.cause = null;
  const connecting$ = pool.settings.connect();
  check('what `connect` answers', connecting$, OBSERVABLE);
  const connecting = connecting$.subscribe({
    next: (made) => {
      try {
        check('what `connect` emits', made, CONNECTION);
      } catch (error) {
        return giveUp(pool, connection, { code: 'connection', cause: connectionFault(error), sent: false });
      }
      pool.reached = true;
      if (!pool.connections.has(connection)) return made.destroy();
      const { grows } = pool;
      const client = createClient(grows === null ? made : counted(made, grows), pool.settings.client);
      connection.client = client;
      client.closed$.subscribe(() => {
        // Without a job on the connection no request reports its end.
        const isIdle = connection.state === 'open' && loadOf(connection) === 0;
        if (connection.client === client && isIdle) remove(pool, connection);
      });
      const { token } = pool.settings;
      if (token === undefined) return onOpen(pool, connection);
      client.hello(token).subscribe({
        error: (error: unknown) => onLost(pool, connection, clientFault(error)),
        complete: () => onOpen(pool, connection),
      });
    },
    error: (error: unknown) => {
      const fault = isClientFault(error)
        ? clientFault(error)
        : ({ code: 'connection', cause: connectionFault(error), sent: false } as const);
      onLost(pool, connection, fault);
    },
  });
  // If connecting failed at once, `pending` is already the timer of the next attempt.
  if (!connecting.closed) connection.pending = connecting;
}

function onOpen(pool: PoolState, connection: PooledConnection): void {
  if (!pool.connections.has(connection)) return;
  connection.state = 'open';
  disturb(pool);
  dispatch(pool);
  closeIdle(pool);
}

/** A connection has ended, or could not be made. */
function onLost(pool: PoolState, connection: PooledConnection, fault: ClientFault): void {
  if (!pool.connections.has(connection)) return;
  const { retries, backoff, random, scheduler } = pool.settings;
  connection.client?.destroy();
  disturb(pool);
  // One that was tried for the sake of speed, and was of no use: the server may not want as many.
  const isFirstTry = connection.failures === 0 && !connection.madeProgress;
  const isExtra = pool.grows !== null && pool.connections.size > 1 && isFirstTry;
  if (isExtra || !isRetryable(fault, pool.reached)) return giveUp(pool, connection, fault);
  if (connection.madeProgress) connection.failures = 0;
  connection.failures++;
  if (connection.failures > retries) return giveUp(pool, connection, fault);
  if (pool.openJobs === 0) return remove(pool, connection);
  const { failures, number } = connection;
  const delay = retryDelay(fault, failures, backoff, random());
  connection.state = 'waiting';
  connection.pending = scheduler.schedule(() => connect(pool, connection), delay);
  pool.retries$.next({ fault, delay, attempt: failures, retries, connection: number });
  dispatch(pool);
}

function giveUp(pool: PoolState, connection: PooledConnection, fault: ClientFault): void {
  const { connections } = pool;
  connections.delete(connection);
  if (!pool.destroyed) pool.connectionsMax = Math.max(1, connections.size);
  settle(pool, pool.connectionsMax);
  if (connections.size > 0) return dispatch(pool);
  failQueued(pool, fault);
  closeIdle(pool);
}

/** Removes a connection that no job needs. */
export function remove(pool: PoolState, connection: PooledConnection): void {
  pool.connections.delete(connection);
  connection.pending?.unsubscribe();
  connection.client?.destroy();
  dispatch(pool);
}

/** Called when a job has left a connection: one that drains ends with its last job. */
export function finishDraining(pool: PoolState, connection: PooledConnection): void {
  if (connection.state !== 'draining' || loadOf(connection) > 0) return;
  const { cause } = connection;
  connection.client?.destroy();
  if (pool.openJobs === 0 || pool.destroyed) remove(pool, connection);
  else if (cause === null) connect(pool, connection);
  else onLost(pool, connection, cause);
}

/** Called when a job may have been the last one: without jobs, idle connections are closed. */
export function closeIdle(pool: PoolState): void {
  if (pool.openJobs > 0) return;
  stopMeasuring(pool);
  const { parallel } = pool.settings;
  if (!pool.destroyed) pool.connectionsMax = parallel === 'auto' ? pool.grows!.growth.connections : parallel;
  for (const connection of pool.connections) {
    if (connection.state === 'connecting' || connection.state === 'waiting') remove(pool, connection);
    else if (pool.ending && connection.state === 'open') closeGracefully(pool, connection);
  }
}

function closeGracefully(pool: PoolState, connection: PooledConnection): void {
  const client = connection.client!;
  pool.connections.delete(connection);
  client.end();
  const timer = destroyLater(client, CLOSE_GRACE_MS, pool.settings.scheduler);
  client.closed$.subscribe(() => timer.unsubscribe());
}
