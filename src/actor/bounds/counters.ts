/** Totals over all connections of a server, added to as things happen. */

export interface Counters {
  /** Bytes taken off connections. */
  received: number;
  /** Bytes that the operating system has taken to be sent. */
  sent: number;
  /** Requests begun or refused. */
  requests: number;
}

export const createCounters = (): Counters => ({ received: 0, sent: 0, requests: 0 });
