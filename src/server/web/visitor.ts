/** Who asks over HTTP: the two ends of its socket, and its certificate. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { formatAddress } from '../../transport/address.ts';
import type { Connection } from '../../transport/connection.ts';
import { peerCertificate } from '../../transport/tls/peer-certificate.ts';

export type Visitor = Pick<Connection, 'local' | 'remote' | 'certificate'>;

export function visitorOf(socket: Socket): Visitor {
  const local = formatAddress(socket.localAddress, socket.localPort);
  const remote = formatAddress(socket.remoteAddress, socket.remotePort);
  const certificate = socket instanceof TLSSocket && socket.authorized ? peerCertificate(socket) : undefined;
  return certificate === undefined ? { local, remote } : { local, remote, certificate };
}
