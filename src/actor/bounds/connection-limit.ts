/**
 * The connection limit: it admits a number of connections in all and a number per address. A connection that
 * it does not admit gets a farewell and is then closed.
 */

import { hostOf } from '../../transport/address.ts';
import { closeGracefully } from '../../transport/close-gracefully.ts';
import type { Connection } from '../../transport/connection.ts';

export interface ConnectionLimit {
  /**
   * Admits a connection and returns null, and `release` must follow; else refuses it and returns the code.
   */
  readonly admit: (connection: Connection) => 'too-many-connections' | null;
  readonly release: (connection: Connection) => void;
  readonly count: () => number;
}

/**
 * Connections that are being refused at once. Beyond this number a connection is destroyed without an error.
 */
const REFUSING_MAX = 64;
/** Milliseconds that a refused peer has to read the error. */
const REFUSAL_LINGER_MS = 1000;

/** @param farewell the bytes that tell a peer why it is refused; null to drop it without a word. */
export function createConnectionLimit(
  limits: { readonly connections: number; readonly connectionsPerAddress: number },
  farewell: (why: string) => Uint8Array | null,
): ConnectionLimit {
  /** The number of open connections by host, so it is bounded by their number. */
  const openByHost = new Map<string, number>();
  let openCount = 0;
  let refusing = 0;

  function refuse(connection: Connection, why: string): void {
    const bytes = refusing < REFUSING_MAX ? farewell(why) : null;
    if (bytes === null) return connection.destroy();
    refusing++;
    connection.write([bytes], () => {});
    closeGracefully(connection, { lingerMs: REFUSAL_LINGER_MS }).subscribe(() => refusing--);
  }

  return {
    count: () => openCount,
    admit: (connection) => {
      const host = hostOf(connection.remote);
      const openFromHost = host === null ? 0 : (openByHost.get(host) ?? 0);
      const why =
        openCount >= limits.connections
          ? `${limits.connections} are open`
          : openFromHost >= limits.connectionsPerAddress
            ? `${limits.connectionsPerAddress} from ${host} are open`
            : null;
      if (why !== null) {
        refuse(connection, why);
        return 'too-many-connections';
      }
      openCount++;
      if (host !== null) openByHost.set(host, openFromHost + 1);
      return null;
    },
    release: (connection) => {
      const host = hostOf(connection.remote);
      openCount--;
      if (host === null) return;
      const left = (openByHost.get(host) ?? 1) - 1;
      if (left === 0) openByHost.delete(host);
      else openByHost.set(host, left);
    },
  };
}
