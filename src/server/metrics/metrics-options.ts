/** What metrics are made of, and what they are. */
import type { Observable } from 'rxjs';
import type { AcceptCounts } from '../../store/accept/with-accept.ts';
import type { EnginesStatus } from '../../store/s3/engines-status.ts';
import type { ServerEvent } from '../event.ts';
import type { ServerStats, Unfinished } from '../status.ts';
import type { DeliveryReadings } from './change-metrics.ts';

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
  /** Reads what was decided about new files (`acceptCounts` of what `withAccept` makes), at each scrape; default nobody decides. */
  readonly deciding?: (() => AcceptCounts) | undefined;
  /** Reads what became of the events of files; default nobody gets them. @internal */
  readonly deliveries?: DeliveryReadings | undefined;
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
