/** The metrics of a server as a text for Prometheus. What they are made by is apart, as its types are of prom-client. */
import { checkOptions, FUNCTION, LIST, OBSERVABLE, optional, RECORD } from '../../wire/argument.ts';
import type { MetricsOptions, MetricsOutcome } from './metrics-options.ts';
import { loadPromClient, shareCalls, startMetrics } from './running-metrics.ts';

const RULES = {
  events$: OBSERVABLE,
  stats: FUNCTION,
  unfinished: optional(FUNCTION),
  engines: optional(FUNCTION),
  deciding: optional(FUNCTION),
  deliveries: optional(RECORD),
  commands: optional(LIST),
};

/**
 * Makes metrics of a server for Prometheus, by the package `prom-client`. Counts from now on, in a registry of its own.
 *
 * @example
 * const { events$, stats } = startServer({ port: 8080, store });
 * const metrics = await createMetrics({ events$, stats });
 * if (metrics.ok) console.log(await metrics.value.text());
 */
export async function createMetrics(options: MetricsOptions): Promise<MetricsOutcome> {
  checkOptions('createMetrics', options, RULES);
  const prom = await loadPromClient();
  if (!prom.ok) return prom;
  const { contentType, read, stop } = startMetrics(prom.value, options);
  const text = shareCalls(async () => (await read()).metrics());
  return { ok: true, value: { contentType, text, stop } };
}
