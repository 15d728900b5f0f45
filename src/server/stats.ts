/** What a server can be asked for at any time, as plain numbers: for metrics, health and the status line. */

/** Read as often as one likes: it costs a few additions. Counts are since the server began. */
export interface ServerStats {
  /** Connections that are open now. */
  readonly connections: number;
  /** Requests begun, refused ones included. */
  readonly requests: number;
  /** Bytes taken off the connections. */
  readonly received: number;
  /** Bytes handed to the connections. */
  readonly sent: number;
  /** Bytes of credit that are taken and not given back yet: what is in memory for the peers. */
  readonly unsettled: number;
}

/** Uploads that were broken off, or are under way, and can be resumed. */
export interface Unfinished {
  readonly count: number;
  /** What has arrived of them, together. */
  readonly bytes: number;
}
