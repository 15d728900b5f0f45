/** What all connections of a server have done together; plain numbers, added to as it happens. */

export interface Counters {
  /** Bytes taken off connections. */
  received: number;
  /** Bytes handed to the operating system to be sent. */
  sent: number;
  /** Requests begun or refused. */
  requests: number;
}

export const createCounters = (): Counters => ({ received: 0, sent: 0, requests: 0 });
