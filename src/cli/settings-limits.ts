/** The server's limits, as the settings have them. */
import { defaultLimits, type Limits, limitsWithin } from '../runtime/limits.ts';
import type { Configuration } from './settings.ts';

/** @param openFiles how many descriptors the process may have: connections that nobody asked for are fewer if need be. */
export function limitsOf({ settings, isDefault }: Configuration, openFiles: number): Limits {
  const within = limitsWithin(openFiles, isDefault('maxConnections') ? undefined : settings.maxConnections);
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
    deadlines: {
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
