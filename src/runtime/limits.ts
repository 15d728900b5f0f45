/** What bounds a server. Every queue in it is bounded by one of these. */
import type { Marks } from './credit.ts';
import type { Silence } from './patience.ts';

export interface Limits {
  /** The most bytes of JSON in a request's header. */
  readonly headerBytes: number;
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
  openRequests: 256,
  window: { high: 4 * MiB, low: 2 * MiB },
  budget: { high: 128 * MiB, low: 96 * MiB },
  silence: { longest: 400, shortest: 100, inFrame: 1_000 },
  linger: 5_000,
  grace: 10_000,
};
