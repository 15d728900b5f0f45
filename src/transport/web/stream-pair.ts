/** The state of a connection over two Web Streams, and the steps that read, write and end it. */
import { AsyncSubject } from 'rxjs';
import { type ChunkReader, createChunkReader, endReading, isFlowing } from '../chunk-reader.ts';
import type { ConnectionFault } from '../connection.ts';
import { DESTROYED } from '../connection-fault.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import type { ReadableLike, WebStreams, WritableLike } from './web-streams-like.ts';

type ReadResult = Awaited<ReturnType<ReturnType<ReadableLike['getReader']>['read']>>;

export interface StreamPair {
  readonly source: ReturnType<ReadableLike['getReader']>;
  readonly sink: ReturnType<WritableLike['getWriter']>;
  readonly faultOf: (error: unknown) => ConnectionFault;
  readonly reader: ChunkReader;
  readonly outbox: Outbox;
  readonly closed$: AsyncSubject<ConnectionFault | null>;
  /** The chunk that came when nobody took one. */
  held: Uint8Array | undefined;
  /** Whether the source was asked for a chunk and has not answered. */
  isPulling: boolean;
  /** Whether `end` was called. */
  isEnded: boolean;
  /** Whether `destroy` was called. */
  isDestroyed: boolean;
  /** Whether the sink takes nothing more. */
  isWriteOver: boolean;
  /** Why the sink takes nothing more, when it did not end in good order. */
  writeFault: ConnectionFault | undefined;
  /** Whether `closed$` has emitted. */
  isClosed: boolean;
  /** The answers to each read and each write of the streams. They are made once, since those come often. */
  readonly onRead: (result: ReadResult) => void;
  readonly onReadFailed: (error: unknown) => void;
  readonly onWriteFailed: (error: unknown) => void;
}

/** Locks both streams. */
export function createStreamPair(streams: WebStreams, faultOf: StreamPair['faultOf']): StreamPair {
  const pair: StreamPair = {
    source: streams.readable.getReader(),
    sink: streams.writable.getWriter(),
    faultOf,
    reader: createChunkReader(),
    outbox: createOutbox({
      isReady: () => !pair.isWriteOver,
      send: (message, upTo) => {
        pair.sink.write(message).then(() => pair.outbox.settleUpTo(upTo), pair.onWriteFailed);
      },
      changed: () => finish(pair),
    }),
    closed$: new AsyncSubject(),
    held: undefined,
    isPulling: false,
    isEnded: false,
    isDestroyed: false,
    isWriteOver: false,
    writeFault: undefined,
    isClosed: false,
    onRead: (result) => onRead(pair, result),
    onReadFailed: (error) => {
      if (!pair.isDestroyed) onBroken(pair, faultOf(error), error);
    },
    onWriteFailed: (error) => onWriteFailed(pair, error),
  };
  pair.sink.closed.catch(pair.onWriteFailed);
  return pair;
}

/** Emits the chunk that waits, and asks for the next one. */
export function flow(pair: StreamPair): void {
  const { reader } = pair;
  if (pair.isDestroyed) return;
  if (isFlowing(reader) && pair.held !== undefined) {
    const chunk = pair.held;
    pair.held = undefined;
    reader.subscriber?.next(chunk);
  }
  if (pair.isPulling || pair.held !== undefined || !isFlowing(reader) || reader.end !== undefined) return;
  pair.isPulling = true;
  pair.source.read().then(pair.onRead, pair.onReadFailed);
}

function onRead(pair: StreamPair, { done, value }: ReadResult): void {
  pair.isPulling = false;
  if (pair.isDestroyed) return;
  if (done) {
    endReading(pair.reader, null);
    finish(pair);
  } else if (!(value instanceof Uint8Array)) {
    onBroken(pair, { code: 'failed', message: 'the stream emitted a chunk that is not a Uint8Array' });
  } else {
    if (value.length > 0) pair.held = value;
    flow(pair);
  }
}

function onBroken(pair: StreamPair, fault: ConnectionFault, reason?: unknown): void {
  drop(pair, fault, reason);
  endReading(pair.reader, fault, reason);
}

function onWriteFailed(pair: StreamPair, error: unknown): void {
  if (pair.isWriteOver) return;
  pair.isWriteOver = true;
  pair.writeFault = pair.faultOf(error);
  pair.outbox.refuse(pair.writeFault);
}

/** Closes the sink, once it has taken everything that was written. Reading goes on. */
export function end(pair: StreamPair): void {
  const { sink, outbox } = pair;
  if (pair.isEnded || pair.isWriteOver) return;
  pair.isEnded = true;
  outbox.end();
  outbox.flush();
  sink.close().then(() => {
    pair.isWriteOver = true;
    outbox.settleUpTo(Number.POSITIVE_INFINITY);
    finish(pair);
  }, pair.onWriteFailed);
}

export function destroy(pair: StreamPair): void {
  if (pair.isClosed || pair.isDestroyed) return;
  pair.isDestroyed = true;
  drop(pair, DESTROYED);
  queueMicrotask(() => {
    endReading(pair.reader, DESTROYED);
    finish(pair);
  });
}

/** Gives up both streams, at once. */
function drop(pair: StreamPair, fault: ConnectionFault, reason: unknown = new Error(fault.message)): void {
  const { source, sink, outbox } = pair;
  pair.held = undefined;
  // What was ended in good order, and taken, is on its way.
  if (!pair.isWriteOver && !(pair.isEnded && !outbox.isWaiting())) sink.abort(reason).catch(() => {});
  pair.isWriteOver = true;
  outbox.refuse(fault);
  source.cancel(reason).catch(() => {});
}

/** Ends the connection, when both sides have ended and each write has settled. */
function finish(pair: StreamPair): void {
  const { reader, outbox, writeFault, closed$ } = pair;
  if (pair.isClosed || !pair.isWriteOver || reader.end === undefined || outbox.isWaiting()) return;
  pair.isClosed = true;
  // Input that ended in good order stays so, whatever became of the bytes that we sent.
  const unread = writeFault && { ...writeFault, code: 'unread' as const };
  closed$.next(pair.isDestroyed ? DESTROYED : (reader.end ?? unread ?? null));
  closed$.complete();
}
