/** Adds to the reports of a session the number of the request, and how long it took. */
import type { RequestReport } from '../session/effect.ts';

/** A `RequestReport` with the number of the request and how long it took, as a server emits it. */
export type TimedReport = RequestReport & {
  /** The number of the request in its connection, from 1. */
  readonly request: number;
  /** Milliseconds since its header was read, to the microsecond. */
  readonly ms: number;
};

/**
 * The reports that are made for every request are written out field by field: a spread of objects of several shapes
 * costs more than everything else in a report.
 */
export function withTiming(report: RequestReport, request: number, ms: number): TimedReport {
  if (report.type === 'stored') {
    const { type, filename, size, crc32, durable, id } = report;
    if (id === undefined) return { type, filename, size, crc32, durable, request, ms };
    return { type, filename, size, crc32, durable, id, request, ms };
  }
  if (report.type === 'served') {
    const { type, cmd, filename, id } = report;
    if (filename === undefined)
      return id === undefined ? { type, cmd, request, ms } : { type, cmd, id, request, ms };
    return id === undefined ? { type, cmd, filename, request, ms } : { type, cmd, filename, id, request, ms };
  }
  return { ...report, request, ms };
}

export interface RequestTimes {
  /** The caller calls it after each step, with the number of the next request. */
  readonly markStarted: (next: number) => void;
  /** Milliseconds since a request began. */
  readonly since: (request: number) => number;
  /** The caller calls it with the number of the oldest open request: earlier times are not needed. */
  readonly forgetBefore: (before: number) => void;
}

/** Bounded by the requests that are open at once, since their numbers are contiguous. */
export function createRequestTimes(now: () => number): RequestTimes {
  let began: number[] = [];
  let first = 1;
  return {
    markStarted: (next) => {
      while (first + began.length < next) began.push(now());
    },
    since: (request) => Math.round((now() - (began[request - first] ?? now())) * 1000) / 1000,
    forgetBefore: (before) => {
      if (before - first < 64 && before < first + began.length) return;
      began = began.slice(before - first);
      first = before;
    },
  };
}
