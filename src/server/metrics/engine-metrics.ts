/** The metrics of the engines behind a store of many nodes. */
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import type { Instruments } from './instruments.ts';
import type { Readings } from './server-metrics.ts';

const inSeconds = (milliseconds: number | null): number =>
  milliseconds === null ? Number.NaN : milliseconds / 1e3;

const asGauge = (isUp: boolean | null): number => (isUp === null ? Number.NaN : Number(isUp));

/** Adds none when the store has no engines. */
export function addEngineMetrics({ gauge, counter }: Instruments, readings: Readings): void {
  const first = readings.engines;
  if (first === null) return;
  const engines = (): EnginesStatus => readings.engines ?? first;
  gauge(
    'sluice_postgresql_up',
    'Whether the database answered when it was last asked (1 or 0).',
    () => asGauge(engines().postgresql.isUp),
    'min',
  );
  gauge(
    'sluice_postgresql_connections',
    'Connections to the database.',
    () => engines().postgresql.connections,
  );
  gauge(
    'sluice_postgresql_connections_busy',
    'Connections to the database that are in use.',
    () => engines().postgresql.busy,
  );
  gauge(
    'sluice_postgresql_waiting',
    'Calls that wait for a connection to the database.',
    () => engines().postgresql.waiting,
  );
  gauge(
    'sluice_postgresql_latency_seconds',
    'How long the last statement took.',
    () => inSeconds(engines().postgresql.latencyMs),
    'max',
  );
  gauge(
    'sluice_s3_up',
    'Whether the S3 store answered when it was last asked (1 or 0).',
    () => asGauge(engines().s3.isUp),
    'min',
  );
  gauge('sluice_s3_connections', 'Connections to the S3 store.', () => engines().s3.connections);
  gauge(
    'sluice_s3_waiting',
    'Requests that wait for a connection to the S3 store.',
    () => engines().s3.waiting,
  );
  gauge(
    'sluice_s3_latency_seconds',
    'How long the last request took until it was answered.',
    () => inSeconds(engines().s3.latencyMs),
    'max',
  );
  counter('sluice_s3_puts_total', 'Objects that were sent to the S3 store.', () => engines().s3.requests.PUT);
  counter('sluice_s3_gets_total', 'Objects that were asked of it.', () => engines().s3.requests.GET);
  counter('sluice_s3_deletes_total', 'Objects that were deleted.', () => engines().s3.requests.DELETE);
  counter('sluice_s3_lists_total', 'Lists of objects that were asked for.', () => engines().s3.requests.LIST);
  gauge(
    'sluice_store_memory_bytes',
    'Memory for bytes on their way to the S3 store.',
    () => engines().memoryBytes,
  );
  gauge(
    'sluice_store_garbage_files',
    'Contents that wait to be deleted, as the node knows that deletes them.',
    () => engines().garbage ?? Number.NaN,
    'max',
  );
}
