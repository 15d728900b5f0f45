/**
 * The common part of TCP, TLS and Unix sockets: a node socket as a `Connection`.
 *
 * The receive path is the socket's own: one `next` for each 'data', no promise, no copy, so that it is as fast as a
 * bare listener. Most of this file ends connections well.
 */
import type { Socket } from 'node:net';
import {
  ANYTHING,
  check,
  checkOptions,
  FLAG,
  FUNCTION,
  optional,
  type RulesFor,
  TEXT,
  withMethods,
} from '../../wire/argument.ts';
import { formatAddress } from '../address.ts';
import { chunksOf, endReading, isFlowing } from '../chunk-reader.ts';
import type { Address, Connection, ConnectionFault } from '../connection.ts';
import { connectionFault, DESTROYED, ENDED } from '../connection-fault.ts';
import { Gathering } from './gathering.ts';
import { createLandingSlabs } from './landing.ts';
import { SystemReads, tlsPieces } from './piece-rules.ts';
import { readInto } from './read-into.ts';
import { slabSocket } from './slab-socket.ts';
import { createSlabs, READ_BYTES_MIN, type Slabs } from './slabs.ts';
import { createSocketState, type SocketState } from './socket-state.ts';
import { onWriteFailed, settleAll, write } from './socket-writes.ts';
import { keepReadingAfterWriteErrors } from './write-errors.ts';

let made = 0;

/**
 * How `fromSocket` names a connection whose socket has neither host nor port, such as a Unix socket; how it reads from
 * the socket, and how it drops it. All may be left out.
 */
export interface SocketSettings {
  /** The connection's id, unique in this process; default `tcp:` and a number. */
  readonly id?: string;
  /** Our end; default the socket's own address and port. */
  readonly local?: Address;
  /** The peer's end; default the socket's own address and port. */
  readonly remote?: Address;
  /**
   * Whether the socket receives into slabs, whose memory is recycled: faster, and only for a socket that was accepted.
   * Default false.
   */
  readonly slabs?: boolean;
  /** The socket that carries this one, as TCP carries TLS; default none. `destroy` of the connection resets it. */
  readonly below?: Socket;
  /**
   * Turns an error of the socket into a fault. By default the system's code decides: `ECONNRESET` is a `reset`, say.
   */
  readonly faultOf?: (error: unknown) => ConnectionFault;
}

/** A read of so many bytes is likely to be followed by another one in the same turn of the event loop. */
const LARGE_READ_BYTES = READ_BYTES_MIN;

const SETTINGS_RULES: RulesFor<SocketSettings> = {
  id: optional(TEXT),
  local: optional(TEXT),
  remote: optional(TEXT),
  slabs: optional(FLAG),
  below: ANYTHING,
  faultOf: optional(FUNCTION),
};

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
 * import { createServer } from 'node:net';
 *
 * createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
 *   const connection = fromSocket(socket);
 *   connection.chunks$.subscribe({
 *     next: (chunk) => connection.write([chunk], () => {}),
 *     error: (error) => console.log(`${connection.remote}: ${error.message}`),
 *     complete: () => connection.end(),
 *   });
 * });
 */
export function fromSocket(accepted: Socket, settings: SocketSettings = {}): Connection {
  check('fromSocket: the socket', accepted, SOCKET);
  checkOptions('fromSocket', settings, SETTINGS_RULES);
  const { below, faultOf = connectionFault } = settings;
  const isSecure = below !== undefined || 'encrypted' in accepted;
  const slabs = isSecure ? createSlabs() : settings.slabs === true ? createLandingSlabs() : null;
  const state = createSocketState(accepted, below, slabs, faultOf);
  const { reader } = state;
  const emit = (chunk: Uint8Array) => {
    state.hasMore = chunk.length >= LARGE_READ_BYTES;
    if (!state.isDestroyed) reader.subscriber?.next(chunk);
  };
  const socket = slabs === null ? accepted : gatherInto(slabs, state, isSecure, emit);
  listen(state, emit);
  return {
    id: settings.id ?? `tcp:${++made}`,
    local: settings.local ?? formatAddress(socket.localAddress, socket.localPort),
    remote: settings.remote ?? formatAddress(socket.remoteAddress, socket.remotePort),
    closed$: state.closed$.asObservable(),
    chunks$: chunksOf(
      reader,
      () => applyFlow(state),
      () => applyFlow(state),
    ),
    write: (chunks, settled) => write(state, chunks, settled),
    recycle: (chunk, count) => slabs?.recycle(chunk, count),
    pinsMemory: () => slabs?.pinsMemory() ?? true,
    pause: () => {
      reader.isPaused = true;
      applyFlow(state);
    },
    resume: () => {
      reader.isPaused = false;
      applyFlow(state);
    },
    end: () => {
      state.writeEnd ??= ENDED;
      socket.end();
    },
    destroy: () => {
      if (socket.destroyed) return;
      state.isDestroyed = true;
      state.writeEnd = DESTROYED;
      drop(socket, below);
    },
  };
}

/** Has the socket receive into slabs. Returns the socket, which may be another one. */
function gatherInto(
  slabs: Slabs,
  state: SocketState,
  isSecure: boolean,
  emit: (chunk: Uint8Array) => void,
): Socket {
  const gathering = new Gathering(state, slabs, isSecure ? tlsPieces : new SystemReads(), emit);
  if (isSecure) readInto(state.socket, gathering);
  else {
    const socket = slabSocket(state.socket, gathering);
    if (socket === null) return state.socket;
    state.socket = socket;
  }
  state.gathering = gathering;
  return state.socket;
}

/** Listens to everything that a socket emits. */
function listen(state: SocketState, emit: (chunk: Uint8Array) => void): void {
  const { socket, below, reader, gathering } = state;
  const onFailed = (error: Error) => onWriteFailed(state, error);
  keepReadingAfterWriteErrors(socket, onFailed);
  if (below !== undefined) keepReadingAfterWriteErrors(below, onFailed);
  socket.on('data', (chunk: Uint8Array) => {
    gathering?.flush();
    emit(chunk);
  });
  socket.on('end', () => {
    gathering?.flush();
    endReading(reader, state.inputEnd);
  });
  socket.on('error', (error) => {
    // A paused socket may hold a little that came before the error: the one "further chunk" that `pause` allows.
    const held: Uint8Array | null = socket.read();
    gathering?.flush();
    if (held !== null) emit(held);
    if (state.isDestroyed) endReading(reader, DESTROYED);
    else endReading(reader, state.faultOf(error), error);
    // A record that TLS cannot decrypt leaves the socket open: there would be no 'close'.
    socket.destroy();
  });
  socket.on('close', () => onClosed(state));
}

/** Called once, when the socket is over. */
function onClosed(state: SocketState): void {
  const { slabs, reader, writeFault, isDestroyed, closed$ } = state;
  slabs?.close();
  // Input that ended in good order stays so, whatever became of the bytes that we sent.
  const unread = writeFault && { ...writeFault, code: 'unread' as const };
  const fault = isDestroyed ? DESTROYED : (reader.end ?? unread ?? null);
  state.writeEnd ??= fault ?? ENDED;
  endReading(reader, fault);
  settleAll(state, fault ?? undefined);
  closed$.next(fault);
  closed$.complete();
}

/** Lets the socket read, or stops it. */
function applyFlow({ socket, reader, gathering }: SocketState): void {
  if (isFlowing(reader)) {
    socket.resume();
    return;
  }
  socket.pause();
  gathering?.pause();
}

/**
 * Drops a socket so that the peer sees a reset, and not an end in good order. When we did end in good order and the
 * system has all bytes, the socket is only closed: a reset would take back bytes that are on their way. Besides,
 * libuv refuses to reset once the shutdown is under way, and node would then leak the descriptor.
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

/** Makes TLS reset the socket below. TLS destroys that socket itself at its end, and hangs if we do it before. */
function resetWhenDestroyed(below: Socket): void {
  const { destroy } = below;
  below.destroy = () => {
    below.destroy = destroy;
    return below.resetAndDestroy();
  };
}
