/**
 * The metrics of a server for Prometheus.
 *
 * The subscriber counts events in plain numbers, and prom-client reads them only at a scrape, since ten
 * thousand small files a second pass through here. Labels are bounded: a command is one that the server
 * knows, or `other`; an outcome is `served`, a code of the catalogue, or `other`.
 *
 * prom-client is an optional peer dependency. Only this module imports it, when metrics are asked for.
 */
import type { Observable } from 'rxjs';
import { catalogue } from '../../files/protocol/errors.ts';
import { version } from '../../files/protocol/version.ts';
import { commands as builtIn } from '../../files/session/dispatch.ts';
import type { ServerEvent } from '../event.ts';
import type { ServerStats, Unfinished } from '../stats.ts';
import { createInstruments, type PromClient } from './instruments.ts';
import { meterLoopDelay } from './loop-delay.ts';
import { addProcessMetrics } from './process-metrics.ts';

export interface MetricsOptions {
  /**
   * The events of the server. They are subscribed to at once and once, so they must be shared, as a `Subject`
   * is.
   */
  readonly events$: Observable<ServerEvent>;
  /** Read at each scrape. */
  readonly stats: () => ServerStats;
  /** Read at each scrape; absent when the store cannot say. */
  readonly unfinished?: (() => Unfinished | Promise<Unfinished>) | undefined;
  /** The commands that get a label of their own; default: all of Sluice's own. */
  readonly commands?: readonly { readonly cmd: string }[] | undefined;
}

export interface Metrics {
  /** The media type of the text. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. Concurrent calls share one answer. */
  readonly text: () => Promise<string>;
  /** Stops counting and measuring. */
  readonly stop: () => void;
}

export type MetricsOutcome =
  | { readonly ok: true; readonly value: Metrics }
  | { readonly ok: false; readonly error: NoPromClient };

export interface NoPromClient {
  readonly code: 'no-prom-client';
  readonly message: string;
}

/** Seconds, from a small file on a fast disk to a large one over a slow line. */
const DURATION_BUCKETS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600,
];

/**
 * Counts from now on, in a registry of its own.
 *
 * @example
 * const events$ = new Subject<ServerEvent>();
 * const metrics = await createMetrics({ events$, stats });
 * if (metrics.ok) console.log(await metrics.value.text());
 */
export async function createMetrics(options: MetricsOptions): Promise<MetricsOutcome> {
  let prom: PromClient;
  try {
    prom = await import('prom-client');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    const message = 'metrics need prom-client, which is not installed: npm install prom-client';
    return { ok: false, error: { code: 'no-prom-client', message } };
  }
  return { ok: true, value: startMetrics(prom, options) };
}

function startMetrics(prom: PromClient, options: MetricsOptions): Metrics {
  const registry = new prom.Registry();
  const registers = [registry];
  const { commands = builtIn } = options;
  const known = new Set(commands.map(({ cmd }) => cmd));
  const cmdOf = (cmd: string | undefined) => (cmd !== undefined && known.has(cmd) ? cmd : 'other');
  const outcomeOf = (code: string) => (Object.hasOwn(catalogue, code) ? code : 'other');

  const instruments = createInstruments(prom, registry);
  const { counter, gauge, table } = instruments;

  const counts = {
    opened: 0,
    cut: 0,
    acceptFailed: 0,
    bugs: 0,
    files: 0,
    bytes: 0,
    wrongTokens: 0,
    slowed: 0,
  };
  let stats = options.stats();
  let unfinished: Unfinished = { count: 0, bytes: 0 };

  gauge('sluice_connections_open', 'Connections that are open.', () => stats.connections);
  counter('sluice_connections_opened_total', 'Connections that were accepted.', () => counts.opened);
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
    () => counts.cut,
  );
  counter(
    'sluice_accept_failures_total',
    'Connections that could not be accepted.',
    () => counts.acceptFailed,
  );
  counter('sluice_wrong_tokens_total', "Tokens that were nobody's.", () => counts.wrongTokens);
  counter(
    'sluice_slowed_tokens_total',
    'Tokens that were looked at later, since many from their address were wrong.',
    () => counts.slowed,
  );
  const countRequest = table(
    'sluice_requests_total',
    'Requests answered, by command and outcome: served, or the error code.',
    ['cmd', 'outcome'],
  );
  const duration = new prom.Histogram({
    name: 'sluice_request_duration_seconds',
    help: 'From the header of a request to its answer, by command.',
    labelNames: ['cmd'],
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  counter('sluice_received_bytes_total', 'Bytes received from peers.', () => stats.received);
  counter('sluice_sent_bytes_total', 'Bytes sent to peers.', () => stats.sent);
  counter('sluice_stored_files_total', 'Files that were stored.', () => counts.files);
  counter('sluice_stored_bytes_total', 'Bytes of the files that were stored.', () => counts.bytes);
  gauge(
    'sluice_unsettled_bytes',
    'Credit taken and not given back: bytes in memory for peers.',
    () => stats.unsettled,
  );
  counter('sluice_bugs_total', 'What was thrown and should not have been.', () => counts.bugs);
  if (options.unfinished !== undefined) {
    gauge('sluice_unfinished_uploads', 'Uploads that can be resumed.', () => unfinished.count);
    gauge(
      'sluice_unfinished_upload_bytes',
      'What has arrived of uploads that can be resumed.',
      () => unfinished.bytes,
    );
  }
  const meter = meterLoopDelay();
  let delay = meter.take();
  for (const statistic of ['p50', 'p99', 'max'] as const) {
    const what = statistic === 'max' ? 'The longest delay' : `The delay (${statistic})`;
    gauge(
      `sluice_event_loop_delay_${statistic}_seconds`,
      `${what} of the event loop since the last scrape.`,
      () => delay[statistic],
    );
  }
  new prom.Gauge({
    name: 'sluice_info',
    help: 'Always 1; the version is its label.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  addProcessMetrics(instruments);

  const timers = new Map([...known, 'other'].map((cmd) => [cmd, duration.labels(cmd)]));
  const countAnswer = (cmd: string, outcome: string, ms: number) => {
    countRequest(cmd, outcome);
    timers.get(cmd)!.observe(ms / 1e3);
  };
  function count(event: ServerEvent): void {
    switch (event.type) {
      case 'stored':
        counts.files++;
        counts.bytes += event.size;
        return;
      case 'served':
        return countAnswer(cmdOf(event.cmd), 'served', event.ms);
      case 'refused':
        if (event.error.code === 'bad-token') counts.wrongTokens++;
        return countAnswer(cmdOf(event.cmd), outcomeOf(event.error.code), event.ms);
      case 'opened':
        counts.opened++;
        return;
      case 'closed':
        return countClosed(event.fault?.code ?? 'none');
      case 'turned-away':
        return countTurnedAway(event.code);
      case 'slowed':
        counts.slowed++;
        return;
      case 'cut':
        counts.cut++;
        return;
      case 'accept-failed':
        counts.acceptFailed++;
        return;
      case 'internal-error':
        counts.bugs++;
    }
  }
  // The caller that runs the server reports its error.
  const subscription = options.events$.subscribe({ next: count, error: () => {} });

  async function scrape(): Promise<string> {
    if (options.unfinished !== undefined) unfinished = await options.unfinished();
    stats = options.stats();
    delay = meter.take();
    return await registry.metrics();
  }
  let scraping: Promise<string> | null = null;
  return {
    contentType: registry.contentType,
    text: () => {
      scraping ??= scrape().finally(() => {
        scraping = null;
      });
      return scraping;
    },
    stop: () => {
      subscription.unsubscribe();
      meter.stop();
    },
  };
}
