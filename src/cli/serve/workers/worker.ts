/**
 * A worker of `sluice serve --workers`: it serves the sockets that it is handed.
 *
 * It is told everything by the process that started it, and asks that for what all workers share. When that process is
 * gone, the channel to it is cut, and Node ends a worker by that: no worker is left behind.
 */
import { ReplaySubject, Subject } from 'rxjs';
import { type CallHandlers, type Calls, connectCalls } from '../../../base/calls.ts';
import { openFileLimit } from '../../../server/bounds.ts';
import { shareLimits } from '../../../server/workers/shared-limits.ts';
import type { HandedEvent } from '../../../transport/handed-sockets.ts';
import { limitsOf } from '../../settings/limits.ts';
import { isExitError } from '../../shared/exit-error.ts';
import { listenExitError } from '../../shared/fault-words.ts';
import type { Handed, PlaceName } from '../listeners.ts';
import { openServing, type Serving } from '../serving.ts';
import { WORKER_VARIABLE } from './is-worker.ts';
import { channelOfWorker, type OnHandle, type WorkerLink } from './link.ts';
import { createLogChannel } from './log-channel.ts';
import { configurationOf, type Order } from './order.ts';
import { workerReports } from './reports.ts';

/** Characters of log lines that may wait until the other process has written those before. */
const LOG_HELD_MAX = 4 * 1024 * 1024;

/** Resolves when the worker has served, and the process may end. */
export async function runWorker(): Promise<void> {
  const number = Number(process.env[WORKER_VARIABLE]);
  delete process.env[WORKER_VARIABLE];
  // A terminal, or a service manager, sends them to all processes; the one that started this one says what to do.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {});
  const places = createPlaces((id) => calls.tell('taken', id));
  const handlers: Record<string, CallHandlers[string]> = {};
  const calls: Calls = connectCalls(channelOfWorker(places.onHandle), handlers);
  const link: WorkerLink = { number, calls, answer: (more) => Object.assign(handlers, more) };
  const shutdown$ = new ReplaySubject<void>(1);
  link.answer({ shutdown: () => shutdown$.next(), listening: places.onListening });
  try {
    const serving = await openWorker(
      link,
      places.handed(() => calls.tell('over')),
      shutdown$,
    );
    await serve(link, serving, shutdown$);
  } catch (thrown) {
    const error = listenExitError(thrown);
    if (!isExitError(error)) throw error;
    await calls.call('failed', { status: error.status, said: error.said });
  }
  process.disconnect();
}

async function openWorker(
  link: WorkerLink,
  handed: Handed,
  shutdown$: ReplaySubject<void>,
): Promise<Serving> {
  const { calls, number } = link;
  const order = await calls.call<Order>('order');
  const configuration = configurationOf(order);
  const createLog = async () => {
    const { createServerLog } = await import('../server-log.ts');
    const sink = createLogChannel(calls, LOG_HELD_MAX);
    return createServerLog({ level: order.settings.logLevel, sink, worker: number });
  };
  const limits = shareLimits(calls, limitsOf(configuration, openFileLimit()));
  const worker = { link, handed, limits };
  return await openServing({ configuration, isTraced: order.isTraced, createLog, shutdown$, worker });
}

async function serve(link: WorkerLink, serving: Serving, shutdown$: ReplaySubject<void>): Promise<void> {
  const { log, events$ } = serving;
  const { calls } = link;
  const reports = await workerReports(serving, shutdown$);
  link.answer(reports.handlers);
  const logging = events$.subscribe((event) => log.event(event));
  let cut = 0;
  try {
    const running = serving.run();
    calls.tell('ready');
    cut = await running;
  } finally {
    await serving.close();
    reports.stop();
    await log.close();
    logging.unsubscribe();
  }
  await calls.call('done', cut);
}

/** The places that the other process listens on, and what comes of each. */
function createPlaces(taken: (id: number) => void) {
  const byName: Readonly<Record<PlaceName, Subject<HandedEvent>>> = {
    port: new Subject(),
    unix: new Subject(),
    page: new Subject(),
  };
  return {
    onHandle: ({ place, id }: Parameters<OnHandle>[0], handle: Parameters<OnHandle>[1]) => {
      taken(id);
      if (handle === undefined) return;
      // After the end of the server nobody takes it.
      if (byName[place].observed) byName[place].next({ type: 'handle', handle });
      else handle.close();
    },
    onListening: ({ place, address, port }: Listening) =>
      byName[place].next({ type: 'listening', address, port }),
    handed: (over: () => void): Handed => {
      const of = (place: PlaceName) => ({
        handed$: byName[place],
        taken: (socket: Parameters<Handed['port']['taken']>[0]) => void socket.once('close', over),
      });
      return { port: of('port'), unix: of('unix'), page: of('page') };
    },
  };
}

/** Where a place is listened on. */
export interface Listening {
  readonly place: PlaceName;
  readonly address: string;
  readonly port: number;
}
