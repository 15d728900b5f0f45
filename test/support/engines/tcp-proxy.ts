/**
 * A TCP proxy between a client and an engine, whose faults begin and end while connections are open: for a pool, of which
 * nobody knows what goes over which connection. (`network/fault-proxy.ts` has faults planned by connection and byte.)
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

type Side = 'request' | 'answer';

export interface TcpProxy {
  readonly port: number;
  /** How many connections are open. */
  readonly open: number;
  /** From now on nothing is carried, either way; what comes waits, and new connections are made. */
  hold(): void;
  /** Carries again, first what waits. */
  release(): void;
  /** From now on each piece is carried so many milliseconds later; 0 is at once. */
  delay(ms: number): void;
  /** Resets what is open, on both sides; what waits is lost. */
  cut(): void;
  /** Whether from now on who connects is reset at once. */
  refuse(on: boolean): void;
  /**
   * The next piece with this text is not carried. Its connection is reset on both sides, or held until `release`.
   * PostgreSQL's answer to a `COMMIT` has that text: when it is lost, the commit was done, and nobody has heard of it.
   *
   * @returns when that has happened.
   */
  next(side: Side, text: string, fault: 'break' | 'hold'): Promise<void>;
  /** Resets what is open, and listens no more. */
  close(): Promise<void>;
}

interface Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Listens on a free port of 127.0.0.1, and connects to this one there. */
export async function tcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const awaited: { side: Side; text: string; fault: 'break' | 'hold'; happened: () => void }[] = [];
  /** Closed ones. */
  let held: Gate | undefined;
  const heldAlone = new Set<Gate>();
  let delayed = 0;
  let refused = false;

  /** What is to be done with this piece, if anything, by what was awaited. */
  const faultOf = (side: Side, bytes: Buffer) => {
    const at = awaited.findIndex((each) => each.side === side && bytes.includes(each.text));
    if (at === -1) return undefined;
    const [{ fault, happened }] = awaited.splice(at, 1) as [(typeof awaited)[number]];
    happened();
    return fault;
  };

  /** One direction. Nothing is read before what was read is written, so that what waits here is bounded. */
  async function carry(side: Side, from: Socket, to: Socket): Promise<void> {
    const broken = () => {
      from.resetAndDestroy();
      to.resetAndDestroy();
    };
    try {
      // The end of the piece before, since a text may begin in it.
      let before: Buffer = Buffer.alloc(0);
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        const seen = Buffer.concat([before, bytes]);
        const fault = faultOf(side, seen);
        before = fault === undefined ? seen.subarray(-32) : Buffer.alloc(0);
        if (fault === 'break') return broken();
        if (fault === 'hold') {
          const alone = gate();
          heldAlone.add(alone);
          await alone.opened;
        }
        if (delayed > 0) await wait(delayed);
        await held?.opened;
        if (to.destroyed) return;
        if (!to.write(bytes)) await once(to, 'drain');
      }
      await held?.opened;
      to.end();
    } catch {
      broken();
    }
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (refused) {
      client.resetAndDestroy();
      return;
    }
    const engine = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.resetAndDestroy()).on('close', () => sockets.delete(socket));
    }
    void carry('request', client, engine);
    void carry('answer', engine, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const release = () => {
    held?.open();
    held = undefined;
    for (const alone of heldAlone) alone.open();
    heldAlone.clear();
  };
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
    release();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return sockets.size / 2;
    },
    hold: () => {
      held ??= gate();
    },
    release,
    delay: (ms) => {
      delayed = ms;
    },
    cut,
    refuse: (on) => {
      refused = on;
    },
    next: (side, text, fault) =>
      new Promise((happened) => {
        awaited.push({ side, text, fault, happened });
      }),
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
