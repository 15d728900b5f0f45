/** The metrics of events that are delivered to sinks. */
import type { Registry } from 'prom-client';
import type { Observable, Subscription } from 'rxjs';
import type { ChangeLogStatus, SinkStatus } from '../../store/changes/change-log.ts';
import type { DeliveryReport } from '../sinks/sink.ts';
import type { Instruments, PromClient } from './instruments.ts';

/** Where the metrics of events come from. */
export interface DeliveryReadings {
  /** Reads the state of the log, at each scrape: `ChangeLog.status`, say. */
  readonly status: () => Promise<ChangeLogStatus>;
  /** What comes of the deliveries. Subscribed to at once and once, so it must be shared. */
  readonly reports$: Observable<DeliveryReport>;
}

/** What is read at a scrape. */
export interface ChangeReadings {
  /** Null when nobody gets events. */
  changes: ChangeLogStatus | null;
}

/** Counts from now on, until it is unsubscribed from. */
export function addChangeMetrics(
  prom: PromClient,
  registry: Registry,
  { gauge, counter, table }: Instruments,
  readings: ChangeReadings,
  reports$: Observable<DeliveryReport>,
): Subscription {
  const bySink = (name: string, help: string, read: (status: SinkStatus) => number) => {
    new prom.Gauge({
      name,
      help,
      labelNames: ['sink'],
      registers: [registry],
      // Each node over engines knows of all.
      aggregator: 'max',
      collect() {
        this.reset();
        for (const sink of readings.changes?.sinks ?? []) this.set({ sink: sink.sink }, read(sink));
      },
    });
  };
  bySink('sluice_events_pending', 'Events that a sink has not got yet.', ({ pending }) => pending);
  bySink(
    'sluice_events_oldest_pending_seconds',
    'How long the oldest of them has waited; 0 when there is none.',
    ({ oldest }) => (oldest === null ? 0 : Math.max(0, (Date.now() - oldest) / 1e3)),
  );
  bySink(
    'sluice_events_dead_letters',
    'Events that a sink has refused for good.',
    ({ deadLetters }) => deadLetters,
  );
  gauge('sluice_events_log_bytes', 'Bytes of the log of events.', () => readings.changes?.bytes ?? 0);
  counter(
    'sluice_events_dropped_total',
    'Changes without an event, since the log was full and is not to refuse them.',
    () => readings.changes?.dropped ?? 0,
  );
  const count = table('sluice_event_deliveries_total', 'Tries to deliver events, by sink and outcome.', [
    'sink',
    'outcome',
  ]);
  return reports$.subscribe({
    next: ({ sink, type }) => count(sink, type),
    // Who delivers reports its error.
    error: () => {},
  });
}
