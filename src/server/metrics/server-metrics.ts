/** The metrics of a server: their names, and how each event counts. */
import type { Histogram, Registry } from 'prom-client';
import { catalogue } from '../../files/protocol/errors.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import type { ServerEvent } from '../event.ts';
import type { ServerStats, Unfinished } from '../status.ts';
import type { Instruments, PromClient } from './instruments.ts';
import type { LoopDelay } from './loop-delay.ts';

/** The numbers that are read once for each scrape. */
export interface Readings {
  stats: ServerStats;
  unfinished: Unfinished;
  delay: LoopDelay;
  /** Null when the store has no engines. */
  engines: EnginesStatus | null;
}

/** The counts of events so far. Each function counts one. */
export interface EventCounts {
  /** The commands that have a label of their own. All others count as `other`. */
  readonly commands: ReadonlySet<string>;
  readonly countClosed: (fault: string) => void;
  readonly countTurnedAway: (code: string) => void;
  readonly countRequest: (cmd: string, outcome: string) => void;
  /** By command. Kept here, since prom-client builds a string each time it looks for a label. */
  readonly durations: ReadonlyMap<string, Histogram.Internal<'cmd'>>;
  readonly plain: PlainCounts;
}

interface PlainCounts {
  opened: number;
  cut: number;
  acceptFailed: number;
  internalErrors: number;
  files: number;
  bytes: number;
  wrongTokens: number;
  slowed: number;
}

/** Seconds, from a small file on a fast disk to a large one over a slow line. */
const DURATION_BUCKETS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600,
];

/** Adds the metrics of connections, requests and traffic, in the order in which the text shows them. */
export function addServerMetrics(
  prom: PromClient,
  registry: Registry,
  instruments: Instruments,
  readings: Readings,
  commands: ReadonlySet<string>,
): EventCounts {
  const plain: PlainCounts = {
    opened: 0,
    cut: 0,
    acceptFailed: 0,
    internalErrors: 0,
    files: 0,
    bytes: 0,
    wrongTokens: 0,
    slowed: 0,
  };
  const connections = addConnectionMetrics(instruments, readings, plain);
  const countRequest = instruments.table(
    'sluice_requests_total',
    'Requests answered, by command and outcome: served, or the error code.',
    ['cmd', 'outcome'],
  );
  const duration = new prom.Histogram({
    name: 'sluice_request_duration_seconds',
    help: 'From the header of a request to its answer, by command.',
    labelNames: ['cmd'],
    buckets: DURATION_BUCKETS_S,
    registers: [registry],
  });
  const durations = new Map([...commands, 'other'].map((cmd) => [cmd, duration.labels(cmd)]));
  addTrafficMetrics(instruments, readings, plain);
  return { commands, ...connections, countRequest, durations, plain };
}

function addConnectionMetrics(
  { counter, gauge, table }: Instruments,
  readings: Readings,
  plain: PlainCounts,
) {
  gauge('sluice_connections_open', 'Connections that are open.', () => readings.stats.connections);
  counter('sluice_connections_opened_total', 'Connections that were accepted.', () => plain.opened);
  const countClosed = table(
    'sluice_connections_closed_total',
    'Connections that are over, by the fault; none: in good order.',
    ['fault'],
  );
  const countTurnedAway = table(
    'sluice_connections_turned_away_total',
    'Connections that were not let in, by code.',
    ['code'],
  );
  counter(
    'sluice_connections_cut_total',
    'Connections cut off when the grace time was over.',
    () => plain.cut,
  );
  counter(
    'sluice_accept_failures_total',
    'Connections that could not be accepted.',
    () => plain.acceptFailed,
  );
  counter('sluice_wrong_tokens_total', "Tokens that were nobody's.", () => plain.wrongTokens);
  counter(
    'sluice_slowed_tokens_total',
    'Tokens that were looked at later, since many from their address were wrong.',
    () => plain.slowed,
  );
  return { countClosed, countTurnedAway };
}

function addTrafficMetrics({ counter, gauge }: Instruments, readings: Readings, plain: PlainCounts): void {
  counter('sluice_received_bytes_total', 'Bytes received from peers.', () => readings.stats.received);
  counter('sluice_sent_bytes_total', 'Bytes sent to peers.', () => readings.stats.sent);
  counter('sluice_stored_files_total', 'Files that were stored.', () => plain.files);
  counter('sluice_stored_bytes_total', 'Bytes of the files that were stored.', () => plain.bytes);
  gauge(
    'sluice_unsettled_bytes',
    'Credit taken and not given back: bytes in memory for peers.',
    () => readings.stats.unsettled,
  );
  counter('sluice_bugs_total', 'What was thrown and should not have been.', () => plain.internalErrors);
}

export function addUploadMetrics({ gauge }: Instruments, readings: Readings): void {
  // Each process knows of all that are in the store.
  gauge('sluice_unfinished_uploads', 'Uploads that can be resumed.', () => readings.unfinished.count, 'max');
  gauge(
    'sluice_unfinished_upload_bytes',
    'What has arrived of uploads that can be resumed.',
    () => readings.unfinished.bytes,
    'max',
  );
}

export function addDelayMetrics({ gauge }: Instruments, readings: Pick<Readings, 'delay'>): void {
  for (const statistic of ['p50', 'p99', 'max'] as const) {
    const what = statistic === 'max' ? 'The longest delay' : `The delay (${statistic})`;
    gauge(
      `sluice_event_loop_delay_${statistic}_seconds`,
      `${what} of the event loop since the last scrape.`,
      () => readings.delay[statistic],
      'max',
    );
  }
}

export function countEvent(counts: EventCounts, event: ServerEvent): void {
  const { plain } = counts;
  switch (event.type) {
    case 'stored':
      plain.files++;
      plain.bytes += event.size;
      return;
    case 'served':
      return countAnswer(counts, event.cmd, 'served', event.ms);
    case 'refused': {
      const { code } = event.error;
      if (code === 'bad-token') plain.wrongTokens++;
      return countAnswer(counts, event.cmd, Object.hasOwn(catalogue, code) ? code : 'other', event.ms);
    }
    case 'opened':
      plain.opened++;
      return;
    case 'closed':
      return counts.countClosed(event.fault?.code ?? 'none');
    case 'turned-away':
      return counts.countTurnedAway(event.code);
    case 'slowed':
      plain.slowed++;
      return;
    case 'cut':
      plain.cut++;
      return;
    case 'accept-failed':
      plain.acceptFailed++;
      return;
    case 'internal-error':
      plain.internalErrors++;
  }
}

function countAnswer(
  { commands, countRequest, durations }: EventCounts,
  cmd: string | undefined,
  outcome: string,
  ms: number,
): void {
  const label = cmd !== undefined && commands.has(cmd) ? cmd : 'other';
  countRequest(label, outcome);
  durations.get(label)!.observe(ms / 1e3);
}
