/** What happens in a server: the one stream that the log, metrics and whoever embeds it subscribe to. */
import type { Report } from '../session/effect.ts';
import type { Address, ConnectionFault } from '../transport/connection.ts';

export type ServerEvent =
  /** Connections are accepted from now on. */
  | { readonly type: 'listening'; readonly address: Address; readonly port: number }
  | ({ readonly type: 'opened' } & Where)
  /** `fault` is null when the connection ended in good order; `ms` is how long it was open. */
  | ({ readonly type: 'closed'; readonly fault: ConnectionFault | null; readonly ms: number } & Where)
  /** One connection could not be accepted (too many open files, say); the server goes on. */
  | { readonly type: 'accept-failed'; readonly fault: ConnectionFault }
  /** Something threw that should not have: a bug in a store or in a command. The peer was told `internal`. */
  | ({ readonly type: 'bug'; readonly thrown: unknown } & Where)
  | (Report & Where);

/** Where something happened. */
export interface Where {
  readonly connection: string;
  readonly remote: Address;
}

/**
 * A session's report, with where it happened. Written out for each type, because it is made for every file and
 * spreading objects of several shapes costs more than everything else about it.
 */
export function located(report: Report, { connection, remote }: Where): ServerEvent {
  switch (report.type) {
    case 'stored': {
      const { filename, size, crc32, durable } = report;
      return { type: 'stored', connection, remote, filename, size, crc32, durable };
    }
    case 'served':
    case 'refused':
      return { connection, remote, ...report };
  }
}
