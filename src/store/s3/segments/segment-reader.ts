/**
 * Reads a content from its segments: one object after the other, as a stream that is read at the caller's pace.
 *
 * A read that goes on where the last one ended goes on with the same stream, so a download is one GET a segment. A stream
 * that breaks off is opened again where it broke off. Whoever reads a whole segment is given its last bytes only if its
 * CRC-32 is right.
 */
import type { IncomingMessage } from 'node:http';
import { crc32 } from '../../crc32.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { unreachable } from '../bucket/http.ts';
import { EngineFault } from '../engine-fault.ts';
import { type Patience, retrying } from '../retrying.ts';

/** A segment of a content, as the database has it. */
export interface SegmentRow {
  readonly start: number;
  readonly length: number;
  readonly object: string;
  readonly crc32: number;
}

export interface SegmentReaderDeps {
  readonly bucket: Bucket;
  readonly patience: Patience;
  /** A page of the segments that begin at `start` or behind it. */
  readonly page: (start: number) => Promise<readonly SegmentRow[]>;
}

export interface SegmentReader {
  /** `length` bytes from `offset`. Calls are answered in turn. @throws an `EngineFault`. */
  read(offset: number, length: number, memory?: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/** The stream that is being read. */
interface OpenSegment {
  readonly segment: SegmentRow;
  readonly body: IncomingMessage;
  readonly chunks: AsyncIterator<Buffer>;
  /** The offset in the content of the next byte. */
  at: number;
  /** What has come, and is not read. */
  rest: Uint8Array;
  /** The CRC-32 of the segment's bytes up to `at`; null when the first of them were not read. */
  crc32: number | null;
}

interface ReaderState {
  readonly deps: SegmentReaderDeps;
  /** The page of segments that holds the last read; not more than one. */
  rows: readonly SegmentRow[];
  open: OpenSegment | null;
  /** Reads run one at a time, in the order of their calls. */
  last: Promise<unknown>;
}

/** @param rows the first page of the segments. */
export function createSegmentReader(deps: SegmentReaderDeps, rows: readonly SegmentRow[]): SegmentReader {
  const state: ReaderState = { deps, rows, open: null, last: Promise.resolve() };
  return {
    read(offset, length, memory = new Uint8Array(length)) {
      const read = state.last.then(() => readInto(state, offset, memory.subarray(0, length)));
      state.last = read.catch(() => {});
      return read;
    },
    close: () => drop(state),
  };
}

function drop(state: ReaderState): void {
  state.open?.body.destroy();
  state.open = null;
}

async function readInto(state: ReaderState, offset: number, target: Uint8Array): Promise<Uint8Array> {
  let done = 0;
  // Each try begins where the last one broke off: a stream that makes progress is never given up.
  while (done < target.length) {
    await retrying(state.deps.patience, async () => {
      const part = target.subarray(done);
      try {
        done += await readSome(state, offset + done, part);
      } catch (thrown) {
        drop(state);
        throw thrown;
      }
    });
  }
  return target;
}

/** Reads some of the bytes from `offset` on. */
async function readSome(state: ReaderState, offset: number, target: Uint8Array): Promise<number> {
  const open = await openAt(state, offset);
  if (open.rest.length === 0) {
    const { value, done } = await open.chunks.next().catch((error: NodeJS.ErrnoException) => {
      throw unreachable(error);
    });
    if (done === true) throw brokenOff(open);
    open.rest = value;
  }
  const count = Math.min(open.rest.length, target.length);
  const bytes = open.rest.subarray(0, count);
  const { segment } = open;
  if (open.crc32 !== null) open.crc32 = crc32(bytes, open.crc32);
  open.at += count;
  open.rest = open.rest.subarray(count);
  const isAtEnd = open.at === segment.start + segment.length;
  if (isAtEnd && open.crc32 !== null && open.crc32 !== segment.crc32) {
    throw new EngineFault(
      's3',
      `has other bytes than were stored: the CRC-32 of ${segment.object} is not the one that was kept`,
      {
        code: 'io-error',
        word: 'crc32',
      },
    );
  }
  // A stream that was read to its end gives its connection back when that end is seen.
  if (isAtEnd)
    open.chunks.next().then(
      ({ done }) => done || open.body.destroy(),
      () => {},
    );
  target.set(bytes);
  return count;
}

/** The stream whose next byte is the one at `offset`. */
async function openAt(state: ReaderState, offset: number): Promise<OpenSegment> {
  const { open, deps } = state;
  const isWithin = open !== null && open.at < open.segment.start + open.segment.length;
  if (open !== null && open.at === offset && isWithin) return open;
  if (isWithin) drop(state);
  const segment = await segmentAt(state, offset);
  const from = offset - segment.start;
  const body = await deps.bucket.get(segment.object, from, segment.length - from);
  const opened: OpenSegment = {
    segment,
    body,
    chunks: body[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
    at: offset,
    rest: new Uint8Array(),
    crc32: from === 0 ? 0 : null,
  };
  state.open = opened;
  return opened;
}

async function segmentAt(state: ReaderState, offset: number): Promise<SegmentRow> {
  const known = find(state.rows, offset);
  if (known !== undefined) return known;
  state.rows = await state.deps.page(offset);
  const found = find(state.rows, offset);
  if (found !== undefined) return found;
  throw new EngineFault('postgresql', `names no segment with the byte ${offset}`, { code: 'io-error' });
}

const find = (rows: readonly SegmentRow[], offset: number): SegmentRow | undefined =>
  rows.find(({ start, length }) => offset >= start && offset < start + length);

const brokenOff = ({ segment, at }: OpenSegment): EngineFault =>
  new EngineFault('s3', `broke off in ${segment.object}, ${at - segment.start} of ${segment.length} bytes`, {
    word: 'truncated',
    isPassing: true,
  });
