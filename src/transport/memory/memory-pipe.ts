/** One direction of an in-memory connection: a bounded buffer between a writer and a reader. No node here. */
import type { SchedulerLike } from 'rxjs';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import { checkWrite } from '../check-arguments.ts';
import { type ChunkReader, chunksOf, createChunkReader, endReading, isFlowing } from '../chunk-reader.ts';
import type { Connection, ConnectionFault } from '../connection.ts';
import { ENDED } from '../connection-fault.ts';

type Settled = (fault?: ConnectionFault) => void;

interface Write {
  /** The count of bytes, from the beginning of the pipe, up to and including this write. */
  readonly upTo: number;
  readonly settled: Settled;
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly write: Write;
}

export interface MemoryPipe extends Pick<Connection, 'chunks$' | 'write' | 'pause' | 'resume'> {
  /** The writer is done: the reader completes after everything written. */
  end(): void;
  /** The writer is gone: its unsettled writes are dropped, and the reader errors after those that had settled. */
  dropWriter(writer: ConnectionFault, reader: ConnectionFault): void;
  /** The reader is gone: it errors now, and every write, unsettled or still to come, settles with a fault. */
  dropReader(reader: ConnectionFault, writer: ConnectionFault): void;
  /** How writing ended, once it has and every write is settled: null in good order. */
  writeEnd(): ConnectionFault | null | undefined;
  /** How reading ended, once it has: null in good order. */
  readEnd(): ConnectionFault | null | undefined;
}

interface PipeState {
  readonly highWaterMark: number;
  readonly scheduler: SchedulerLike;
  readonly changed: () => void;
  readonly reader: ChunkReader;
  /** The bytes that the reader has not taken. Bounded by the high-water mark and the unsettled writes. */
  readonly queue: Fifo<Piece>;
  /** The writes that have not settled, oldest first. Bounded by the writer. */
  readonly writes: Fifo<Write>;
  /** The writes that will never be sent; they settle with a fault in the next turn. Bounded by the writer. */
  refused: Settled[];
  /** Bytes written, and bytes that the reader has taken, from the beginning of the pipe. */
  written: number;
  taken: number;
  /** Whether a turn is scheduled. */
  isScheduled: boolean;
  /** Why nothing more can be written, and what further writes settle with. */
  refusal: ConnectionFault | undefined;
  /** The end or the fault that the reader gets after the queue. */
  last: ConnectionFault | null | undefined;
}

/**
 * @param highWaterMark the bytes that settle before the reader takes them, as in a kernel's socket buffer. Bytes
 *   beyond it stay unsettled, and the writer bounds them.
 * @param changed called, never from within a call of the pipe, when `writeEnd` or `readEnd` may have changed.
 */
export function createMemoryPipe(
  highWaterMark: number,
  scheduler: SchedulerLike,
  changed: () => void,
): MemoryPipe {
  const reader = createChunkReader();
  const pipe: PipeState = {
    highWaterMark,
    scheduler,
    changed,
    reader,
    queue: createFifo<Piece>(),
    writes: createFifo<Write>(),
    refused: [],
    written: 0,
    taken: 0,
    isScheduled: false,
    refusal: undefined,
    last: undefined,
  };
  return {
    chunks$: chunksOf(reader, () => scheduleTurn(pipe)),
    write: (chunks, settled) => write(pipe, chunks, settled),
    pause: () => {
      reader.isPaused = true;
    },
    resume: () => {
      reader.isPaused = false;
      scheduleTurn(pipe);
    },
    end: () => end(pipe),
    dropWriter: (writer, readerFault) => dropWriter(pipe, writer, readerFault),
    dropReader: (readerFault, writer) => dropReader(pipe, readerFault, writer),
    writeEnd: () => writeEndOf(pipe),
    readEnd: () => reader.end,
  };
}

function write(pipe: PipeState, chunks: readonly Uint8Array[], settled: Settled): void {
  checkWrite(chunks, settled);
  scheduleTurn(pipe);
  if (pipe.refusal !== undefined) {
    pipe.refused.push(settled);
    return;
  }
  for (const chunk of chunks) pipe.written += chunk.length;
  const write = { upTo: pipe.written, settled };
  pipe.writes.push(write);
  for (const chunk of chunks) {
    // A copy: a write may settle before it is read, and the writer may then use its memory again.
    if (chunk.length > 0) pipe.queue.push({ bytes: new Uint8Array(chunk), write });
  }
}

/** Only a task of the scheduler calls back, so that no call of the pipe does it. */
function scheduleTurn(pipe: PipeState): void {
  if (pipe.isScheduled) return;
  pipe.isScheduled = true;
  pipe.scheduler.schedule(() => turn(pipe));
}

function turn(pipe: PipeState): void {
  const { reader, queue } = pipe;
  pipe.isScheduled = false;
  settleRefused(pipe);
  settleTaken(pipe);
  deliver(pipe);
  if (queue.length === 0 && pipe.last !== undefined) endReading(reader, pipe.last);
  if (pipe.refused.length > 0 || (queue.length > 0 && isFlowing(reader))) scheduleTurn(pipe);
  pipe.changed();
}

/**
 * Delivers only the pieces that are there now: a peer that writes whenever a write settles must let others have their
 * turn.
 */
function deliver(pipe: PipeState): void {
  const { reader, queue } = pipe;
  for (let left = queue.length; left > 0 && isFlowing(reader); left--) {
    const piece = queue.shift();
    if (piece === undefined) break;
    pipe.taken += piece.bytes.length;
    reader.subscriber?.next(piece.bytes);
    settleTaken(pipe);
  }
}

/** Settles the writes that the reader has taken, but for as many bytes as the high-water mark. */
function settleTaken(pipe: PipeState): void {
  const { writes, highWaterMark } = pipe;
  for (
    let next = writes.first();
    next !== undefined && next.upTo - pipe.taken <= highWaterMark;
    next = writes.first()
  ) {
    writes.shift();
    next.settled();
  }
}

function settleRefused(pipe: PipeState): void {
  const now = pipe.refused;
  pipe.refused = [];
  for (const settled of now) settled(pipe.refusal);
}

function end(pipe: PipeState): void {
  pipe.refusal ??= ENDED;
  pipe.last ??= null;
  scheduleTurn(pipe);
}

function dropWriter(pipe: PipeState, writer: ConnectionFault, reader: ConnectionFault): void {
  const { queue, writes } = pipe;
  // Bytes that were ended in good order and are on their way are not taken back.
  if (pipe.last === null && writes.length === 0) return;
  const unsettled = new Set(writes);
  const kept = [...queue].filter((piece) => !unsettled.has(piece.write));
  queue.clear();
  for (const piece of kept) queue.push(piece);
  pipe.last = reader;
  refuse(pipe, writer);
}

function dropReader(pipe: PipeState, reader: ConnectionFault, writer: ConnectionFault): void {
  pipe.queue.clear();
  pipe.last = reader;
  if (pipe.refusal === undefined || pipe.writes.length > 0) refuse(pipe, writer);
  scheduleTurn(pipe);
}

/** Refuses every unsettled write, and every write to come. */
function refuse(pipe: PipeState, fault: ConnectionFault): void {
  pipe.refusal = fault;
  for (const write of pipe.writes) pipe.refused.push(write.settled);
  pipe.writes.clear();
  scheduleTurn(pipe);
}

function writeEndOf({ refusal, writes, refused }: PipeState): ConnectionFault | null | undefined {
  if (refusal === undefined || writes.length > 0 || refused.length > 0) return undefined;
  return refusal === ENDED ? null : refusal;
}
