/** UDP: a service receives datagrams and may answer each. */

import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { Observable } from 'rxjs';
import { checkOptions } from '../wire/argument.ts';
import { type BytesLike, bytesOf } from '../wire/bytes.ts';
import { formatAddress } from './address.ts';
import { LISTEN_RULES } from './check-arguments.ts';
import type { Address } from './connection.ts';
import { listenError } from './listen.ts';

/** `listenUdp` emits `listening` once, with the real port when the option was 0; then each `datagram`. */
export type UdpEvent =
  | { readonly type: 'listening'; readonly address: Address; readonly port: number }
  | Datagram;

/** One datagram: it arrives whole or not at all. UDP keeps boundaries and promises nothing else. */
export interface Datagram {
  readonly type: 'datagram';
  /** The content, 0 to 65,507 bytes. It is the receiver's own. */
  readonly bytes: Uint8Array;
  /** Who has sent it, as far as UDP can say: a sender may forge it. */
  readonly from: Address;
  /**
   * Sends a datagram back. Neither side learns whether it arrives. A datagram that is too large (over 65,507 bytes),
   * cannot be sent, or finds the send queue full is lost, like any other that the network loses.
   */
  reply(bytes: BytesLike): void;
}

/** Where `listenUdp` listens. `port` is needed. */
export interface ListenUdpOptions {
  /** The address to listen on; default `127.0.0.1`: this machine only. */
  readonly host?: string;
  /** The port, 0 to 65,535. 0 lets the system choose; the `listening` event has the port. */
  readonly port: number;
}

const { backlog: _backlog, ...LISTEN_UDP_RULES } = LISTEN_RULES;

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

/** Bytes of replies that wait for the system. Further replies are dropped, since nothing slows a sender of UDP down. */
const QUEUED_BYTES_MAX = 1024 * 1024;

/**
 * Receives datagrams while it is subscribed: emits `listening` once, then each datagram. Errors with a `ListenError`
 * when listening on the address is not possible.
 *
 * @example
 * listenUdp({ port: 9000 }).subscribe({
 *   next: (event) => {
 *     if (event.type === 'datagram') event.reply(event.bytes);
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export function listenUdp(options: ListenUdpOptions): Observable<UdpEvent> {
  checkOptions('listenUdp', options, LISTEN_UDP_RULES);
  const { host = '127.0.0.1', port } = options;
  return new Observable((subscriber) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    let open = true;
    socket.on('listening', () => {
      const bound = socket.address();
      const address = formatAddress(bound.address, bound.port);
      subscriber.next({ type: 'listening', address, port: bound.port });
    });
    socket.on('message', (bytes, sender) => {
      subscriber.next({
        type: 'datagram',
        bytes,
        from: formatAddress(sender.address, sender.port),
        reply: (given) => {
          const answer = bytesOf(given, 'a reply');
          if (!open || socket.getSendQueueSize() > QUEUED_BYTES_MAX) return;
          // The callback is there so that a failure to send is not an 'error' of the whole socket.
          socket.send(answer, sender.port, sender.address, () => {});
        },
      });
    });
    const fail = (error: unknown) => subscriber.error(listenError(error, formatAddress(host, port)));
    socket.on('error', fail);
    // Node checks the port of a TCP server, but cuts that of a UDP socket down to 16 bits.
    if (!isPort(port)) fail(new RangeError(`a port is a whole number from 0 to 65535, and not ${port}`));
    else socket.bind(port, host);
    return () => {
      open = false;
      socket.close();
    };
  });
}
