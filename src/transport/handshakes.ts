/**
 * The handshakes of a TLS server that are under way: not too many of them, and what carries them.
 *
 * A peer that connects and says nothing costs a descriptor until its time is up. So that such peers cannot keep others
 * out, the handshake that has waited longest makes room for the newest: an honest one takes milliseconds.
 */
import type { Server, Socket } from 'node:net';

export interface Handshakes {
  /** The socket that carries a TLS socket whose handshake is done; asked for once. */
  readonly done: (secure: Socket) => Socket | undefined;
  /** Cuts off all that is under way. */
  readonly cut: () => void;
}

/** @param most how many may be under way at once. */
export function watchHandshakes(server: Server, most: number): Handshakes {
  /** By the peer's address, which a TLS socket has in common with the one below it. Bounded by `most`. */
  const underWay = new Map<string, Socket>();
  const peerOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;

  server.on('connection', (raw: Socket) => {
    const peer = peerOf(raw);
    underWay.set(peer, raw);
    raw.once('close', () => {
      if (underWay.get(peer) === raw) underWay.delete(peer);
    });
    if (underWay.size <= most) return;
    for (const [longest, waiting] of underWay) {
      underWay.delete(longest);
      waiting.destroy();
      break;
    }
  });

  return {
    done: (secure) => {
      const peer = peerOf(secure);
      const raw = underWay.get(peer);
      underWay.delete(peer);
      return raw;
    },
    cut: () => {
      for (const raw of underWay.values()) raw.destroy();
      underWay.clear();
    },
  };
}
