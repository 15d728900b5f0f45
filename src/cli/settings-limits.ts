/** The server's limits, as the settings have them. */
import { defaultLimits, type Limits } from '../runtime/limits.ts';
import type { Settings } from './settings-table.ts';

export const limitsOf = (settings: Settings): Limits => ({
  ...defaultLimits,
  headerBytes: settings.maxHeader,
  fileBytes: settings.maxFile,
  connections: settings.maxConnections,
  connectionsPerAddress: settings.maxConnectionsPerAddress,
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
});
