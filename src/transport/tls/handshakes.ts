/**
 * Bounds the handshakes of a TLS server that are under way: their number, and the duration of each. It also knows the
 * socket that carries each of them.
 *
 * A peer that connects and sends nothing, or a byte now and then, costs a descriptor until its time is up. Node has a
 * timeout of its own, but that begins again with each byte, and does not close the socket. The oldest handshake makes
 * room for the newest, so that such peers cannot keep others out: an honest handshake takes milliseconds.
 */
import type { Server, Socket } from 'node:net';
import { formatAddress } from '../address.ts';

export interface Handshakes {
  /** Returns the socket that carries a TLS socket whose handshake is over, well or not. To be called once for each. */
  readonly done: (secure: Socket) => Socket | undefined;
  /** Cuts off all handshakes that are under way. */
  readonly cut: () => void;
}

interface Handshake {
  readonly raw: Socket;
  readonly timer: NodeJS.Timeout;
}

/**
 * @param handshakesMax how many may be under way at once.
 * @param timeoutMs milliseconds that one may take.
 */
export function watchHandshakes(server: Server, handshakesMax: number, timeoutMs: number): Handshakes {
  /** By the peer's address, which a TLS socket has in common with the one below it. Bounded by `most`. */
  const underWay = new Map<string, Handshake>();
  const peerOf = (socket: Socket): string => formatAddress(socket.remoteAddress, socket.remotePort);

  function take(peer: string): Socket | undefined {
    const handshake = underWay.get(peer);
    clearTimeout(handshake?.timer);
    underWay.delete(peer);
    return handshake?.raw;
  }
  /** The server then emits the error as `tlsClientError`. */
  function cutOff(peer: string, why: string): void {
    take(peer)?.destroy(new Error(`${peer} ${why}`));
  }

  server.on('connection', (raw: Socket) => {
    const peer = peerOf(raw);
    const onTimeout = () => cutOff(peer, `has not finished the handshake within ${timeoutMs} ms`);
    // An earlier one of the same address is over, although it may not be closed yet.
    take(peer);
    underWay.set(peer, { raw, timer: setTimeout(onTimeout, timeoutMs) });
    raw.once('close', () => {
      if (underWay.get(peer)?.raw === raw) take(peer);
    });
    if (underWay.size <= handshakesMax) return;
    const [first = peer] = underWay.keys();
    cutOff(first, 'took longest of too many handshakes at once');
  });

  return {
    done: (secure) => take(peerOf(secure)),
    cut: () => {
      for (const peer of [...underWay.keys()]) take(peer)?.destroy();
    },
  };
}
