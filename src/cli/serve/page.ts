/** `sluice serve --web`: the page, and the WebSockets that it opens, as one more source of connections. */
import { fileURLToPath } from 'node:url';
import type { Observable } from 'rxjs';
import { type Access, openAccess, principalAtStart } from '../../files/effects/access.ts';
import type { ShownWorker } from '../../files/protocol/watching.ts';
import type { ServerEvent } from '../../server/event.ts';
import type { ServerLimits } from '../../server/limits.ts';
import type { ConnectionRegistry } from '../../server/observe/registry.ts';
import type { ServerStats } from '../../server/status.ts';
import type { SinkStatus } from '../../store/changes/change-log.ts';
import type { HandedSockets } from '../../transport/handed-sockets.ts';
import type { ListenEvent } from '../../transport/listen-event.ts';
import { handshakesOf, isSecurePage, socketsOfPage } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import type { ServerCredentials } from './credentials.ts';
import type { ServerLog } from './server-log.ts';
import type { ServedStore } from './store.ts';

export interface PageDeps {
  readonly settings: Settings;
  readonly credentials: ServerCredentials | null;
  /** How many descriptors the process may have. */
  readonly openFiles: number;
  readonly log: Pick<ServerLog, 'error'>;
  /** The sockets that it gets, where another process listens. */
  readonly handed?: HandedSockets | undefined;
  /** What the page shows of the server to whoever may observe it. */
  readonly watched: {
    readonly served: ServedStore;
    readonly access: Access | undefined;
    readonly limits: ServerLimits;
    /** Which of several processes this is. */
    readonly worker: ShownWorker | undefined;
    /** How far those are who get the events of files, when somebody does. */
    readonly sinks: (() => Promise<readonly SinkStatus[]>) | undefined;
    readonly stats: () => ServerStats;
    /** Shared. */
    readonly events$: Observable<ServerEvent>;
    readonly shutdown$: Observable<unknown>;
  };
}

export interface OpenPage {
  readonly connections$: Observable<ListenEvent>;
  /** The connections that the page shows. */
  readonly registry: ConnectionRegistry;
  readonly close: () => void;
}

/** Null when the settings ask for no page. */
export async function openPage({
  settings,
  credentials,
  openFiles,
  log,
  handed,
  watched,
}: PageDeps): Promise<OpenPage | null> {
  const { web, webHost, tlsClientCerts } = settings;
  if (web === null) return null;
  // Imported only here, so that a server without a page does not load it.
  const { createWebServer } = await import('../../server/web/web-server.ts');
  const { createObserver } = await import('../../server/observe/observer.ts');
  const onInternalError = (thrown: unknown) =>
    log.error(`page: ${thrown instanceof Error ? thrown.stack : thrown}`);
  const { served, access = openAccess, limits, ...events } = watched;
  const observer = createObserver({
    ...events,
    limits: { connections: limits.connections, memory: limits.budget.high },
    unfinished: () => served.store.unfinished(),
    writable: served.writable,
    engines: served.engines,
    disk: served.disk,
    usage: served.usage,
    onInternalError,
  });
  const server = createWebServer({
    ...web,
    handed,
    pageDir: fileURLToPath(new URL('../web/', import.meta.url)),
    hosts: webHost === null ? [] : webHost.split(',').map((name) => name.trim()),
    sockets: socketsOfPage(openFiles),
    ...(isSecurePage(settings) &&
      credentials !== null && {
        secure: {
          credentials$: credentials.credentials$,
          clientCertificates: tlsClientCerts,
          handshakes: handshakesOf(settings, openFiles),
        },
      }),
    observer: (connection) =>
      observer.watch(
        connection,
        () => principalAtStart(access, connection)?.rights.includes('observe') ?? false,
      ),
    onInternalError,
  });
  return {
    connections$: server.connections$,
    registry: observer.registry,
    close: () => {
      observer.stop();
      server.close();
    },
  };
}
