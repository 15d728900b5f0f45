/** The numbers that a server can be asked for at any time, for metrics, health and the status line. */

/** Reading them costs a few additions, so they may be read often. Counts begin with the server. */
export interface ServerStats {
  /** Connections that are open now. */
  readonly connections: number;
  /** Requests begun, refused ones included. */
  readonly requests: number;
  /** Bytes received from the connections. */
  readonly received: number;
  /** Bytes passed to the connections. */
  readonly sent: number;
  /** Bytes of credit that are charged and not credited yet: the bytes in memory for peers. */
  readonly unsettled: number;
}

/** Uploads that broke off or are under way, and can be resumed. */
export interface Unfinished {
  readonly count: number;
  /** The bytes that have arrived of all of them together. */
  readonly bytes: number;
}
