/** What a source of connections emits: of any network, or of none. */
import type { Address, Connection, ConnectionFault } from './connection.ts';

export type ListenEvent =
  /** Connections are accepted from now on. `port` is the real one when 0 was asked for. */
  | { readonly type: 'listening'; readonly address: Address; readonly port: number }
  /** The subscriber owns the connection, and must end or destroy it: unsubscribing from the server does not. */
  | { readonly type: 'connection'; readonly connection: Connection }
  /** One connection could not be taken (too many open files, or a handshake that failed, say). Listening goes on. */
  | { readonly type: 'accept-failed'; readonly fault: ConnectionFault };
