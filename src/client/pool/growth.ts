/**
 * How many connections a pool with `parallel: 'auto'` has: one more as long as that makes it faster.
 *
 *   what happened in a span of time                               next
 *   a connection was made, broke or waits; or nothing moved       it does not count: one more span
 *   the first that counts with one connection                     one connection more
 *   over a tenth faster than with one connection less             one connection more, up to 8, or parallelMax
 *   not that much faster                                          no more: those that there are stay
 *   the server did not let another in, or dropped it at once      no more
 *
 * So a transfer that is over soon never has a second connection.
 */
import { type Subscription, tap } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';

/** The most connections with `auto`, unless it is said how many. */
export const AUTO_CONNECTIONS_MAX = 8;

/** The most connections that there may be. */
export const mostConnections = (parallel: number | 'auto', parallelMax = AUTO_CONNECTIONS_MAX): number =>
  parallel === 'auto' ? parallelMax : parallel;

/** How much faster another connection must make it. */
const WORTH_IT = 1.1;

/** Milliseconds of a span. */
export const GROWTH_SPAN_MS = 500;

/** What the last spans have shown. */
export interface Growth {
  readonly connections: number;
  /** Bytes in a span with one connection less; null before the first that counts. */
  readonly before: number | null;
  readonly isSettled: boolean;
  /** The most connections. */
  readonly most: number;
}

export const NO_GROWTH: Growth = {
  ...{ connections: 1, before: null, isSettled: false, most: AUTO_CONNECTIONS_MAX },
};

/** Decides after a span. @param bytes what was sent and received; null when the span does not count. */
export function grown(growth: Growth, bytes: number | null): Growth {
  const { connections, before, isSettled, most } = growth;
  if (isSettled || bytes === null || bytes === 0) return growth;
  if (before !== null && bytes <= before * WORTH_IT) return { ...growth, isSettled: true };
  if (connections >= most) return { ...growth, isSettled: true };
  return { ...growth, connections: connections + 1, before: bytes };
}

/** The measuring of a pool. */
export interface GrowthState {
  growth: Growth;
  /** In this span. */
  bytes: number;
  /** Whether a connection was made or broke in this span. */
  isDisturbed: boolean;
  /** Ends the span; null while nothing is measured. */
  timer: Subscription | null;
}

export const createGrowth = (most: number): GrowthState => ({
  growth: { ...NO_GROWTH, most },
  bytes: 0,
  isDisturbed: true,
  timer: null,
});

/** Has the bytes of a connection count. */
export function counted(connection: Connection, state: GrowthState): Connection {
  return {
    ...connection,
    chunks$: connection.chunks$.pipe(
      tap((chunk) => {
        state.bytes += chunk.length;
      }),
    ),
    write: (chunks, settled) => {
      let bytes = 0;
      for (const chunk of chunks) bytes += chunk.length;
      connection.write(chunks, (fault) => {
        if (fault === undefined) state.bytes += bytes;
        settled(fault);
      });
    },
  };
}
