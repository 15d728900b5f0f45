/**
 * The common part of TCP, TLS and Unix sockets: a node socket, seen as a `Connection`.
 *
 * The receive path is the socket's own: one `next` for each 'data', no promise, no copy, so that it is as fast as a
 * bare listener. Most of this file is about ending well.
 */
import type { Socket } from 'node:net';
import { AsyncSubject, Observable, type Subscriber } from 'rxjs';
import { check, checkOptions, withMethods } from '../../wire/argument.ts';
import { formatAddress } from '../address.ts';
import { checkWrite } from '../check-write.ts';
import type { Address, Connection, ConnectionFault } from '../connection.ts';
import { connectionFault, DESTROYED, ENDED, signalEnd, systemCode } from '../connection-fault.ts';
import { slabSocket } from './slab-socket.ts';
import { createSlabs } from './slabs.ts';
import { keepReadingAfterWriteErrors } from './write-errors.ts';

const NOTHING = new Uint8Array(0);
let made = 0;

/** How to name a socket that has no host and port, such as a Unix socket; how to read from it, and how to drop it. */
export interface SocketSettings {
  /** Default `tcp:` and a number. */
  readonly id?: string;
  readonly local?: Address;
  readonly remote?: Address;
  /** Whether to receive into memory that is used again when it is given back. Only for a socket that was accepted. */
  readonly slabs?: boolean;
  /** The socket that carries this one, as TCP carries TLS: dropping the connection resets it. */
  readonly below?: Socket;
  /** Turns an error of the socket into a fault. Default `connectionFault`. */
  readonly faultOf?: (error: unknown) => ConnectionFault;
}

const SOCKET = withMethods('a connected socket of node:net or node:tls', [
  'on',
  'pause',
  'cork',
  'write',
  'end',
]);

/**
 * Wraps a connected socket, which from then on belongs to the connection: no other code may listen to it, write to
 * it or close it. It must have been made with `allowHalfOpen: true` and be paused (`pauseOnConnect`, or `pause()`
 * before it connected), so that nothing is read before `chunks$` is subscribed.
 *
 * While paused or unsubscribed it reads ahead at most one chunk (64 KiB) or the socket's own high-water mark
 * (16 KiB), whichever is more. After that a reset by the peer is noticed only by the next write or `resume()`.
 *
 * `chunks$` errors whenever the peer resets the connection, which any peer may do at any time: a subscriber without an
 * `error` lets that end the process.
 *
 * @example
 * net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
 *   const connection = fromSocket(socket);
 *   connection.chunks$.subscribe({
 *     next: (chunk) => connection.write([chunk], () => {}),
 *     error: (fault) => console.log(`${connection.remote}: ${fault.message}`),
 *     complete: () => connection.end(),
 *   });
 * });
 */
export function fromSocket(accepted: Socket, settings: SocketSettings = {}): Connection {
  check('fromSocket: the socket', accepted, SOCKET);
  checkOptions('fromSocket', settings, {});
  const slabs = settings.slabs === true ? createSlabs() : null;
  const { faultOf = connectionFault } = settings;
  const received = (chunk: Uint8Array) => {
    if (!destroyed) reader?.next(chunk);
  };
  const socket = (slabs && slabSocket(accepted, slabs, received)) ?? accepted;
  /** The writes that have not settled. Bounded by whoever writes, as the contract demands. */
  const unsettled = new Set<(fault?: ConnectionFault) => void>();
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  let reader: Subscriber<Uint8Array> | undefined;
  let paused = false;
  let corked = false;
  let destroyed = false;
  /** Why nothing more can be written: our `end()`, or a failed write. */
  let writeEnd: ConnectionFault | undefined;
  /** The fault of a failed write. Reading goes on: what the kernel had received is still delivered. */
  let writeFault: ConnectionFault | undefined;
  /** The action at the end of the input. */
  let atEnd: ConnectionFault | null = null;
  /** How reading ended: null in good order, undefined while it goes on. */
  let readEnd: ConnectionFault | null | undefined;

  const below = settings.below;
  const writingFailed = (error: Error) => {
    // The layer below may have reported it before.
    if (writeFault !== undefined) return;
    writeFault = faultOf(error);
    writeEnd = writeFault;
    // A failed write takes the socket's pending error with it, and the system then reports a plain end of input.
    // Only EPIPE says that the peer had ended its side before; after any other error that end would be a lie.
    if (systemCode(error) !== 'EPIPE') atEnd = writeFault;
    // So that the socket closes by itself once reading is over too.
    socket.end();
  };
  keepReadingAfterWriteErrors(socket, writingFailed);
  if (below !== undefined) keepReadingAfterWriteErrors(below, writingFailed);
  socket.on('data', received);
  socket.on('end', () => endReading(atEnd));
  socket.on('error', (error) => {
    // A paused socket may hold a little that came before the error: the one "further chunk" that `pause` allows.
    const held: Uint8Array | null = socket.read();
    if (held !== null && !destroyed) reader?.next(held);
    endReading(destroyed ? DESTROYED : faultOf(error));
  });
  socket.on('close', () => {
    slabs?.close();
    // Input that ended in good order stays so, whatever became of what we sent.
    const unread = writeFault && { ...writeFault, code: 'unread' as const };
    const fault = destroyed ? DESTROYED : (readEnd ?? unread ?? null);
    writeEnd ??= fault ?? ENDED;
    endReading(fault);
    for (const settle of unsettled) settle(fault ?? undefined);
    closed$.next(fault);
    closed$.complete();
  });

  function endReading(end: ConnectionFault | null): void {
    if (readEnd !== undefined) return;
    readEnd = end;
    if (reader !== undefined) signalEnd(reader, end);
  }

  function flow(): void {
    if (reader !== undefined && !paused) socket.resume();
    else socket.pause();
  }

  /** Everything written in one turn leaves in one system call, however many calls of `write` it took. */
  function cork(): void {
    if (corked) return;
    corked = true;
    socket.cork();
    process.nextTick(uncork);
  }

  function uncork(): void {
    corked = false;
    socket.uncork();
  }

  return {
    id: settings.id ?? `tcp:${++made}`,
    local: settings.local ?? formatAddress(socket.localAddress, socket.localPort),
    remote: settings.remote ?? formatAddress(socket.remoteAddress, socket.remotePort),
    closed$: closed$.asObservable(),
    chunks$: new Observable((subscriber) => {
      if (reader !== undefined) throw new Error('chunks$ is for one subscriber, and has one');
      if (readEnd !== undefined) return signalEnd(subscriber, readEnd);
      reader = subscriber;
      flow();
      return () => {
        reader = undefined;
        flow();
      };
    }),
    write(chunks, settled) {
      checkWrite(chunks, settled);
      if (writeEnd !== undefined) {
        process.nextTick(settled, writeEnd);
        return;
      }
      const settle = (fault?: ConnectionFault) => {
        if (unsettled.delete(settle)) settled(fault);
      };
      const isFirst = unsettled.size === 0;
      unsettled.add(settle);
      // Node's TLS asks the system too when nothing is written, but forgets what it says.
      if (below !== undefined && isFirst && chunks.every(({ length }) => length === 0)) {
        below.write(NOTHING, () => {
          if (!socket.destroyed && !below.destroyed) settle(writeFault);
        });
        return;
      }
      cork();
      const last = chunks.length - 1;
      for (let at = 0; at < last; at++) socket.write(chunks[at] ?? NOTHING);
      socket.write(chunks[last] ?? NOTHING, () => {
        // A destroyed socket calls back as well, with or without an error; 'close' will know the reason.
        if (!socket.destroyed) settle(writeFault);
      });
    },
    recycle(chunk, count) {
      slabs?.recycle(chunk, count);
    },
    pinsMemory: () => slabs?.pinsMemory() ?? true,
    pause() {
      paused = true;
      flow();
    },
    resume() {
      paused = false;
      flow();
    },
    end() {
      writeEnd ??= ENDED;
      socket.end();
    },
    destroy() {
      if (socket.destroyed) return;
      destroyed = true;
      writeEnd = DESTROYED;
      drop(socket, below);
    },
  };
}

/**
 * Drops a socket so that the peer sees a reset, not what looks like an end in good order. When we did end in good
 * order and all of it is with the system, it stays so: a reset would take back what is on its way, and once the
 * shutdown is under way libuv refuses to reset, upon which node would leak the descriptor.
 */
function drop(socket: Socket, below: Socket | undefined): void {
  if (socket.writableEnded && socket.writableLength === 0) {
    socket.destroy();
    return;
  }
  if (below !== undefined) resetWhenDestroyed(below);
  try {
    if (below === undefined) socket.resetAndDestroy();
  } catch {
    // Only TCP has resets; a Unix socket just closes.
  }
  socket.destroy();
}

/** TLS destroys the socket below when it is over with it itself; to take that away from it before makes it hang. */
function resetWhenDestroyed(below: Socket): void {
  const { destroy } = below;
  below.destroy = () => {
    below.destroy = destroy;
    return below.resetAndDestroy();
  };
}
