/** Shows an operator a running `sluice serve`: metrics and health over HTTP, and a status line in the log. */
import type { Observable } from 'rxjs';
import type { ServerEvent } from '../../server/event.ts';
import type { OpsServer } from '../../server/ops-server.ts';
import type { ServerStats } from '../../server/status.ts';
import { createStatusReader } from '../../server/status.ts';
import type { Settings } from '../settings/table.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { ServerLog } from './server-log.ts';
import type { ServedStore } from './store.ts';
import type { ServedEvents } from './wanted-events.ts';

export interface Watched {
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
  readonly stats: () => ServerStats;
  /** Shared. */
  readonly events$: Observable<ServerEvent>;
  readonly shutdown$: Observable<unknown>;
  readonly log: ServerLog;
  /** Null when nobody gets events of files. */
  readonly deliveries: ServedEvents | null;
}

export function watchServer({
  settings,
  served,
  stats,
  events$,
  shutdown$,
  log,
  deliveries,
}: WatchDeps): Watched {
  const facts = { stats, unfinished: () => served.store.unfinished() };
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
      deciding: served.deciding?.counts,
      deliveries:
        deliveries === null ? undefined : { status: deliveries.status, reports$: deliveries.reports$ },
      onInternalError: (thrown) => log.error(`metrics: ${thrown instanceof Error ? thrown.stack : thrown}`),
    });
    if (!started.ok) throw exitError(exitStatus.failed, `metrics: ${started.error.message}`);
    opsServer = started.value;
    log.info(`metrics and health on http://${opsServer.address}`);
  }

  return {
    start,
    logStatus: async () => log.info(await status.line()),
    stop: async () => {
      status.stop();
      await opsServer?.close();
    },
  };
}
