/** Sockets of Node: TCP, TLS, Unix and UDP; and what a client in Node connects by and reads from. */

export { connectClient } from './client/connect.ts';
export { fileContent } from './client/content/file-content.ts';
export { ListenError, type ListenFault } from './transport/listen-error.ts';
export { fromSocket, type SocketSettings } from './transport/socket/from-socket.ts';
export {
  type ConnectTcpOptions,
  connectTcp,
  type ListenTcpOptions,
  listenTcp,
} from './transport/socket/tcp.ts';
export type { TlsCredentials } from './transport/tls/credentials.ts';
export { type ConnectTlsOptions, connectTls, type ListenTlsOptions, listenTls } from './transport/tls/tls.ts';
export { type Datagram, type ListenUdpOptions, listenUdp, type UdpEvent } from './transport/udp.ts';
export {
  type ConnectUnixOptions,
  connectUnix,
  type ListenUnixOptions,
  listenUnix,
} from './transport/unix/unix.ts';
