/** How a server is now: plain numbers, cheap to read at any time. */

export interface ServerStats {
  /** Connections that are open. */
  readonly connections: number;
  /** Bytes received and sent, requests begun or refused, since it started. */
  readonly received: number;
  readonly sent: number;
  readonly requests: number;
  /** Bytes of credit that are not settled, over all connections. */
  readonly unsettled: number;
}

/** Uploads that are under way or were broken off, and can be resumed. */
export interface Unfinished {
  readonly count: number;
  /** What has arrived of them, together. */
  readonly bytes: number;
}
