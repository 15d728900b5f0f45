/**
 * Finding records in blocks of input, wherever the blocks are cut.
 *
 * ```text
 *  blocks   |. . . . . . . . .|. . . . . . .|. . . . . .
 *  records  [  ][    ][    ][ : ][   ][     :       : ]
 *           views of the block  gathered      gathered
 * ```
 *
 * A record that is all in one block is read where it lies. One that lies across is gathered once, into bytes of its
 * own; that is all that is held from one block to the next, and the format's limits bound it. What the format passes
 * over is only counted.
 */
import type { Batch, Damage, Piece, RecordFormat } from './record-format.ts';
import { pieceOf } from './record-format.ts';

/** What is wrong, and where: a capture's fault as far as it is known here. */
export interface Broken {
  readonly code: 'truncated' | 'damaged';
  readonly what: string;
  readonly position: number;
}

export interface Records {
  /** The number of the last packet that was read; 0 when there is none. */
  readonly last: number;
  /** How many bytes were taken so far. */
  readonly taken: number;
  /**
   * Reads on in a block, until its end, damage, or `MOST` packets.
   *
   * @param from where in the block to go on: 0 at first, then the `at` of the last call, until that is its length.
   */
  take(piece: Piece, from: number): Taken;
  /** The input has ended: null when it did between two records. */
  end(): Broken | null;
}

export interface Taken {
  readonly packets: Batch['packets'];
  readonly at: number;
  /** After this there must be no further call. */
  readonly broken: Broken | null;
}

/** The most packets in a batch, so that a whole capture given as one block does not become one array. */
export const MOST = 4096;

export function createRecords(format: RecordFormat): Records {
  const batch: Batch = { packets: [], last: 0 };
  /** The beginning of a record that is not all there: `have` bytes of it. */
  let carried: Piece | null = null;
  let have = 0;
  /** Bytes still to be passed over. */
  let skip = 0;
  /** The offset in the file of the next byte to take. */
  let taken = 0;

  const damaged = ({ damage }: Damage, position: number): Broken => ({
    code: 'damaged',
    what: damage,
    position: format.within ?? position,
  });

  /** Goes on with the carried record; answers how many bytes of the block that took. */
  function carryOn(piece: Piece, from: number): number | Broken {
    let at = from;
    while (carried !== null) {
      const position = taken + (at - from) - have;
      const need = format.need(carried.view, 0, have);
      if (typeof need !== 'number') return damaged(need, position);
      if (need <= have) {
        const whole = carried;
        carried = null;
        have = 0;
        const after = format.read(whole, 0, need, position, batch);
        if (typeof after !== 'number') return damaged(after, position);
        skip = after;
        break;
      }
      if (at === piece.bytes.length) break;
      if (carried.bytes.length < need) carried = pieceOf(grown(carried.bytes, have, need));
      const end = Math.min(piece.bytes.length, at + need - have);
      carried.bytes.set(piece.bytes.subarray(at, end), have);
      have += end - at;
      at = end;
    }
    return at - from;
  }

  function run(piece: Piece, from: number): Omit<Taken, 'packets'> {
    const { bytes, view } = piece;
    const end = bytes.length;
    let at = from;
    if (carried !== null) {
      const moved = carryOn(piece, at);
      if (typeof moved !== 'number') return { at, broken: moved };
      at += moved;
      taken += moved;
    }
    /** The offset in the file of the block's first byte. */
    const base = taken - at;
    while (at < end && batch.packets.length < MOST) {
      if (skip > 0) {
        const passed = Math.min(skip, end - at);
        skip -= passed;
        at += passed;
        continue;
      }
      const need = format.need(view, at, end);
      if (typeof need !== 'number') return { at, broken: damaged(need, base + at) };
      if (need > end - at) {
        have = end - at;
        carried = pieceOf(grown(bytes.subarray(at), have, need));
        at = end;
        break;
      }
      const after = format.read(piece, at, need, base + at, batch);
      if (typeof after !== 'number') return { at, broken: damaged(after, base + at) };
      skip = after;
      at += need;
    }
    taken = base + at;
    return { at, broken: null };
  }

  return {
    get last() {
      return batch.last;
    },
    get taken() {
      return taken;
    },
    take(piece, from) {
      const { at, broken } = run(piece, from);
      const { packets } = batch;
      batch.packets = [];
      return { packets, at, broken };
    },
    end() {
      if (have === 0 && skip === 0 && format.within === null) return null;
      const position = format.within ?? taken - have;
      const there = taken - position;
      return {
        code: 'truncated',
        what: `the file ends ${there} ${there === 1 ? 'byte' : 'bytes'} into ${format.expects()}`,
        position,
      };
    },
  };
}

/** The first `have` of the bytes, in front of room for `length` in all. */
function grown(bytes: Uint8Array, have: number, length: number): Uint8Array {
  const room = new Uint8Array(length);
  room.set(bytes.subarray(0, have));
  return room;
}
