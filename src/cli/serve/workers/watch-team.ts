/** Shows an operator all workers as one server: metrics and health over HTTP, the status in the log, one reload. */
import { concatMap, type Observable, Subscription } from 'rxjs';
import type { Health } from '../../../server/health.ts';
import type { MetricsSnapshot } from '../../../server/metrics/joined-metrics.ts';
import type { OpsServer } from '../../../server/ops-server.ts';
import { type Status, statusLine } from '../../../server/status.ts';
import { joinHealth, joinStatus } from '../../../server/workers/joined-status.ts';
import { withTimeout } from '../../../store/with-timeout.ts';
import type { Settings } from '../../settings/table.ts';
import { exitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { signal$ } from '../../shared/signals.ts';
import { type Reloadable, reloadAll } from '../reload.ts';
import type { ServerLog } from '../server-log.ts';
import type { ServedEvents } from '../wanted-events.ts';
import type { Team } from './team.ts';

export interface TeamWatchDeps {
  readonly settings: Settings;
  readonly team: Team;
  /** What is read again at SIGHUP. */
  readonly reloadable: readonly Reloadable[];
  readonly shutdown$: Observable<unknown>;
  readonly log: ServerLog;
  /** Null when nobody gets events of files. */
  readonly deliveries: ServedEvents | null;
}

/** Milliseconds that a worker has to say how it is: longer than its store has. */
const ANSWER_MAX_MS = 3_000;

export function watchTeam({ settings, team, reloadable, shutdown$, log, deliveries }: TeamWatchDeps) {
  let opsServer: OpsServer | null = null;
  let isDraining = false;
  const running = new Subscription();
  running.add(
    shutdown$.subscribe(() => {
      isDraining = true;
    }),
  );

  /** What each worker answers, by its number; null where it does not. */
  async function askAll<T>(name: string): Promise<ReadonlyMap<number, T | null>> {
    const asked = team.ready().map(async ({ number, calls }) => {
      const answer = calls.call<T>(name).catch(() => null);
      return [number, await withTimeout(ANSWER_MAX_MS, answer, null)] as const;
    });
    return new Map(await Promise.all(asked));
  }

  async function logStatus(): Promise<void> {
    const answers = await askAll<Status>('status');
    const known = [...answers.values()].filter((status) => status !== null);
    const of = `${answers.size} of ${team.size} workers`;
    log.info(`${statusLine(joinStatus(known, process.memoryUsage.rss()))}, ${of}`);
    for (const [number, status] of answers) {
      log.info(`worker ${number}: ${status === null ? 'does not answer' : statusLine(status)}`);
    }
  }

  async function reload(): Promise<void> {
    const read = await reloadAll(reloadable, log);
    if (read.length > 0)
      await Promise.all(team.ready().map(({ calls }) => calls.call('reload', read).catch(() => {})));
  }

  async function readHealth(): Promise<Health> {
    if (isDraining) return { status: 'draining' };
    if (!team.isListening()) return { status: 'starting' };
    return joinHealth([...(await askAll<Health>('health')).values()]);
  }

  async function start(): Promise<void> {
    const { metricsPort, metricsHost } = settings;
    if (metricsPort === null) return;
    // Imported only here, so that a server without metrics does not load them.
    const { loadPromClient } = await import('../../../server/metrics/running-metrics.ts');
    const { joinMetrics } = await import('../../../server/metrics/joined-metrics.ts');
    const { serveOps } = await import('../../../server/ops-server.ts');
    const prom = await loadPromClient();
    if (!prom.ok) throw exitError(exitStatus.failed, `metrics: ${prom.error.message}`);
    const read = async () => {
      const all = await askAll<MetricsSnapshot>('metrics');
      return new Map([...all].flatMap(([number, snapshot]) => (snapshot ? [[number, snapshot]] : [])));
    };
    const workers = () => team.ready().length;
    const readings = deliveries && { status: deliveries.status, reports$: deliveries.reports$ };
    const metrics = joinMetrics(prom.value, { read, workers, ended: team.ended, deliveries: readings });
    running.add(team.gone$.subscribe(metrics.left));
    const started = await serveOps({
      host: metricsHost,
      port: metricsPort,
      metrics,
      health: { read: readHealth, stop: () => {} },
      onInternalError: (thrown) => log.error(`metrics: ${thrown instanceof Error ? thrown.stack : thrown}`),
    });
    if (!started.ok) throw exitError(exitStatus.failed, `metrics: ${started.error.message}`);
    opsServer = started.value;
    log.info(`metrics and health on http://${opsServer.address}`);
  }

  running.add(signal$('SIGHUP').pipe(concatMap(reload)).subscribe());
  running.add(signal$('SIGUSR2').pipe(concatMap(logStatus)).subscribe());
  return {
    start,
    stop: async () => {
      running.unsubscribe();
      await opsServer?.close();
    },
  };
}
