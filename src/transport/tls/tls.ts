/** TLS: listening and connecting, with the shapes of TCP. Versions 1.2 and 1.3; both sides half-close as TCP does. */
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect, createServer, type TLSSocket } from 'node:tls';
import { finalize, Observable, type Subscription } from 'rxjs';
import { checkOptions, MILLISECONDS, OBSERVABLE, oneOf, optional, wholeFrom } from '../../wire/argument.ts';
import { formatAddress } from '../address.ts';
import { CONNECT_TLS_RULES, LISTEN_RULES } from '../check-arguments.ts';
import { type Attempt, connectOn, newSocket, whenReady } from '../connect.ts';
import type { Connection, ConnectionFault } from '../connection.ts';
import type { HandedSockets } from '../handed-sockets.ts';
import { listenOn, type Refused } from '../listen.ts';
import { ListenError } from '../listen-error.ts';
import type { ListenEvent } from '../listen-event.ts';
import { fromSocket } from '../socket/from-socket.ts';
import type { ListenTcpOptions } from '../socket/tcp.ts';
import { bytesOf, contextOf, explainBadCredentials, type TlsCredentials } from './credentials.ts';
import { isNotTls, tlsFault } from './fault.ts';
import { watchHandshakes } from './handshakes.ts';
import { peerCertificate } from './peer-certificate.ts';

let made = 0;

/** Where `listenTls` listens, and with which credentials. `port` and `credentials$` are needed. */
export interface ListenTlsOptions extends ListenTcpOptions {
  /**
   * The credentials of the server. Listening begins with the first ones; later ones apply to the connections that come
   * after them. Later credentials that cannot be used are an `accept-failed`, and the ones before them stay.
   */
  readonly credentials$: Observable<TlsCredentials>;
  /**
   * Whether clients present certificates. The server refuses a certificate that `clientCa` did not issue, or that is
   * not valid now, even where none is required. Default `none`: the server does not ask for one.
   */
  readonly clientCertificates?: 'none' | 'optional' | 'required';
  /** Milliseconds that a handshake may take, 0 to 2^31 - 1; default 10,000. */
  readonly handshakeTimeout?: number;
  /**
   * Handshakes under way at once, from 1, each with a descriptor and some 50 KiB; default 1,024. Beyond this number the
   * server cuts off the one that has taken longest.
   */
  readonly handshakes?: number;
}

/**
 * Accepts TLS connections as `listenTcp` accepts TCP's. Emits a connection once its handshake is done, and an
 * `accept-failed` for a handshake that fails. Errors with a `ListenError`: as with TCP, or `bad-credentials` when the
 * first credentials cannot be used; and with what `credentials$` errors with.
 *
 * @example
 * import { readFileSync } from 'node:fs';
 *
 * const [cert, key] = [readFileSync('cert.pem'), readFileSync('key.pem')];
 * listenTls({ port: 8443, credentials$: of({ cert, key }) }).subscribe({
 *   next: (event) => {
 *     if (event.type === 'connection') event.connection.end();
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export function listenTls(options: ListenTlsOptions): Observable<ListenEvent> {
  checkOptions('listenTls', options, LISTEN_TLS_RULES);
  return acceptTls(options);
}

/** The same, and over handed sockets if there are some. */
export function acceptTls(options: ListenTlsOptions, handed?: HandedSockets): Observable<ListenEvent> {
  const { host = '127.0.0.1', port, clientCertificates = 'none' } = options;
  const explain = (credentials: TlsCredentials): string | null =>
    clientCertificates !== 'none' && credentials?.clientCa === undefined
      ? "there is no authority for clients' certificates"
      : explainBadCredentials(credentials);
  return new Observable((subscriber) => {
    let replace: ((credentials: TlsCredentials) => void) | undefined;
    let listening: Subscription | undefined;

    function begin(first: TlsCredentials): void {
      const why = explain(first);
      if (why !== null) return subscriber.error(unusable(why));
      const opened = listenSecure(options, first, handed);
      replace = opened.replace;
      listening = opened.events$.subscribe(subscriber);
    }
    function unusable(why: string): ListenError {
      const address = formatAddress(host, port);
      const message = `cannot listen on ${address}: ${why}`;
      return new ListenError({ code: 'bad-credentials', address, message });
    }
    const replacing = options.credentials$.subscribe({
      next: (credentials) => {
        if (replace === undefined) return begin(credentials);
        const why = explain(credentials);
        if (why === null) replace(credentials);
        else subscriber.next({ type: 'accept-failed', fault: credentialsKept(why) });
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        if (replace === undefined) subscriber.error(unusable('there is no certificate'));
      },
    });
    return () => {
      replacing.unsubscribe();
      listening?.unsubscribe();
    };
  });
}

const LISTEN_TLS_RULES = {
  ...LISTEN_RULES,
  credentials$: OBSERVABLE,
  clientCertificates: optional(oneOf('none', 'optional', 'required')),
  handshakeTimeout: optional(MILLISECONDS),
  handshakes: optional(wholeFrom(1)),
};

const credentialsKept = (why: string): ConnectionFault => ({
  code: 'failed',
  message: `the new certificate is not used, and the one before stays: ${why}`,
});

/** One server that listens, and a function that replaces its credentials. */
function listenSecure(options: ListenTlsOptions, first: TlsCredentials, handed: HandedSockets | undefined) {
  const { host = '127.0.0.1', port, backlog, clientCertificates = 'none' } = options;
  const { handshakeTimeout = 10_000, handshakes = 1024 } = options;
  const server = createServer({
    ...contextOf(first),
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    requestCert: clientCertificates !== 'none',
    // With `optional`, node lets all clients in, and `toConnection` refuses those whose certificate is not verified.
    rejectUnauthorized: clientCertificates === 'required',
  });
  const underWay = watchHandshakes(server, handshakes, handshakeTimeout);
  const reportFailuresTo = (refused: Refused) =>
    server.on('tlsClientError', (error, socket) => {
      const below = underWay.done(socket);
      if (isNotTls(error)) below?.write(PROTOCOL_VERSION_ALERT);
      refused(failedHandshake(error, socket));
    });
  const toConnection = (socket: Socket, refused: Refused): Connection | null => {
    const secure = socket as TLSSocket;
    const below = underWay.done(secure);
    const isUnverified = secure.authorizationError != null && secure.getPeerX509Certificate() !== undefined;
    if (!isUnverified) return tlsConnection(secure, below);
    refused(failedHandshake(secure.authorizationError, secure));
    secure.destroy();
    return null;
  };
  const where = { host, port, ...(backlog !== undefined && { backlog }) };
  const accepting$ = listenOn(reportFailuresTo, 'secureConnection', handed ?? where, toConnection);
  return {
    replace: (credentials: TlsCredentials) => server.setSecureContext(contextOf(credentials)),
    events$: accepting$.pipe(finalize(underWay.cut)),
  };
}

/** The alert for a peer that does not speak TLS. Node hangs up on such a peer without an alert. */
const PROTOCOL_VERSION_ALERT = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);

/** `authorizationError` has the reason why a client's certificate was refused; node then reports only a hang-up. */
export function failedHandshake(error: Error, socket: TLSSocket): ConnectionFault {
  const why = socket.authorizationError;
  const { code, message } = tlsFault(why == null ? error : { code: String(why), message: String(why) });
  // A socket that is closed already does not know its peer any more.
  const peer = socket.remoteAddress && ` with ${formatAddress(socket.remoteAddress, socket.remotePort)}`;
  return { code, message: `no TLS connection${peer ?? ''}: ${message}` };
}

/** Where `connectTls` connects to, whom it trusts, and who we are. `host` and `port` are needed. */
export interface ConnectTlsOptions {
  /** The name or address of the server. */
  readonly host: string;
  /** The port of the server, 0 to 65,535. */
  readonly port: number;
  /** Milliseconds to wait for the connection and the handshake, 0 to 2^31 - 1. Default: as long as the system does. */
  readonly timeout?: number;
  /** Certificates of the authorities to trust, as PEM. Default: the authorities that node trusts. */
  readonly ca?: string | Uint8Array;
  /** Our certificate, and those of its issuers up to the authority, as PEM; with `key`. Default: we present none. */
  readonly cert?: string | Uint8Array;
  /** The certificate's private key, as PEM; with `cert`. Default none. */
  readonly key?: string | Uint8Array;
  /** The name or IP address that the server's certificate must bear; default `host`. */
  readonly servername?: string;
}

/**
 * Connects when subscribed: emits the connection once the server has proved its identity, and completes. That check
 * cannot be turned off. Errors with a `ConnectionError`: as with TCP, or `untrusted` when the two sides could not agree
 * on TLS; its message has the remedy. Unsubscribing before abandons the attempt.
 *
 * With TLS 1.3 a server that does not accept our certificate shows that only later, as an error of `chunks$`.
 *
 * @example
 * import { readFile } from 'node:fs/promises';
 *
 * const ca = await readFile('ca.pem');
 * const connection = await firstValueFrom(connectTls({ host: 'files.example', port: 8443, ca }));
 */
export function connectTls(options: ConnectTlsOptions): Observable<Connection> {
  checkOptions('connectTls', options, CONNECT_TLS_RULES);
  const { host, port, timeout, ca, cert, key, servername: name = host } = options;
  const settings: ConnectionOptions = {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    // An address cannot be the name of a server in TLS.
    servername: isIP(name) === 0 ? name : '',
    ...(ca !== undefined && { ca: bytesOf(ca) }),
    ...(cert !== undefined && { cert: bytesOf(cert) }),
    ...(key !== undefined && { key: bytesOf(key) }),
  };
  const begin = ({ connected, failed }: Attempt) => {
    const below = newSocket();
    below.setNoDelay(true);
    whenReady(below, 'connect', failed, () => {
      try {
        // Only now: on a socket that is yet to connect, TLS uses slower layers of node.
        const socket = connect({ ...settings, socket: below });
        socket.pause();
        whenReady(socket, 'secureConnect', failed, () => connected(tlsConnection(socket, below)));
      } catch (error) {
        // The certificate or the key is none.
        failed(error);
      }
    });
    below.connect({ host, port });
    return () => below.destroy();
  };
  return connectOn(formatAddress(host, port), timeout, begin, tlsFault);
}

function tlsConnection(socket: TLSSocket, below: Socket | undefined): Connection {
  const certificate = socket.authorized ? peerCertificate(socket) : undefined;
  const connection = fromSocket(socket, {
    id: `tls:${++made}`,
    faultOf: tlsFault,
    ...(below !== undefined && { below }),
  });
  return certificate === undefined ? connection : { ...connection, certificate };
}
