/** What happens in a server: the one stream that the log, metrics and whoever embeds it subscribe to. */
import type { TimedReport } from '../runtime/request-timing.ts';
import type { Address, ConnectionFault } from '../transport/connection.ts';
import type { ListenEvent } from '../transport/listen.ts';
import { check, checkOptions, type Rule, TEXT } from '../wire/argument.ts';

export type ServerEvent =
  /** Connections are accepted from now on; or one could not be (too many open files, say), and the server goes on. */
  | Exclude<ListenEvent, { type: 'connection' }>
  | ({ readonly type: 'opened' } & Where)
  /** `fault` is null when the connection ended in good order; `ms` is how long it was open. */
  | ({ readonly type: 'closed'; readonly fault: ConnectionFault | null; readonly ms: number } & Where)
  /** A connection was turned away at the door, with the error of this code. No `closed` follows. */
  | ({ readonly type: 'turned-away'; readonly code: 'too-many-connections' } & Where)
  /** Many tokens from this address were wrong: the token of a `hello` is looked at in so many milliseconds. */
  | ({ readonly type: 'slowed'; readonly ms: number } & Where)
  /** The grace time is over, and a connection is cut off with so many requests unanswered; `closed` follows. */
  | ({ readonly type: 'cut'; readonly open: number } & Where)
  /** Something threw that should not have: a bug in a store or in a command. The peer was told `internal`. */
  | ({ readonly type: 'internal-error'; readonly thrown: unknown } & Where)
  | (TimedReport & Where);

/** Where something happened. */
export interface Where {
  readonly connection: string;
  readonly remote: Address;
}

const REPORT: Rule = { words: 'a report, as attend emits it', isKind: () => false };

/** A report, with where it happened. Written out for the same reason as `timed` is. */
export function withPeer(report: TimedReport, where: Where): ServerEvent {
  if (typeof report?.type !== 'string') check('withPeer: the report', report, REPORT);
  if (typeof where?.connection !== 'string') checkOptions('withPeer', where, { connection: TEXT });
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
