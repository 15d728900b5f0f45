/** The listeners of `sluice serve`, merged into one Observable of connections. */
import { merge, type Observable } from 'rxjs';
import type { HandedSockets } from '../../transport/handed-sockets.ts';
import type { ListenEvent } from '../../transport/listen-event.ts';
import { acceptTcp } from '../../transport/socket/tcp.ts';
import { acceptTls } from '../../transport/tls/tls.ts';
import { acceptUnix, listenUnix } from '../../transport/unix/unix.ts';
import { handshakesOf } from '../settings/limits.ts';
import type { Settings } from '../settings/table.ts';
import type { ServerCredentials } from './credentials.ts';

/** The places that `sluice serve` may listen on: each has its own sockets. */
export type PlaceName = 'port' | 'unix' | 'page';

/** The sockets of each place, where another process listens. */
export type Handed = Readonly<Record<PlaceName, HandedSockets>>;

export interface ListenerDeps {
  readonly settings: Settings;
  /** Those of TLS; without them the port speaks plain TCP. */
  readonly credentials: ServerCredentials | null;
  /** How many descriptors the process may have. */
  readonly openFiles: number;
  /** The connections of the page, if there is one. */
  readonly page?: Observable<ListenEvent> | undefined;
  /** Null where this process listens itself. */
  readonly handed: Handed | null;
}

/** Emits `listening` for each; errors with the `ListenError` of the first that cannot be listened on. */
export function listeners({
  settings,
  credentials,
  openFiles,
  page,
  handed,
}: ListenerDeps): Observable<ListenEvent> {
  const { host, port, unix, unixMode, tlsClientCerts } = settings;
  const all: Observable<ListenEvent>[] = [];
  if (port !== null) {
    const secure = credentials && {
      credentials$: credentials.credentials$,
      clientCertificates: tlsClientCerts,
      handshakes: handshakesOf(settings, openFiles),
    };
    all.push(
      secure ? acceptTls({ host, port, ...secure }, handed?.port) : acceptTcp(handed?.port ?? { host, port }),
    );
  }
  if (unix !== null) {
    all.push(handed ? acceptUnix(unix, handed.unix) : listenUnix({ path: unix, mode: unixMode }));
  }
  if (page !== undefined) all.push(page);
  return merge(...all);
}
