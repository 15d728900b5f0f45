/** Makes the server's limits of the settings. */
import { defaultLimits, handshakesWithin, limitsWithin, type ServerLimits } from '../../server/limits.ts';
import type { Configuration } from './configuration.ts';
import type { Settings } from './table.ts';

/** TLS handshakes that may run at once; 0 without TLS. */
export const handshakesOf = ({ tlsCert }: Settings, openFiles: number): number =>
  tlsCert === null ? 0 : handshakesWithin(openFiles);

/** @param openFiles the process's limit of descriptors. A default number of connections is lowered to fit into it. */
export function limitsOf({ settings, isDefault }: Configuration, openFiles: number): ServerLimits {
  const wanted = isDefault('maxConnections') ? undefined : settings.maxConnections;
  const within = limitsWithin(openFiles - handshakesOf(settings, openFiles), wanted);
  return {
    ...defaultLimits,
    ...within,
    headerBytes: settings.maxHeader,
    fileBytes: settings.maxFile,
    ...(isDefault('maxConnectionsPerAddress')
      ? {}
      : { connectionsPerAddress: settings.maxConnectionsPerAddress }),
    requestsPerSecond: settings.maxRequestsPerSecond,
    bytesPerSecond: settings.maxBytesPerSecond,
    timeouts: {
      firstBytes: settings.firstByteTimeout,
      header: settings.headerTimeout,
      body: settings.bodyTimeout,
      bodyBytes: settings.bodyMinimum,
      idle: settings.idleTimeout,
      unread: settings.unreadTimeout,
    },
    openRequests: settings.maxOpenRequests,
    budget: { high: settings.memoryBudget, low: Math.floor((settings.memoryBudget * 3) / 4) },
    grace: settings.grace,
  };
}
