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
import type { Batch, ByteView, Damage, RecordFormat } from './record-format.ts';
import { byteView } from './record-format.ts';

/** A fault of a capture, as far as it is known here: what is wrong, and where. */
export interface RecordFault {
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
   * Reads on in a block, until its end, damage, or `BATCH_PACKETS_MAX` packets.
   *
   * @param from where in the block to go on: 0 at first, then the `at` of the last call, until that is its length.
   */
  take(input: ByteView, from: number): Taken;
  /** The input has ended: null when it did between two records. */
  end(): RecordFault | null;
}

export interface Taken {
  readonly packets: Batch['packets'];
  readonly at: number;
  /** After this there must be no further call. */
  readonly fault: RecordFault | null;
}

/** The most packets in a batch, so that a whole capture given as one block does not become one array. */
export const BATCH_PACKETS_MAX = 4096;

export function createRecords(format: RecordFormat): Records {
  const batch: Batch = { packets: [], last: 0 };
  /** The beginning of a record that is not all there: `carriedBytes` of it. */
  let carried: ByteView | null = null;
  let carriedBytes = 0;
  /** Bytes still to be passed over. */
  let skip = 0;
  /** The offset in the file of the next byte to take. */
  let taken = 0;

  const damaged = ({ damage }: Damage, position: number): RecordFault => ({
    code: 'damaged',
    what: damage,
    position: format.within ?? position,
  });

  /** Goes on with the carried record; answers how many bytes of the block that took. */
  function continueRecord(input: ByteView, from: number): number | RecordFault {
    let at = from;
    while (carried !== null) {
      const position = taken + (at - from) - carriedBytes;
      const need = format.need(carried.view, 0, carriedBytes);
      if (typeof need !== 'number') return damaged(need, position);
      if (need <= carriedBytes) {
        const whole = carried;
        carried = null;
        carriedBytes = 0;
        const after = format.read(whole, 0, need, position, batch);
        if (typeof after !== 'number') return damaged(after, position);
        skip = after;
        break;
      }
      if (at === input.bytes.length) break;
      if (carried.bytes.length < need) carried = byteView(grown(carried.bytes, carriedBytes, need));
      const end = Math.min(input.bytes.length, at + need - carriedBytes);
      carried.bytes.set(input.bytes.subarray(at, end), carriedBytes);
      carriedBytes += end - at;
      at = end;
    }
    return at - from;
  }

  function run(input: ByteView, from: number): Omit<Taken, 'packets'> {
    const { bytes, view } = input;
    const end = bytes.length;
    let at = from;
    if (carried !== null) {
      const moved = continueRecord(input, at);
      if (typeof moved !== 'number') return { at, fault: moved };
      at += moved;
      taken += moved;
    }
    /** The offset in the file of the block's first byte. */
    const base = taken - at;
    while (at < end && batch.packets.length < BATCH_PACKETS_MAX) {
      if (skip > 0) {
        const passed = Math.min(skip, end - at);
        skip -= passed;
        at += passed;
        continue;
      }
      const need = format.need(view, at, end);
      if (typeof need !== 'number') return { at, fault: damaged(need, base + at) };
      if (need > end - at) {
        carriedBytes = end - at;
        carried = byteView(grown(bytes.subarray(at), carriedBytes, need));
        at = end;
        break;
      }
      const after = format.read(input, at, need, base + at, batch);
      if (typeof after !== 'number') return { at, fault: damaged(after, base + at) };
      skip = after;
      at += need;
    }
    taken = base + at;
    return { at, fault: null };
  }

  return {
    get last() {
      return batch.last;
    },
    get taken() {
      return taken;
    },
    take(input, from) {
      const { at, fault } = run(input, from);
      const { packets } = batch;
      batch.packets = [];
      return { packets, at, fault };
    },
    end() {
      if (carriedBytes === 0 && skip === 0 && format.within === null) return null;
      const position = format.within ?? taken - carriedBytes;
      const there = taken - position;
      return {
        code: 'truncated',
        what: `the file ends ${there} ${there === 1 ? 'byte' : 'bytes'} into ${format.expects()}`,
        position,
      };
    },
  };
}

/** The first `used` of the bytes, in front of room for `length` in all. */
function grown(bytes: Uint8Array, used: number, length: number): Uint8Array {
  const room = new Uint8Array(length);
  room.set(bytes.subarray(0, used));
  return room;
}
