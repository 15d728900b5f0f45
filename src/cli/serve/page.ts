/** `sluice serve --web`: the page, and the WebSockets that it opens, as one more source of connections. */
import { fileURLToPath } from 'node:url';
import type { WebServer } from '../../server/web/web-server.ts';
import { handshakesOf, isSecurePage, socketsOfPage } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import type { ServerCredentials } from './credentials.ts';
import type { ServerLog } from './server-log.ts';

export interface PageDeps {
  readonly settings: Settings;
  readonly credentials: ServerCredentials | null;
  /** How many descriptors the process may have. */
  readonly openFiles: number;
  readonly log: Pick<ServerLog, 'error'>;
}

/** Null when the settings ask for no page. */
export async function openPage({
  settings,
  credentials,
  openFiles,
  log,
}: PageDeps): Promise<WebServer | null> {
  const { web, webHost, tlsClientCerts } = settings;
  if (web === null) return null;
  // Imported only here, so that a server without a page does not load it.
  const { createWebServer } = await import('../../server/web/web-server.ts');
  return createWebServer({
    ...web,
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
    onInternalError: (thrown) => log.error(`page: ${thrown instanceof Error ? thrown.stack : thrown}`),
  });
}
