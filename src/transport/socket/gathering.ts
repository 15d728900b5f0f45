/**
 * Joins what TLS decrypts in one turn of the event loop.
 *
 * A record of TLS has 16 KiB at the most, and Node emits each by itself. For whoever receives, each chunk costs as much
 * as a large one. So pieces that are likely to be followed by others wait in a slab until the turn is over.
 *
 * ```text
 *  a piece of                          is emitted
 *  4 KiB or more                       when the turn is over, or the slab is full
 *  less                                at once, with what waits before it
 * ```
 *
 * While the reader is paused or has no subscriber nothing waits here: the socket's own buffer has it, so that the end of
 * the input comes behind it.
 */
import type { Socket } from 'node:net';
import { type ChunkReader, isFlowing } from '../chunk-reader.ts';
import type { Slabs } from './slabs.ts';

/** A piece of so many bytes is likely to be followed by more. The last record of a message is mostly shorter. */
const LONG_PIECE_BYTES = 4 * 1024;

export interface Gathering {
  /** Where the next piece goes. To be called at first and after each `added`, and at no other time. */
  readonly room: () => Uint8Array;
  /** Takes the piece of so many bytes that was put there. Returns whether the socket goes on reading. */
  readonly added: (count: number) => boolean;
  /** The reader does not go on: gives what waits back to the socket. */
  readonly pause: () => void;
  /** Emits what waits. The caller calls it before it emits anything else. */
  readonly flush: () => void;
}

interface GatheringState {
  readonly socket: Socket;
  readonly slabs: Slabs;
  readonly reader: ChunkReader;
  readonly emit: (chunk: Uint8Array) => void;
  /** The memory in which the next piece comes, behind `filled` bytes that wait. */
  room: Uint8Array;
  filled: number;
  /** Whether `turnOver` is due. */
  isDue: boolean;
  /** Made once, so that a turn makes nothing. */
  readonly turnOver: () => void;
}

const NO_ROOM = new Uint8Array(0);

/** @param emit called with each chunk, while the reader flows. */
export function createGathering(
  socket: Socket,
  slabs: Slabs,
  reader: ChunkReader,
  emit: (chunk: Uint8Array) => void,
): Gathering {
  const state: GatheringState = {
    socket,
    slabs,
    reader,
    emit,
    room: NO_ROOM,
    filled: 0,
    isDue: false,
    turnOver: () => {
      state.isDue = false;
      flush(state);
    },
  };
  return {
    room: () => {
      if (state.filled === 0) state.room = slabs.room();
      return state.room.subarray(state.filled);
    },
    added: (count) => added(state, count),
    pause: () => {
      if (state.filled > 0) socket.unshift(copyOfFilled(state));
    },
    flush: () => flush(state),
  };
}

/** What waits, for the socket's own buffer. It stays there for as long as the reader wishes, so it keeps no slab. */
function copyOfFilled(state: GatheringState): Buffer {
  const chunk = takeFilled(state);
  const copy = Buffer.from(chunk);
  state.slabs.recycle(chunk, chunk.length);
  return copy;
}

function added(state: GatheringState, count: number): boolean {
  state.filled += count;
  if (!isFlowing(state.reader) || state.socket.readableLength > 0) {
    // Node goes on with what it had read before the pause; or what it has then is not emitted yet, though the reader
    // goes on, since a stream below does not wait for the next turn. Nothing else waited.
    state.socket.push(copyOfFilled(state));
  } else if (count < LONG_PIECE_BYTES || state.filled === state.room.length) {
    flush(state);
  } else if (!state.isDue) {
    state.isDue = true;
    setImmediate(state.turnOver);
  }
  return isFlowing(state.reader);
}

function flush(state: GatheringState): void {
  if (state.filled > 0) state.emit(takeFilled(state));
}

/** What waits, as a chunk. The next piece comes behind it, wherever the room after that is. */
function takeFilled(state: GatheringState): Uint8Array {
  const chunk = state.slabs.read(state.filled);
  state.room = state.room.subarray(state.filled);
  state.filled = 0;
  return chunk;
}
