/**
 * The metrics of a server for Prometheus.
 *
 * The subscriber counts events in plain numbers, and prom-client reads them only at a scrape, since ten
 * thousand small files a second pass through here. Labels are bounded: a command is one that the server
 * knows, or `other`; an outcome is `served`, a code of the catalogue, or `other`.
 *
 * prom-client is an optional peer dependency. Only this module imports it, when metrics are asked for.
 */
import type { Registry } from 'prom-client';
import type { Observable } from 'rxjs';
import { version } from '../../files/protocol/version.ts';
import { commands as builtIn } from '../../files/session/dispatch.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import { checkOptions, FUNCTION, LIST, OBSERVABLE, optional } from '../../wire/argument.ts';
import type { ServerEvent } from '../event.ts';
import type { ServerStats, Unfinished } from '../status.ts';
import { addEngineMetrics } from './engine-metrics.ts';
import { createInstruments, type PromClient } from './instruments.ts';
import { createLoopDelayMeter, type LoopDelayMeter } from './loop-delay.ts';
import { addProcessMetrics } from './process-metrics.ts';
import {
  addDelayMetrics,
  addServerMetrics,
  addUploadMetrics,
  countEvent,
  type Readings,
} from './server-metrics.ts';

/** The sources that `createMetrics` counts and reads. `events$` and `stats` are needed. */
export interface MetricsOptions {
  /**
   * The events of the server. They are subscribed to at once and once, so they must be shared, as a `Subject`
   * is.
   */
  readonly events$: Observable<ServerEvent>;
  /** Reads the numbers of the server, at each scrape: what `serve` hands to its option `stats`, say. */
  readonly stats: () => ServerStats;
  /**
   * Reads how many unfinished uploads there are (`count`), and how many bytes have arrived of them (`bytes`), at each
   * scrape; default those are left out.
   */
  readonly unfinished?: (() => Unfinished | Promise<Unfinished>) | undefined;
  /** Reads the state of the engines of a store (`engines` of what `openS3Store` opens), at each scrape; default it has none. */
  readonly engines?: (() => EnginesStatus) | undefined;
  /** The commands that get a label of their own; default all of Sluice's own. Others count as one. */
  readonly commands?: readonly { readonly cmd: string }[] | undefined;
}

/** Metrics that count: what `createMetrics` makes, for a handler of `/metrics`. */
export interface Metrics {
  /** The media type of the text. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. Concurrent calls share one answer. */
  readonly text: () => Promise<string>;
  /** Stops counting and measuring. */
  readonly stop: () => void;
}

/** `createMetrics` resolves with the metrics; or, when the package `prom-client` is not installed, with the error. */
export type MetricsOutcome =
  | { readonly ok: true; readonly value: Metrics }
  | { readonly ok: false; readonly error: NoPromClient };

/** Why there are no metrics: the package `prom-client`, an optional one, is not installed. */
export interface NoPromClient {
  /** Always `no-prom-client`: there is one kind. */
  readonly code: 'no-prom-client';
  /** In words, with what to do. */
  readonly message: string;
}

const RULES = {
  events$: OBSERVABLE,
  stats: FUNCTION,
  unfinished: optional(FUNCTION),
  engines: optional(FUNCTION),
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
  };
  // The order of these is the order of the metrics in the text.
  const known = new Set(commands.map(({ cmd }) => cmd));
  const counts = addServerMetrics(prom, registry, instruments, readings, known);
  if (options.unfinished !== undefined) addUploadMetrics(instruments, readings);
  addEngineMetrics(instruments, readings);
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
}
