/**
 * The metrics of several processes as one text: counters and histograms are added up, and so are gauges, but for those of
 * which the sum means nothing: of delays the longest counts, say.
 *
 * What a process had counted when it was last looked at stays in the sums when it is gone, so that they never fall.
 */
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import { addChangeMetrics, type ChangeReadings, type DeliveryReadings } from './change-metrics.ts';
import { createInstruments, type PromClient } from './instruments.ts';
import { createLoopDelayMeter } from './loop-delay.ts';
import type { Metrics } from './metrics-options.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { shareCalls } from './running-metrics.ts';
import { addDelayMetrics } from './server-metrics.ts';

/** The metrics of a process: what `getMetricsAsJSON` of its registry gives. */
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export interface JoinedMetricsOptions {
  /** Reads those of all processes that answer, by their numbers. */
  readonly read: () => Promise<ReadonlyMap<number, MetricsSnapshot>>;
  readonly workers: () => number;
  /** How many workers have ended that were to go on. */
  readonly ended: () => number;
  /** The events of files that this process delivers; null when nobody gets them. */
  readonly deliveries?: DeliveryReadings | null;
}

export interface JoinedMetrics extends Metrics {
  /** A process is gone: another one of that number counts from 0. */
  readonly left: (number: number) => void;
}

export function joinMetrics(prom: PromClient, options: JoinedMetricsOptions): JoinedMetrics {
  const own = ownMetrics(prom, options);
  const last = new Map<number, MetricsSnapshot>();
  let gone: MetricsSnapshot = [];

  async function text(): Promise<string> {
    const now = await options.read();
    for (const [number, snapshot] of now) last.set(number, snapshot);
    await own.read();
    const all = [await own.registry.getMetricsAsJSON(), ...now.values(), gone];
    return await joined(prom, all).metrics();
  }

  return {
    contentType: own.registry.contentType,
    text: shareCalls(text),
    stop: own.stop,
    left: (number) => {
      const counted = (last.get(number) ?? []).filter(({ type }) => isCounted(type));
      last.delete(number);
      if (counted.length === 0) return;
      void joined(prom, [gone, counted])
        .getMetricsAsJSON()
        .then((sums) => {
          gone = sums;
        });
    },
  };
}

/** Of this process, which serves nobody. */
function ownMetrics(prom: PromClient, { workers, ended, deliveries }: JoinedMetricsOptions) {
  const registry = new prom.Registry();
  const instruments = createInstruments(prom, registry);
  const meter = createLoopDelayMeter();
  instruments.gauge('sluice_workers', 'Processes that serve.', workers);
  instruments.counter('sluice_workers_ended_total', 'Such processes that have died.', ended);
  addDelayMetrics(instruments, {
    get delay() {
      return meter.take();
    },
  });
  const readings: ChangeReadings = { changes: null };
  const counting = deliveries && addChangeMetrics(prom, registry, instruments, readings, deliveries.reports$);
  addProcessMetrics(instruments);
  return {
    registry,
    read: async () => {
      readings.changes = (await deliveries?.status()) ?? null;
    },
    stop: () => {
      counting?.unsubscribe();
      meter.stop();
    },
  };
}

/** As prom-client types them: names in its own code, and numbers where a bundler has made them so. */
const isCounted = (type: unknown): boolean => type === 'counter' || type === 'histogram';

/** A gauge that a process does not know is not a number there; what the others know counts. */
const known = (snapshot: MetricsSnapshot): MetricsSnapshot =>
  snapshot.map((metric) => ({
    ...metric,
    values: metric.values.filter(({ value }) => !Number.isNaN(value)),
  }));

const joined = ({ AggregatorRegistry }: PromClient, snapshots: readonly MetricsSnapshot[]) =>
  AggregatorRegistry.aggregate(snapshots.map(known) as object[]);
