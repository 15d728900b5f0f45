/** The events of a server: one stream for the log, the metrics and the program that embeds the server. */
import type { ConnectionEvent, Where } from '../actor/connection-events.ts';
import type { TimedReport } from '../files/effects/request-timing.ts';
import type { ListenEvent } from '../transport/listen-event.ts';

export type ServerEvent =
  /**
   * `listening`: connections are accepted from now on. `accept-failed`: one could not be accepted (too many
   * open files, say), and the server continues.
   */
  | Exclude<ListenEvent, { type: 'connection' }>
  | ConnectionEvent
  /**
   * Many tokens from this address were wrong: the server checks the token of a `hello` only after this many
   * milliseconds.
   */
  | ({ readonly type: 'slowed'; readonly ms: number } & Where)
  /**
   * The grace time ended, and the server cut off a connection with this many requests unanswered; `closed`
   * follows.
   */
  | ({ readonly type: 'cut'; readonly open: number } & Where)
  /** `shutdown$` has errored: the server shuts down. */
  | { readonly type: 'internal-error'; readonly thrown: unknown }
  /** A store or a command threw an exception, which is a bug. The peer got `internal`. */
  | ({ readonly type: 'internal-error'; readonly thrown: unknown } & Where)
  | (TimedReport & Where);

/** A report with its connection. The fields are written out for the same reason as in `withTiming`. */
export function withPeer(report: TimedReport, where: Where): ServerEvent {
  const { connection, remote } = where;
  const { type, request, ms } = report;
  if (type === 'stored') {
    const { filename, size, crc32, durable, id } = report;
    if (id === undefined) return { type, connection, remote, request, filename, size, crc32, durable, ms };
    return { type, connection, remote, request, id, filename, size, crc32, durable, ms };
  }
  if (type === 'served') {
    const { cmd, filename, id } = report;
    if (filename === undefined) {
      if (id === undefined) return { connection, remote, type, cmd, request, ms };
      return { connection, remote, type, cmd, id, request, ms };
    }
    if (id === undefined) return { type, connection, remote, request, cmd, filename, ms };
    return { type, connection, remote, request, id, cmd, filename, ms };
  }
  return { connection, remote, ...report };
}
