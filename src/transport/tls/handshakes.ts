/**
 * The handshakes of a TLS server that are under way: not too many of them, none for too long, and what carries them.
 *
 * A peer that connects and says nothing, or a byte now and then, costs a descriptor until its time is up; node's own
 * time for it starts anew with each byte, and does not close. So that such peers cannot keep others out, the
 * handshake that has waited longest makes room for the newest: an honest one takes milliseconds.
 */
import type { Server, Socket } from 'node:net';
import { formatAddress } from '../address.ts';

export interface Handshakes {
  /** The socket that carries a TLS socket whose handshake is over, well or not; asked for once. */
  readonly done: (secure: Socket) => Socket | undefined;
  /** Cuts off all that is under way. */
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
    const late = () => cutOff(peer, `has not finished the handshake within ${timeoutMs} ms`);
    // One of the same address is over, if not closed yet.
    take(peer);
    underWay.set(peer, { raw, timer: setTimeout(late, timeoutMs) });
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
