/** Makes the server's limits of the settings. */
import { defaultLimits, handshakesWithin, limitsWithin, type ServerLimits } from '../../server/limits.ts';
import type { Configuration } from './configuration.ts';
import type { Settings } from './table.ts';

/** TLS handshakes that may run at once; 0 without TLS. */
export const handshakesOf = ({ tlsCert }: Settings, openFiles: number): number =>
  tlsCert === null ? 0 : handshakesWithin(openFiles);

/** Whether the page speaks TLS, with the credentials of the server. */
export const isSecurePage = ({ web, webPlain, tlsCert }: Settings): boolean =>
  web !== null && tlsCert !== null && webPlain === 'no';

/** Sockets of the page that are no connections of the server. */
export const socketsOfPage = (openFiles: number): number => handshakesWithin(openFiles);

/** The descriptors that the page may need for what are no connections of the server: 0 without a page. */
export const descriptorsOfPage = (settings: Settings, openFiles: number): number => {
  if (settings.web === null) return 0;
  return socketsOfPage(openFiles) + (isSecurePage(settings) ? handshakesWithin(openFiles) : 0);
};

/** @param openFiles the process's limit of descriptors. A default number of connections is lowered to fit into it. */
export function limitsOf({ settings, isDefault }: Configuration, openFiles: number): ServerLimits {
  const wanted = isDefault('maxConnections') ? undefined : settings.maxConnections;
  const reserved = handshakesOf(settings, openFiles) + descriptorsOfPage(settings, openFiles);
  const within = limitsWithin(openFiles - reserved, wanted);
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
