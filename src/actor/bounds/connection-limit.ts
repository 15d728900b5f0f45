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

/** Counts connections, and says which are too many. Another process may do so as well. */
export interface ConnectionCount {
  /** Counts a connection and returns null, and `leave` must follow; else returns why it is one too many. */
  readonly enter: (connection: Connection) => string | null;
  readonly leave: (connection: Connection) => void;
  readonly count: () => number;
}

export interface ConnectionBounds {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/**
 * Connections that are being refused at once. Beyond this number a connection is destroyed without an error.
 */
const REFUSING_MAX = 64;
/** Milliseconds that a refused peer has to read the error. */
const REFUSAL_LINGER_MS = 1000;

/** @param farewell the bytes that tell a peer why it is refused; null to drop it without a word. */
export function createConnectionLimit(
  bounds: ConnectionBounds,
  farewell: (why: string) => Uint8Array | null,
): ConnectionLimit {
  const { enter, leave, count } = createHostCount(bounds);
  const hosts = {
    enter: ({ remote }: Connection) => enter(hostOf(remote)),
    leave: ({ remote }: Connection) => leave(hostOf(remote)),
    count,
  };
  return limitConnections(hosts, farewell);
}

/** The same with a count that is kept elsewhere. */
export function limitConnections(
  { enter, leave, count }: ConnectionCount,
  farewell: (why: string) => Uint8Array | null,
): ConnectionLimit {
  let refusing = 0;

  function refuse(connection: Connection, why: string): void {
    const bytes = refusing < REFUSING_MAX ? farewell(why) : null;
    if (bytes === null) return connection.destroy();
    refusing++;
    connection.write([bytes], () => {});
    closeGracefully(connection, { lingerMs: REFUSAL_LINGER_MS }).subscribe(() => refusing--);
  }

  return {
    count,
    release: leave,
    admit: (connection) => {
      const why = enter(connection);
      if (why === null) return null;
      refuse(connection, why);
      return 'too-many-connections';
    },
  };
}

/** Counts connections by the host that they come from; null where there is none. */
export interface HostCount {
  /** Counts one and returns null; else returns why there are too many. */
  readonly enter: (host: string | null) => string | null;
  readonly leave: (host: string | null) => void;
  readonly count: () => number;
}

export function createHostCount({ connections, connectionsPerAddress }: ConnectionBounds): HostCount {
  /** The number of open connections by host, so it is bounded by their number. */
  const openByHost = new Map<string, number>();
  let openCount = 0;
  return {
    count: () => openCount,
    enter: (host) => {
      const openFromHost = host === null ? 0 : (openByHost.get(host) ?? 0);
      if (openCount >= connections) return `${connections} are open`;
      if (openFromHost >= connectionsPerAddress) return `${connectionsPerAddress} from ${host} are open`;
      openCount++;
      if (host !== null) openByHost.set(host, openFromHost + 1);
      return null;
    },
    leave: (host) => {
      openCount--;
      if (host === null) return;
      const left = (openByHost.get(host) ?? 1) - 1;
      if (left === 0) openByHost.delete(host);
      else openByHost.set(host, left);
    },
  };
}
