/** Who gets the events of a log of changes. */
import type { ChangeEvent } from '../../store/changes/change-log.ts';

/** What came of a delivery. */
export type DeliveryAnswer =
  | { readonly type: 'delivered' }
  /** It may succeed later; with `afterMs`, the sink wants nothing at all for so long. */
  | { readonly type: 'failed'; readonly reason: string; readonly afterMs?: number }
  /** It never will. */
  | { readonly type: 'refused'; readonly reason: string };

export interface EventSink {
  /** As the log knows it. */
  readonly name: string;
  /** Events that are delivered at once, of different names. */
  readonly concurrency: number;
  /**
   * Delivers an event, in bounded time. What it rejects with counts as `failed`.
   *
   * @param signal aborted when the delivery is given up. The answer is not used then.
   */
  deliver(event: ChangeEvent, signal: AbortSignal): Promise<DeliveryAnswer>;
  /** Releases what it holds. */
  close?(): void;
}

/** What a delivery came to, for the log of the server and its metrics. */
export interface DeliveryReport {
  readonly type: DeliveryAnswer['type'];
  readonly sink: string;
  readonly event: ChangeEvent;
  /** From 1, since this process tries. */
  readonly attempt: number;
  /** Why it was not delivered. */
  readonly reason?: string;
  /** Milliseconds until the next try, when there is one. */
  readonly nextMs?: number;
}

export const DELIVERED: DeliveryAnswer = { type: 'delivered' };
export const failed = (reason: string, afterMs?: number): DeliveryAnswer =>
  afterMs === undefined ? { type: 'failed', reason } : { type: 'failed', reason, afterMs };
