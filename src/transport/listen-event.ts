/** What a source of connections emits: of any network, or of none. */
import { CONNECTION, check, type Rule } from '../wire/argument.ts';
import type { Address, Connection, ConnectionFault } from './connection.ts';

/**
 * A source of connections emits these events: `listenTcp`, `listenTls`, `listenUnix`, `replay`, or one of your own.
 *
 * - `listening`: connections are accepted from now on. `port` is the real one when the option was 0, and 0 where there
 *   are no ports.
 * - `connection`: a peer has connected. The subscriber owns the connection, and must end or destroy it: unsubscribing
 *   from the source does not.
 * - `accept-failed`: one connection could not be accepted (too many open files, or a failed handshake, say). Listening
 *   goes on.
 */
export type ListenEvent =
  | { readonly type: 'listening'; readonly address: Address; readonly port: number }
  | { readonly type: 'connection'; readonly connection: Connection }
  | { readonly type: 'accept-failed'; readonly fault: ConnectionFault };

/**
 * Checks what a source of connections has emitted: one that emits bare connections would be served by nobody.
 *
 * @throws TypeError when it is no event, or a `connection` without a connection.
 */
export function checkListenEvent(by: string, event: unknown): void {
  const { type, connection } = (event ?? {}) as { readonly type?: unknown; readonly connection?: unknown };
  if (type === 'connection') check(`${by}: the connection`, connection, CONNECTION);
  else if (typeof type !== 'string') check(`${by}: what connections$ emits`, event, LISTEN_EVENT);
}

const LISTEN_EVENT: Rule = {
  words: "an event, such as { type: 'connection', connection }",
  isKind: () => false,
};
