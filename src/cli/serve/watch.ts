/** Shows an operator a running `sluice serve`: metrics and health over HTTP, and a status line in the log. */
import type { Observable } from 'rxjs';
import type { ServerEvent } from '../../server/event.ts';
import type { OpsServer } from '../../server/ops-server.ts';
import type { ServerStats } from '../../server/status.ts';
import { createStatusReader } from '../../server/status.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { ServedEvents } from './events.ts';
import type { ServerLog } from './server-log.ts';
import type { ServedStore } from './store.ts';

export interface Watched {
  /** Takes the function that reads the server's statistics. */
  readonly stats: (read: () => ServerStats) => void;
  /** Reads them. */
  readonly read: () => ServerStats;
  /**
   * Begins to listen if the settings say so. Throws an `ExitError` when it cannot. Call it before the server starts, so
   * that it sees all events.
   */
  readonly start: () => Promise<void>;
  readonly logStatus: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface WatchDeps {
  readonly settings: Settings;
  readonly served: ServedStore;
  /** Shared. */
  readonly events$: Observable<ServerEvent>;
  readonly shutdown$: Observable<unknown>;
  readonly log: ServerLog;
  /** Null when nobody gets events of files. */
  readonly deliveries: ServedEvents | null;
}

const NO_STATS: ServerStats = { connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 };

export function watchServer({ settings, served, events$, shutdown$, log, deliveries }: WatchDeps): Watched {
  let read = () => NO_STATS;
  const facts = { stats: () => read(), unfinished: () => served.store.unfinished() };
  const status = createStatusReader(facts);
  let opsServer: OpsServer | null = null;

  async function start(): Promise<void> {
    const { metricsPort, metricsHost } = settings;
    if (metricsPort === null) return;
    // Imported only here, so that a server without metrics does not load it.
    const { startOpsServer } = await import('../../server/ops-server.ts');
    const started = await startOpsServer({
      ...facts,
      host: metricsHost,
      port: metricsPort,
      events$,
      shutdown$,
      writable: served.writable,
      engines: served.engines,
      deliveries:
        deliveries === null ? undefined : { status: deliveries.status, reports$: deliveries.reports$ },
      onInternalError: (thrown) => log.error(`metrics: ${thrown instanceof Error ? thrown.stack : thrown}`),
    });
    if (!started.ok) throw exitError(exitStatus.failed, `metrics: ${started.error.message}`);
    opsServer = started.value;
    log.info(`metrics and health on http://${opsServer.address}`);
  }

  return {
    stats: (reader) => {
      read = reader;
    },
    read: () => read(),
    start,
    logStatus: async () => log.info(await status.line()),
    stop: async () => {
      status.stop();
      await opsServer?.close();
    },
  };
}
