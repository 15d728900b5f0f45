/**
 * Finds records in blocks of input, wherever the blocks are cut.
 *
 * ```text
 *  blocks   |. . . . . . . . .|. . . . . . .|. . . . . .
 *  records  [  ][    ][    ][ : ][   ][     :       : ]
 *           views of the block  gathered      gathered
 * ```
 *
 * A record that is all in one block is read where it lies. One that lies across blocks is gathered once, into bytes of
 * its own. Nothing else is held from one block to the next, and the format's limits bound it. Bytes that the format
 * skips are only counted.
 */
import { type Batch, type ByteView, byteView, type Damage, type RecordFormat } from './record-format.ts';

/** A fault in the bytes of a capture. The caller adds the capture's name. */
export interface RecordFault {
  readonly code: 'truncated' | 'damaged';
  readonly what: string;
  readonly position: number;
}

export interface Records {
  /** The number of the last packet that was read; 0 when there is none. */
  readonly last: number;
  /** The number of bytes that were taken so far. */
  readonly taken: number;
  /**
   * Reads in a block until its end, damage, or `BATCH_PACKETS_MAX` packets.
   *
   * @param from where in the block to begin: 0 at first, then the `at` of the last call, until that is its length.
   */
  take(input: ByteView, from: number): Taken;
  /** Call it at the end of the input. Returns null when that is between two records. */
  end(): RecordFault | null;
}

export interface Taken {
  readonly packets: Batch['packets'];
  readonly at: number;
  /** No call may follow one that returned a fault. */
  readonly fault: RecordFault | null;
}

/**
 * The most packets in a batch, so that a large block does not become one array. Few enough that what was made of a batch
 * is garbage before the collector copies it.
 */
export const BATCH_PACKETS_MAX = 256;

/** The state of the reading of one file. */
interface RecordReader {
  readonly format: RecordFormat;
  /** The packets of the call under way: at most `BATCH_PACKETS_MAX`. */
  readonly batch: Batch;
  /**
   * The beginning of a record that is not all there: its first `carriedBytes` are. The format bounds how much it may
   * need.
   */
  carried: ByteView | null;
  carriedBytes: number;
  /** Bytes that are still to be skipped. */
  skip: number;
  /** The offset in the file of the next byte to take. */
  taken: number;
}

export function createRecords(format: RecordFormat): Records {
  const reader: RecordReader = {
    format,
    batch: { packets: [], last: 0 },
    carried: null,
    carriedBytes: 0,
    skip: 0,
    taken: 0,
  };
  return {
    get last() {
      return reader.batch.last;
    },
    get taken() {
      return reader.taken;
    },
    take: (input, from) => take(reader, input, from),
    end: () => end(reader),
  };
}

function take(reader: RecordReader, input: ByteView, from: number): Taken {
  const { at, fault } = readBlock(reader, input, from);
  const { batch } = reader;
  const { packets } = batch;
  batch.packets = [];
  return { packets, at, fault };
}

function readBlock(reader: RecordReader, input: ByteView, from: number): Omit<Taken, 'packets'> {
  const { batch, format } = reader;
  const { bytes, view } = input;
  const end = bytes.length;
  let at = from;
  if (reader.carried !== null) {
    const moved = continueRecord(reader, input, at);
    if (typeof moved !== 'number') return { at, fault: moved };
    at += moved;
    reader.taken += moved;
  }
  /** The offset in the file of the block's first byte. */
  const base = reader.taken - at;
  while (at < end && batch.packets.length < BATCH_PACKETS_MAX) {
    if (reader.skip > 0) {
      const skipped = Math.min(reader.skip, end - at);
      reader.skip -= skipped;
      at += skipped;
      continue;
    }
    const need = format.need(view, at, end);
    if (typeof need !== 'number') return { at, fault: damaged(reader, need, base + at) };
    if (need > end - at) {
      reader.carriedBytes = end - at;
      reader.carried = byteView(grown(bytes.subarray(at), reader.carriedBytes, need));
      at = end;
      break;
    }
    const after = format.read(input, at, need, base + at, batch);
    if (typeof after !== 'number') return { at, fault: damaged(reader, after, base + at) };
    reader.skip = after;
    at += need;
  }
  reader.taken = base + at;
  return { at, fault: null };
}

/** Continues the carried record. Returns how many bytes of the block belong to it, or the fault. */
function continueRecord(reader: RecordReader, input: ByteView, from: number): number | RecordFault {
  const { batch, format } = reader;
  let at = from;
  while (reader.carried !== null) {
    const { carried, carriedBytes } = reader;
    const position = reader.taken + (at - from) - carriedBytes;
    const need = format.need(carried.view, 0, carriedBytes);
    if (typeof need !== 'number') return damaged(reader, need, position);
    if (need <= carriedBytes) {
      reader.carried = null;
      reader.carriedBytes = 0;
      const after = format.read(carried, 0, need, position, batch);
      if (typeof after !== 'number') return damaged(reader, after, position);
      reader.skip = after;
      break;
    }
    if (at === input.bytes.length) break;
    const whole = carried.bytes.length < need ? byteView(grown(carried.bytes, carriedBytes, need)) : carried;
    const end = Math.min(input.bytes.length, at + need - carriedBytes);
    whole.bytes.set(input.bytes.subarray(at, end), carriedBytes);
    reader.carried = whole;
    reader.carriedBytes += end - at;
    at = end;
  }
  return at - from;
}

function end({ format, carriedBytes, skip, taken }: RecordReader): RecordFault | null {
  if (carriedBytes === 0 && skip === 0 && format.within === null) return null;
  const position = format.within ?? taken - carriedBytes;
  const there = taken - position;
  return {
    code: 'truncated',
    what: `the file ends ${there} ${there === 1 ? 'byte' : 'bytes'} into ${format.expects()}`,
    position,
  };
}

const damaged = ({ format }: RecordReader, { damage }: Damage, position: number): RecordFault => ({
  code: 'damaged',
  what: damage,
  position: format.within ?? position,
});

/** The first `used` of the bytes, in front of room for `length` in all. */
function grown(bytes: Uint8Array, used: number, length: number): Uint8Array {
  const room = new Uint8Array(length);
  room.set(bytes.subarray(0, used));
  return room;
}
