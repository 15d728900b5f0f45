/** One end of a recorded conversation: its state, and the delivery of the other end's bytes to the subscriber. */
import { AsyncSubject, asapScheduler, Subject } from 'rxjs';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import { type ChunkReader, createChunkReader, endReading, isFlowing } from '../../transport/chunk-reader.ts';
import type { ConnectionFault } from '../../transport/connection.ts';
import { DESTROYED } from '../../transport/connection-fault.ts';
import type { Rechunker } from './rechunk.ts';

/** The calls by which a connection reports to its replay. */
export interface RecordedSideDeps {
  /** The bytes in the queue of a connection have changed by this much. */
  readonly onWaitingChange: (change: number) => void;
  /** All bytes of a connection were read. */
  readonly onReadToEnd: () => void;
}

/** Bytes that the other end sent, or its end: null in good order. */
type Waiting = { readonly bytes: Uint8Array } | { readonly end: ConnectionFault | null };
export type Settled = (fault?: ConnectionFault) => void;

export interface RecordedSideState {
  readonly deps: RecordedSideDeps;
  readonly rechunker: Rechunker;
  readonly written$: Subject<Uint8Array>;
  readonly closed$: AsyncSubject<ConnectionFault | null>;
  /** Bounded by the replay. */
  readonly queue: Fifo<Waiting>;
  /** Who reads `chunks$`, and how the other side ended, once the subscriber has seen it. */
  readonly reader: ChunkReader;
  /** Whether `deliver` is under way. */
  isDelivering: boolean;
  /** Whether a turn is scheduled. */
  isScheduled: boolean;
  /** Whether the rechunker may have something to pull. */
  isCutting: boolean;
  /** Whether nothing more will be read: all was read, or the connection was destroyed. */
  isRead: boolean;
  /** Whether our side was ended. */
  isEnded: boolean;
  /** Why nothing can be written any more, other than that our side was ended. */
  fault: ConnectionFault | undefined;
  isClosed: boolean;
  /** Writes that settle in the next turn, oldest first. Bounded by the code that writes. */
  settling: { readonly settled: Settled; readonly fault: ConnectionFault | undefined }[];
  /** Runs a turn of this side. */
  readonly runTurn: () => void;
}

export function createRecordedSideState(rechunker: Rechunker, deps: RecordedSideDeps): RecordedSideState {
  const side: RecordedSideState = {
    deps,
    rechunker,
    written$: new Subject(),
    closed$: new AsyncSubject(),
    queue: createFifo(),
    reader: createChunkReader(),
    isDelivering: false,
    isScheduled: false,
    isCutting: false,
    isRead: false,
    isEnded: false,
    fault: undefined,
    isClosed: false,
    settling: [],
    runTurn: () => turn(side),
  };
  return side;
}

/** Schedules a turn. The connection calls back only in turns, so that it never does within a call to it. */
export function turnSoon(side: RecordedSideState): void {
  if (side.isScheduled) return;
  side.isScheduled = true;
  asapScheduler.schedule(side.runTurn);
}

function turn(side: RecordedSideState): void {
  side.isScheduled = false;
  const { settling } = side;
  side.settling = [];
  for (const { settled, fault } of settling) settled(fault);
  if (side.fault === DESTROYED && side.reader.end === undefined) finishReading(side, DESTROYED);
  deliver(side);
  closeIfOver(side);
}

/** Chunks emitted before other connections have their turn. */
const BATCH_CHUNKS = 4096;

/** Emits what waits, as long as the subscriber wants it. */
export function deliver(side: RecordedSideState): void {
  // The subscriber may pause, resume, destroy or unsubscribe within `next`.
  if (side.isDelivering) return;
  side.isDelivering = true;
  let left = BATCH_CHUNKS;
  while (isFlowing(side.reader) && side.reader.end === undefined) {
    if (left-- === 0) {
      setImmediate(turnSoon, side);
      break;
    }
    const chunk = side.isCutting ? side.rechunker.pull() : null;
    if (chunk !== null) {
      side.reader.subscriber?.next(chunk);
      continue;
    }
    side.isCutting = false;
    if (!deliverNext(side)) break;
  }
  side.isDelivering = false;
  if (side.reader.end === null && side.queue.length > 0) breakBehindEnd(side);
}

/** Takes the next entry off the queue; returns whether there was one. */
function deliverNext(side: RecordedSideState): boolean {
  const { queue, rechunker } = side;
  const next = queue.first();
  if (next === undefined) return false;
  if ('bytes' in next) {
    shift(side, next.bytes.length);
    rechunker.push(next.bytes);
    side.isCutting = true;
    return true;
  }
  const last = rechunker.flush();
  if (last !== null) side.reader.subscriber?.next(last);
  else {
    shift(side, 0);
    finishReading(side, next.end);
  }
  return true;
}

/** A fault behind the end in good order fails the connection, although no longer the reader. */
function breakBehindEnd(side: RecordedSideState): void {
  const waiting = [...side.queue].find((entry) => 'end' in entry && entry.end !== null);
  dropQueue(side);
  if (waiting === undefined || !('end' in waiting) || waiting.end === null) return;
  side.fault ??= waiting.end;
  closeIfOver(side);
}

function finishReading(side: RecordedSideState, fault: ConnectionFault | null): void {
  if (fault !== null) side.fault ??= fault;
  endReading(side.reader, fault);
  doneReading(side);
  turnSoon(side);
}

/** Reports to the replay, once, that nothing more will be read. */
export function doneReading(side: RecordedSideState): void {
  if (side.isRead) return;
  side.isRead = true;
  side.deps.onReadToEnd();
}

function closeIfOver(side: RecordedSideState): void {
  if (side.isClosed || side.settling.length > 0 || side.isDelivering) return;
  if (side.fault === undefined && !(side.isEnded && side.reader.end === null)) return;
  if (side.reader.end === undefined) return;
  side.isClosed = true;
  side.written$.complete();
  side.closed$.next(side.fault ?? null);
  side.closed$.complete();
}

/** Approximate memory of a waiting event, besides its bytes. */
const EVENT_COST_BYTES = 128;

export function enqueue(side: RecordedSideState, waiting: Waiting): void {
  side.queue.push(waiting);
  side.deps.onWaitingChange(('bytes' in waiting ? waiting.bytes.length : 0) + EVENT_COST_BYTES);
}

function shift(side: RecordedSideState, bytes: number): void {
  side.queue.shift();
  side.deps.onWaitingChange(-bytes - EVENT_COST_BYTES);
}

export function dropQueue(side: RecordedSideState): void {
  const { queue } = side;
  for (let next = queue.first(); next !== undefined; next = queue.first()) {
    shift(side, 'bytes' in next ? next.bytes.length : 0);
  }
  side.isCutting = false;
}
