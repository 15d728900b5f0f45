/** Makes the server's limits of the settings. */
import { availableParallelism } from 'node:os';
import { defaultLimits, handshakesWithin, limitsWithin, type ServerLimits } from '../../server/limits.ts';
import type { Configuration } from './configuration.ts';
import { type Settings, WORKERS_MAX } from './table.ts';

/** The processes that serve. With 1 it is this one. */
export const workersOf = ({ workers }: Pick<Settings, 'workers'>): number =>
  workers === 'auto' ? Math.min(WORKERS_MAX, availableParallelism()) : workers;

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

/**
 * The limits of a server, or of a worker of one. `connections` and `connectionsPerAddress` are those of all workers
 * together, as rates are: who owns the counts holds them. The memory is a worker's share. Open files are a process's own.
 *
 * @param openFiles the process's limit of descriptors. A default number of connections is lowered to fit into those of all
 *   workers.
 */
export function limitsOf({ settings, isDefault }: Configuration, openFiles: number): ServerLimits {
  const workers = workersOf(settings);
  const wanted = isDefault('maxConnections') ? undefined : settings.maxConnections;
  const reserved = handshakesOf(settings, openFiles) + descriptorsOfPage(settings, openFiles);
  const within = limitsWithin(openFiles - reserved, wanted && Math.ceil(wanted / workers));
  const most = Math.min(defaultLimits.connections, within.connections * workers);
  const perAddress =
    workers === 1 || wanted !== undefined ? within.connectionsPerAddress : Math.ceil(most * 0.8);
  const memory = Math.floor(settings.memoryBudget / workers);
  return {
    ...defaultLimits,
    ...within,
    connections: wanted ?? most,
    connectionsPerAddress: isDefault('maxConnectionsPerAddress')
      ? Math.min(perAddress, defaultLimits.connectionsPerAddress)
      : settings.maxConnectionsPerAddress,
    headerBytes: settings.maxHeader,
    fileBytes: settings.maxFile,
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
    budget: { high: memory, low: Math.floor((memory * 3) / 4) },
    grace: settings.grace,
  };
}
