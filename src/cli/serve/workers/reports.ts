/** What a worker answers when the process that started it asks how it is. */
import type { Observable } from 'rxjs';
import type { CallHandlers } from '../../../base/calls.ts';
import { watchHealth } from '../../../server/health.ts';
import { createStatusReader } from '../../../server/status.ts';
import { notReloaded } from '../reload.ts';
import type { Serving } from '../serving.ts';

export interface WorkerReports {
  readonly handlers: CallHandlers;
  readonly stop: () => void;
}

/** @param shutdown$ when it emits, the worker takes nothing new. */
export async function workerReports(
  { stats, served, events$, reloadable, log, configuration, deliveries: told }: Serving,
  shutdown$: Observable<unknown>,
): Promise<WorkerReports> {
  const { engines, writable, deciding } = served;
  const facts = { stats, unfinished: () => served.store.unfinished() };
  const status = createStatusReader(facts);
  const health = watchHealth({ events$, shutdown$, writable, engines });
  const deliveries = told === null ? undefined : { status: told.status, reports$: told.reports$ };
  const metrics =
    configuration.settings.metricsPort === null
      ? null
      : await loadMetrics({ ...facts, events$, engines, deciding: deciding?.counts, deliveries });
  return {
    handlers: {
      status: status.read,
      health: health.read,
      metrics: async () => await (await metrics?.read())?.getMetricsAsJSON(),
      reload: async (wanted: readonly string[]) => {
        for (const { called, reload } of reloadable.filter((each) => wanted.includes(each.called))) {
          await reload().catch((thrown: unknown) => log.error(notReloaded(called, thrown)));
        }
      },
    },
    stop: () => {
      status.stop();
      health.stop();
      metrics?.stop();
    },
  };
}

type MetricsModule = typeof import('../../../server/metrics/running-metrics.ts');

/** Imported only here, so that a worker without metrics does not load them. */
async function loadMetrics(options: Parameters<MetricsModule['startMetrics']>[1]) {
  const { loadPromClient, startMetrics } = await import('../../../server/metrics/running-metrics.ts');
  const prom = await loadPromClient();
  return prom.ok ? startMetrics(prom.value, options) : null;
}
