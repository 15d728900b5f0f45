/** What a source of connections emits: of any network, or of none. */
import type { Address, Connection, ConnectionFault } from './connection.ts';

export type ListenEvent =
  /** The server accepts connections from now on. `port` is the real one when the option was 0. */
  | { readonly type: 'listening'; readonly address: Address; readonly port: number }
  /** The subscriber owns the connection, and must end or destroy it: unsubscribing from the server does not. */
  | { readonly type: 'connection'; readonly connection: Connection }
  /** One connection could not be accepted (too many open files, or a failed handshake, say). Listening goes on. */
  | { readonly type: 'accept-failed'; readonly fault: ConnectionFault };
