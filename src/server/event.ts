/** What happens in a server: the one stream that the log, metrics and whoever embeds it subscribe to. */
import type { Report } from '../session/effect.ts';
import type { Address, ConnectionFault } from '../transport/connection.ts';

export type ServerEvent =
  /** Connections are accepted from now on. */
  | { readonly type: 'listening'; readonly address: Address; readonly port: number }
  | { readonly type: 'opened'; readonly connection: string; readonly remote: Address }
  /** `fault` is null when the connection ended in good order; `ms` is how long it was open. */
  | {
      readonly type: 'closed';
      readonly connection: string;
      readonly remote: Address;
      readonly fault: ConnectionFault | null;
      readonly ms: number;
    }
  /** One connection could not be accepted (too many open files, say); the server goes on. */
  | { readonly type: 'accept-failed'; readonly fault: ConnectionFault }
  /** Something threw that should not have: a bug in a store or in a command. The peer was told `internal`. */
  | { readonly type: 'bug'; readonly connection: string; readonly thrown: unknown }
  | (Report & { readonly connection: string; readonly remote: Address });
