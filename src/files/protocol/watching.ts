/**
 * What is said to a page that watches a server, as JSON, one message a line (see the table in `src/server/README.md`).
 * The server alone speaks.
 */

/**
 * What a connection waits for; null when it waits for nothing:
 *
 * - `memory`: the memory for all connections is used up; `rate`: the limit of bytes or requests a second is reached.
 * - `turn`: it is another connection's turn; `files`: too many files are open, or the store has not opened its own.
 * - `request`: an earlier request of its own must be answered first.
 * - `store`: the store has not taken, or not read, what comes next.
 * - `reader`: the peer does not read what it is sent; `sender`: it does not send the rest of what it has begun.
 */
export type WaitsFor =
  | 'memory'
  | 'rate'
  | 'turn'
  | 'files'
  | 'request'
  | 'store'
  | 'reader'
  | 'sender'
  | null;

/** A connection as it was when it was looked at last. */
export interface ConnectionRow {
  readonly id: string;
  readonly remote: string;
  /** The principal's name, '' for the anonymous one; null when the peer has not said who it is. */
  readonly name: string | null;
  /** When it was opened, in milliseconds since 1970. */
  readonly since: number;
  /** Bytes so far, and bytes a second since the last look. */
  readonly received: number;
  readonly sent: number;
  readonly receivedRate: number;
  readonly sentRate: number;
  /** Requests that are not answered. */
  readonly open: number;
  /** The command that it is at; null when it is at none. */
  readonly cmd: string | null;
  /** The file of that, cut to `SHOWN_NAME_MAX` characters; null when it has none. */
  readonly filename: string | null;
  /** How far a transfer is, and of how much, in bytes of the file; null when it is none. */
  readonly at: number | null;
  readonly size: number | null;
  readonly waits: WaitsFor;
}

/** Longer names end with an ellipsis. */
export const SHOWN_NAME_MAX = 200;

/** A request that was refused. */
export interface ShownRefusal {
  /** Counts up: the same one may be said twice. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly connection: string;
  readonly remote: string;
  /** As in `ConnectionRow`. */
  readonly name: string | null;
  readonly cmd: string | null;
  readonly filename: string | null;
  readonly code: string;
  readonly message: string;
}

/** Milliseconds: the median and the 99th percentile, to a fifth of them. */
export interface ShownLatency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** How many bytes of a quota are used; `used` is null while they are counted. */
export interface ShownQuota {
  readonly prefix: string;
  readonly bytes: number;
  readonly used: number | null;
}

/** How far somebody is who gets the events of files. */
export interface ShownSink {
  readonly sink: string;
  /** Events that it has not got. */
  readonly pending: number;
  /** When the first of them happened, in milliseconds since 1970. */
  readonly oldest: number | null;
  /** Events that it has refused for good. */
  readonly deadLetters: number;
}

/** The numbers of one moment that are drawn over time. Null: there was nothing to measure. */
export interface Point {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly connections: number;
  /** A second, since the point before. */
  readonly received: number;
  readonly sent: number;
  readonly requests: number;
  readonly refused: number;
  /** Milliseconds of the requests that were answered since the point before. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Milliseconds: the event loop's delay, 99th percentile, since the point before. */
  readonly loop: number;
  /** Bytes. */
  readonly rss: number;
  readonly heap: number;
  readonly unsettled: number;
}

/** The state of the store, and what bounds the server. Null: it is not known. */
export interface ShownHealth {
  readonly status: 'ok' | 'starting' | 'draining' | 'unwritable';
  /** Why it cannot be written to. */
  readonly why: string | null;
  /** Bytes of the disk. */
  readonly disk: { readonly free: number; readonly size: number } | null;
  readonly engines: {
    readonly postgresql: ShownEngine & { readonly busy: number };
    readonly s3: ShownEngine;
  } | null;
}

export interface ShownEngine {
  readonly connections: number;
  readonly waiting: number;
  /** Milliseconds of the last answer. */
  readonly latencyMs: number | null;
}

export interface Unfinished {
  readonly count: number;
  readonly bytes: number;
}

export interface ShownWorker {
  /** From 1. */
  readonly number: number;
  readonly of: number;
}

/** What is said once, at first. */
export interface WatchOpening {
  readonly type: 'opening';
  readonly version: string;
  /** When the server began, in milliseconds since 1970. */
  readonly since: number;
  readonly limits: { readonly connections: number | null; readonly memory: number };
  /** Of a server of several processes: the one that says all this, of itself alone. Its limit of connections is that of all. */
  readonly worker?: ShownWorker;
  /** The last points, oldest first. */
  readonly history: readonly Point[];
  /** The last refusals, oldest first. */
  readonly refusals: readonly ShownRefusal[];
}

/** What is said once a second. */
export interface WatchSample {
  readonly type: 'sample';
  readonly point: Point;
  /** Since the server began: how often a command had an outcome, `served` or an error code. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Over the last minute, by command. */
  readonly latencies: Readonly<Record<string, ShownLatency>>;
  readonly unfinished: Unfinished | null;
  readonly health: ShownHealth;
  /** The fullest quotas. */
  readonly quotas: readonly ShownQuota[];
  /** Who gets the events of files. Absent: nobody does. */
  readonly sinks?: readonly ShownSink[];
  /** Those since the last sample, oldest first. */
  readonly refusals: readonly ShownRefusal[];
}

/**
 * What has changed in the table of connections. A row stands for a connection that is new, or has changed. In a pass,
 * every connection has a row: what had none from the message that begins a pass to the one that ends it is gone.
 */
export interface WatchConnections {
  readonly type: 'connections';
  /** Contiguous: a page that misses one has missed some of the table, and another pass follows. */
  readonly seq: number;
  readonly rows: readonly ConnectionRow[];
  /** The ids of those that are over. */
  readonly gone: readonly string[];
  readonly pass: 'begins' | 'goes-on' | 'ends' | 'all' | null;
}

/** What is said to one that may not watch: there are too many, or the right was taken away. */
export interface WatchRefused {
  readonly type: 'refused';
  readonly why: string;
}

export type WatchMessage = WatchOpening | WatchSample | WatchConnections | WatchRefused;
