/** What bounds a server. Every queue in it is bounded by one of these. */
import type { Marks } from './credit.ts';
import type { Silence } from './patience.ts';

/** How long a peer is waited for, in milliseconds; `Infinity` for ever. Then: `timed-out`, and the connection ends. */
export interface Deadlines {
  /** For the first bytes of a connection. */
  readonly firstBytes: number;
  /** For the rest of a header, from its first byte on. */
  readonly header: number;
  /** In this time at least `bodyBytes` of a body must arrive, or its end. Time in which we do not read does not count. */
  readonly body: number;
  readonly bodyBytes: number;
  /** For the next request, when all are answered. */
  readonly idle: number;
  /** For the peer to take something of what we sent. */
  readonly unread: number;
}

export interface Limits {
  /** The most bytes of JSON in a request's header. */
  readonly headerBytes: number;
  /** Bytes of one file. Beyond: `too-large`. */
  readonly fileBytes: number;
  /** Connections at once. Beyond: `too-many-connections`. */
  readonly connections: number;
  /** The same from one address; connections that have none (Unix sockets) are not counted. */
  readonly connectionsPerAddress: number;
  /**
   * Requests begun in a second, all connections together; `Infinity` for no bound. Beyond it nothing is refused: reading
   * slows down, in turns that are fair between the connections. So it is with bytes received.
   */
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly deadlines: Deadlines;
  /** Requests of one connection that may be unanswered at once. */
  readonly openRequests: number;
  /** Unsettled bytes of one connection at which reading pauses, and below which it resumes. */
  readonly window: Marks;
  /** The same over all connections together. */
  readonly budget: Marks;
  /** What is a silence of a peer that has not shown to read replies: then it is sent them. */
  readonly silence: Silence;
  /** Milliseconds to wait for the peer to end its side, once ours is ended. */
  readonly linger: number;
  /** Milliseconds that running requests have to finish when the server shuts down. */
  readonly grace: number;
}

const MiB = 1024 * 1024;

export const defaultLimits: Limits = {
  headerBytes: 64 * 1024,
  fileBytes: 1024 ** 4,
  connections: 10_000,
  connectionsPerAddress: 8_000,
  requestsPerSecond: Number.POSITIVE_INFINITY,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  deadlines: {
    firstBytes: 120_000,
    header: 30_000,
    body: 30_000,
    bodyBytes: 1024,
    idle: 600_000,
    unread: 300_000,
  },
  openRequests: 256,
  window: { high: 4 * MiB, low: 2 * MiB },
  budget: { high: 128 * MiB, low: 96 * MiB },
  silence: { longest: 1_000, shortest: 500, inFrame: 5_000 },
  linger: 5_000,
  grace: 10_000,
};
