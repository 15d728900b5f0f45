/** TLS: listening and connecting, with the shapes of TCP. Versions 1.2 and 1.3; both sides half-close as TCP does. */
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import type { Observable } from 'rxjs';
import { formatAddress } from './address.ts';
import { connectOn, newSocket } from './connect.ts';
import type { Connection } from './connection.ts';
import { peerCertificate } from './peer-certificate.ts';
import { socketConnection } from './socket-connection.ts';
import { tlsFault } from './tls-fault.ts';

let made = 0;

export interface ConnectTlsOptions {
  readonly host: string;
  readonly port: number;
  /** Milliseconds to wait for the connection and the handshake. Default: as long as the system does. */
  readonly timeout?: number;
  /** Certificates of the authorities to trust, as PEM. Default: those that node trusts. */
  readonly ca?: string | Uint8Array;
  /** Our certificate, and what issued it up to the authority, as PEM; with `key`. Default: none is shown. */
  readonly cert?: string | Uint8Array;
  /** The certificate's private key, as PEM. */
  readonly key?: string | Uint8Array;
  /** The name or IP address that the server's certificate must bear. Default `host`. */
  readonly servername?: string;
}

/**
 * Connects when subscribed: emits the connection once the server has proved who it is, and completes. There is no way
 * not to check that. Errors with a `ConnectionFault`: as with TCP, or `untrusted` when TLS could not be agreed on, its
 * message saying what to do. Unsubscribing before abandons the attempt.
 *
 * That the server does not accept our certificate shows only after that with TLS 1.3: as an error of `chunks$`.
 *
 * @example
 * const ca = await readFile('ca.pem');
 * const connection = await firstValueFrom(connectTls({ host: 'files.example', port: 8443, ca }));
 */
export function connectTls(options: ConnectTlsOptions): Observable<Connection> {
  const { host, port, timeout, ca, cert, key, servername: name = host } = options;
  const remote = formatAddress(host, port);
  const begin = () => {
    const raw = newSocket();
    raw.setNoDelay(true);
    const socket = connect({
      socket: raw,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
      // An address is no name to ask for.
      servername: isIP(name) === 0 ? name : '',
      ...(ca !== undefined && { ca: bytesOf(ca) }),
      ...(cert !== undefined && { cert: bytesOf(cert) }),
      ...(key !== undefined && { key: bytesOf(key) }),
    });
    socket.pause();
    raw.connect({ host, port });
    return { socket, ready: 'secureConnect' as const, toConnection: () => tlsConnection(socket, raw) };
  };
  return connectOn(remote, timeout, begin, tlsFault);
}

const bytesOf = (pem: string | Uint8Array): string | Buffer =>
  typeof pem === 'string' ? pem : Buffer.from(pem);

/** The socket below is what can be reset; TLS itself has no such thing. */
function tlsConnection(socket: TLSSocket, below: Socket | undefined): Connection {
  const certificate = socket.authorized ? peerCertificate(socket) : undefined;
  const connection = socketConnection(socket, {
    id: `tls:${++made}`,
    ...(below !== undefined && { below }),
  });
  return certificate === undefined ? connection : { ...connection, certificate };
}
