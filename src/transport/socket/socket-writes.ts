/** The writing side of a connection over a node socket. */
import { addTo, deleteFrom } from '../../base/lazy-set.ts';
import { checkWrite } from '../check-arguments.ts';
import type { ConnectionFault } from '../connection.ts';
import { systemCode } from '../connection-fault.ts';
import type { SocketState } from './socket-state.ts';

const NOTHING = new Uint8Array(0);

export function write(
  state: SocketState,
  chunks: readonly Uint8Array[],
  settled: (fault?: ConnectionFault) => void,
): void {
  checkWrite(chunks, settled);
  const { socket, below } = state;
  if (state.writeEnd !== undefined) {
    process.nextTick(settled, state.writeEnd);
    return;
  }
  const settle = (fault?: ConnectionFault) => {
    if (deleteFrom(state.unsettled, settle)) settled(fault);
  };
  const isFirst = state.unsettled.size === 0;
  state.unsettled = addTo(state.unsettled, settle);
  // Node's TLS asks the system too when nothing is written, but forgets the answer.
  if (below !== undefined && isFirst && chunks.every(({ length }) => length === 0)) {
    below.write(NOTHING, () => {
      if (!socket.destroyed && !below.destroyed) settle(state.writeFault);
    });
    return;
  }
  cork(state);
  const last = chunks.length - 1;
  for (let at = 0; at < last; at++) socket.write(chunks[at] ?? NOTHING);
  socket.write(chunks[last] ?? NOTHING, () => {
    // A destroyed socket calls back as well, with or without an error; its 'close' will know the reason.
    if (!socket.destroyed) settle(state.writeFault);
  });
}

/**
 * Joins all writes of one turn to one system call, however many calls of `write` there are. While the peer sends as much
 * as it can, the turn is that of the event loop, with all that is read in it: a system call that wakes the peer costs as
 * much as to receive a small file.
 */
function cork(state: SocketState): void {
  if (state.isCorked) return;
  state.isCorked = true;
  state.uncork ??= () => {
    state.isCorked = false;
    state.socket.uncork();
  };
  state.socket.cork();
  if (state.hasMore) setImmediate(state.uncork);
  else process.nextTick(state.uncork);
}

/** Called with the error of a write, of this socket or of the one below. Only the first one counts. */
export function onWriteFailed(state: SocketState, error: Error): void {
  if (state.writeFault !== undefined) return;
  state.writeFault = state.faultOf(error);
  state.writeEnd = state.writeFault;
  // A failed write takes the socket's pending error with it, and the system then reports a plain end of input.
  // Only EPIPE says that the peer had ended its side before; after any other error that end would be a lie.
  if (systemCode(error) !== 'EPIPE') state.inputEnd = state.writeFault;
  // So that the socket closes by itself once reading is over too.
  state.socket.end();
}

/** Settles all writes once the socket is closed. */
export function settleAll({ unsettled }: SocketState, fault: ConnectionFault | undefined): void {
  for (const settle of unsettled) settle(fault);
}
