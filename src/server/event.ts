/** The events of a server: one stream for the log, the metrics and the program that embeds the server. */
import type { ConnectionEvent, Where } from '../actor/connection-events.ts';
import type { TimedReport } from '../files/effects/request-timing.ts';
import type { ListenEvent } from '../transport/listen-event.ts';

/**
 * A server of files emits these events: for the log, the metrics and the program that embeds it. Those of a connection
 * have its id (`connection`) and the address of the peer (`remote`).
 *
 * - `listening`, `accept-failed`: of the source of connections, as in `ListenEvent`.
 * - `opened`, `closed`, `turned-away`: of a connection, as in `ConnectionEvent`.
 * - `stored`, `served`, `refused`: of a request, as in `RequestReport`, with its number and the milliseconds it took.
 * - `slowed`: many tokens from this address were wrong, and the next one is checked after `ms` milliseconds.
 * - `cut`: the grace time of a shutdown was over, with `open` requests unanswered. `closed` follows.
 * - `internal-error`: a store or a command has thrown an exception, which is a bug; without a connection, `shutdown$`
 *   has errored.
 */
export type ServerEvent =
  | Exclude<ListenEvent, { type: 'connection' }>
  | ConnectionEvent
  | ({ readonly type: 'slowed'; readonly ms: number } & Where)
  | ({ readonly type: 'cut'; readonly open: number } & Where)
  | { readonly type: 'internal-error'; readonly thrown: unknown }
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
