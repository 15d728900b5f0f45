/**
 * The metrics of a server for Prometheus, in a registry.
 *
 * The subscriber counts events in plain numbers, and prom-client reads them only at a scrape, since ten
 * thousand small files a second pass through here. Labels are bounded: a command is one that the server
 * knows, or `other`; an outcome is `served`, a code of the catalogue, or `other`.
 *
 * prom-client is an optional peer dependency. Only this module imports it, when metrics are asked for.
 */
import type { Registry } from 'prom-client';
import { version } from '../../files/protocol/version.ts';
import { commands as builtIn } from '../../files/session/dispatch.ts';
import { addAcceptMetrics } from './accept-metrics.ts';
import { addChangeMetrics } from './change-metrics.ts';
import { addEngineMetrics } from './engine-metrics.ts';
import { createInstruments, type PromClient } from './instruments.ts';
import { createLoopDelayMeter, type LoopDelayMeter } from './loop-delay.ts';
import type { MetricsOptions, NoPromClient } from './metrics-options.ts';
import { addProcessMetrics } from './process-metrics.ts';
import {
  addDelayMetrics,
  addServerMetrics,
  addUploadMetrics,
  countEvent,
  type Readings,
} from './server-metrics.ts';

export async function loadPromClient(): Promise<
  { readonly ok: true; readonly value: PromClient } | { readonly ok: false; readonly error: NoPromClient }
> {
  try {
    return { ok: true, value: await import('prom-client') };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    const message = 'metrics need prom-client, which is not installed: npm install prom-client';
    return { ok: false, error: { code: 'no-prom-client', message } };
  }
}

/** Calls that come while one is under way share its answer. */
export function shareCalls<T>(call: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => {
    running ??= call().finally(() => {
      running = null;
    });
    return running;
  };
}

/** Metrics whose registry somebody else prints. */
export interface RunningMetrics {
  readonly contentType: string;
  /** Resolves with the registry once the numbers of now can be collected from it. */
  readonly read: () => Promise<Registry>;
  readonly stop: () => void;
}

export function startMetrics(prom: PromClient, options: MetricsOptions): RunningMetrics {
  const registry = new prom.Registry();
  const instruments = createInstruments(prom, registry);
  const { commands = builtIn } = options;
  const meter = createLoopDelayMeter();
  const readings: Readings = {
    stats: options.stats(),
    unfinished: { count: 0, bytes: 0 },
    delay: meter.take(),
    engines: options.engines?.() ?? null,
    changes: null,
  };
  // The order of these is the order of the metrics in the text.
  const known = new Set(commands.map(({ cmd }) => cmd));
  const counts = addServerMetrics(prom, registry, instruments, readings, known);
  if (options.unfinished !== undefined) addUploadMetrics(instruments, readings);
  addEngineMetrics(instruments, readings);
  if (options.deciding !== undefined) addAcceptMetrics(instruments, options.deciding);
  const reports$ = options.deliveries?.reports$;
  const counting = reports$ && addChangeMetrics(prom, registry, instruments, readings, reports$);
  addDelayMetrics(instruments, readings);
  new prom.Gauge({
    name: 'sluice_info',
    help: 'Always 1; the version is its label.',
    labelNames: ['version'],
    registers: [registry],
    aggregator: 'first',
  }).set({ version }, 1);
  addProcessMetrics(instruments);
  const subscription = options.events$.subscribe({
    next: (event) => countEvent(counts, event),
    // The caller that runs the server reports its error.
    error: () => {},
  });
  return {
    contentType: registry.contentType,
    read: async () => {
      await readNumbers(readings, options, meter);
      return registry;
    },
    stop: () => {
      subscription.unsubscribe();
      counting?.unsubscribe();
      meter.stop();
    },
  };
}

async function readNumbers(
  readings: Readings,
  options: MetricsOptions,
  meter: LoopDelayMeter,
): Promise<void> {
  if (options.unfinished !== undefined) readings.unfinished = await options.unfinished();
  readings.stats = options.stats();
  readings.delay = meter.take();
  readings.engines = options.engines?.() ?? null;
  readings.changes = (await options.deliveries?.status()) ?? null;
}
