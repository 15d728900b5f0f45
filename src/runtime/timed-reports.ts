/** What happened to a request, with which one it was and how long it took. */
import type { Report } from '../session/effect.ts';

/** A report of a session, as the runtime tells it. */
export type TimedReport = Report & {
  /** The number of the request in its connection, from 1. */
  readonly request: number;
  /** Milliseconds since its header was taken up, to the microsecond. */
  readonly ms: number;
};

export interface RequestTimes {
  /** To be called with the number of the next request, after each step. */
  readonly upTo: (next: number) => void;
  /** Milliseconds since a request began. */
  readonly since: (request: number) => number;
  /** To be called with the number of the oldest open request. */
  readonly forget: (before: number) => void;
}

/** Bounded by the requests that are open at once: their numbers are contiguous. */
export function createRequestTimes(now: () => number): RequestTimes {
  let began: number[] = [];
  let first = 1;
  return {
    upTo: (next) => {
      while (first + began.length < next) began.push(now());
    },
    since: (request) => Math.round((now() - (began[request - first] ?? now())) * 1000) / 1000,
    forget: (before) => {
      if (before - first < 64 && before < first + began.length) return;
      began = began.slice(before - first);
      first = before;
    },
  };
}
