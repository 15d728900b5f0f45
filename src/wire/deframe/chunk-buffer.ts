/**
 * Collects bytes of several chunks: append-only, and a value.
 *
 * A value never changes, yet appending to the newest one copies nothing that is already there. Values that came from
 * one another share a room; `used` says how much of the room is in use:
 *
 * ```text
 *  room.bytes  [ a b c d e . . . ]        room.used = 5
 *                    ^   ^
 *       older value: 3   5 :newest value
 *
 *  append to the newest   length === used   the bytes go into the free part
 *  append to an older one length  <  used   that place is in use: copy to a new room first
 * ```
 *
 * So a state can be kept and stepped again with different bytes, and both results are right.
 */

interface Room {
  readonly bytes: Uint8Array;
  /** How many bytes the newest value in this room has. */
  used: number;
}

export interface ChunkBuffer {
  readonly room: Room;
  /** How many bytes of the room belong to this value. */
  readonly length: number;
}

/** Bytes of the first room: enough for most heads, and too few to matter. */
const ROOM_BYTES_MIN = 64;

const EMPTY: ChunkBuffer = { room: { bytes: new Uint8Array(0), used: 0 }, length: 0 };

/**
 * Copies `chunk[from..to)` out of the chunk.
 *
 * @param limit how many bytes there will be in the end. The room doubles up to it, so the allocated bytes are in
 *   proportion to the bytes that arrived, never to a length that a peer claimed.
 */
export function gather(chunk: Uint8Array, from: number, to: number, limit: number): ChunkBuffer {
  return append(EMPTY, chunk, from, to, limit);
}

/** Appends `chunk[from..to)`, as `gather` does. */
export function append(
  to: ChunkBuffer,
  chunk: Uint8Array,
  from: number,
  end: number,
  limit: number,
): ChunkBuffer {
  if (from === end) return to;
  const length = to.length + (end - from);
  let { room } = to;
  if (room.used !== to.length || room.bytes.length < length) {
    room = { bytes: new Uint8Array(Math.min(limit, Math.max(ROOM_BYTES_MIN, 2 * length))), used: 0 };
    room.bytes.set(to.room.bytes.subarray(0, to.length));
  }
  room.bytes.set(new Uint8Array(chunk.buffer, chunk.byteOffset + from, end - from), to.length);
  room.used = length;
  return { room, length };
}
