/** The listeners of `sluice serve`, merged into one Observable of connections. */
import { merge, type Observable } from 'rxjs';
import type { ListenEvent } from '../../transport/listen-event.ts';
import { listenTcp } from '../../transport/socket/tcp.ts';
import { listenTls } from '../../transport/tls/tls.ts';
import { listenUnix } from '../../transport/unix/unix.ts';
import { handshakesOf } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import type { ServerCredentials } from './credentials.ts';

/**
 * Emits `listening` for each; errors with the `ListenError` of the first that cannot be listened on.
 *
 * @param credentials those of TLS; without them the port speaks plain TCP.
 * @param openFiles how many descriptors the process may have.
 * @param page the connections of the page, if there is one.
 */
export function listeners(
  settings: Settings,
  credentials: ServerCredentials | null,
  openFiles: number,
  page?: Observable<ListenEvent>,
): Observable<ListenEvent> {
  const { host, port, unix, unixMode, tlsClientCerts } = settings;
  const all: Observable<ListenEvent>[] = [];
  if (port !== null) {
    const secure = credentials && {
      credentials$: credentials.credentials$,
      clientCertificates: tlsClientCerts,
      handshakes: handshakesOf(settings, openFiles),
    };
    all.push(secure ? listenTls({ host, port, ...secure }) : listenTcp({ host, port }));
  }
  if (unix !== null) all.push(listenUnix({ path: unix, mode: unixMode }));
  if (page !== undefined) all.push(page);
  return merge(...all);
}
