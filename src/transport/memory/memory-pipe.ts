/** One direction of an in-memory connection: a bounded buffer between a writer and a reader. No node here. */
import { Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import { checkWrite } from '../check-write.ts';
import type { ConnectionFault } from '../connection.ts';
import { ENDED, signalEnd } from '../connection-fault.ts';

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

export interface MemoryPipe {
  readonly chunks$: Observable<Uint8Array>;
  write(chunks: readonly Uint8Array[], settled: Settled): void;
  pause(): void;
  resume(): void;
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

/**
 * @param highWaterMark the bytes that settle before the reader takes them, as in a kernel's socket buffer. Bytes
 *   beyond it stay unsettled, and the writer bounds them.
 * @param changed called, never from within a call of the pipe, when `writeEnd` or `readEnd` may have changed.
 */
export function memoryPipe(highWaterMark: number, scheduler: SchedulerLike, changed: () => void): MemoryPipe {
  /** The bytes that the reader has not taken. Bounded by the high-water mark and the unsettled writes. */
  const queue = createFifo<Piece>();
  /** The writes that have not settled, oldest first. Bounded by whoever writes. */
  const writes = createFifo<Write>();
  /** The writes that will never be sent; they settle with a fault in the next turn. Bounded by the writer. */
  let refused: Settled[] = [];
  let written = 0;
  let taken = 0;
  let reader: Subscriber<Uint8Array> | undefined;
  let paused = false;
  let scheduled = false;
  /** Why nothing more can be written, and what further writes settle with. */
  let refusal: ConnectionFault | undefined;
  /** The end or the fault that the reader gets after the queue. */
  let last: ConnectionFault | null | undefined;
  let readEnd: ConnectionFault | null | undefined;

  /** All calling back is done by a task of the scheduler, so that no call of the pipe does it. */
  function turnSoon(): void {
    if (scheduled) return;
    scheduled = true;
    scheduler.schedule(turn);
  }

  function turn(): void {
    scheduled = false;
    settleRefused();
    settleTaken();
    // Only what is there now: one that writes whenever a write settles must let others have their turn.
    for (let left = queue.length; left > 0 && reader !== undefined && !paused; left--) {
      const piece = queue.shift();
      if (piece === undefined) break;
      taken += piece.bytes.length;
      reader.next(piece.bytes);
      settleTaken();
    }
    if (queue.length === 0 && last !== undefined && readEnd === undefined) {
      readEnd = last;
      if (reader !== undefined) signalEnd(reader, last);
    }
    if (refused.length > 0 || (queue.length > 0 && reader !== undefined && !paused)) turnSoon();
    changed();
  }

  function settleTaken(): void {
    for (
      let next = writes.first();
      next !== undefined && next.upTo - taken <= highWaterMark;
      next = writes.first()
    ) {
      writes.shift();
      next.settled();
    }
  }

  function settleRefused(): void {
    const now = refused;
    refused = [];
    for (const settled of now) settled(refusal);
  }

  function refuse(fault: ConnectionFault): void {
    refusal = fault;
    for (const write of writes) refused.push(write.settled);
    writes.clear();
    turnSoon();
  }

  return {
    chunks$: new Observable((subscriber) => {
      if (reader !== undefined) throw new Error('chunks$ is for one subscriber, and has one');
      if (readEnd !== undefined) return signalEnd(subscriber, readEnd);
      reader = subscriber;
      turnSoon();
      return () => {
        reader = undefined;
      };
    }),
    write(chunks, settled) {
      checkWrite(chunks, settled);
      turnSoon();
      if (refusal !== undefined) {
        refused.push(settled);
        return;
      }
      for (const chunk of chunks) written += chunk.length;
      const write = { upTo: written, settled };
      writes.push(write);
      for (const chunk of chunks) {
        // A copy: a write may settle before it is read, and the writer may then use its memory again.
        if (chunk.length > 0) queue.push({ bytes: new Uint8Array(chunk), write });
      }
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      turnSoon();
    },
    end() {
      refusal ??= ENDED;
      last ??= null;
      turnSoon();
    },
    dropWriter(writer, readerFault) {
      // Bytes that were ended in good order and are on their way are not taken back.
      if (last === null && writes.length === 0) return;
      const unsettled = new Set(writes);
      const kept = [...queue].filter((piece) => !unsettled.has(piece.write));
      queue.clear();
      for (const piece of kept) queue.push(piece);
      last = readerFault;
      refuse(writer);
    },
    dropReader(readerFault, writer) {
      queue.clear();
      last = readerFault;
      if (refusal === undefined || writes.length > 0) refuse(writer);
      turnSoon();
    },
    writeEnd() {
      if (refusal === undefined || writes.length > 0 || refused.length > 0) return undefined;
      return refusal === ENDED ? null : refusal;
    },
    readEnd: () => readEnd,
  };
}
