/**
 * One end of a recorded conversation, as a connection like any other.
 *
 * ```text
 *  replay ──▶ queue ──▶ rechunk ──▶ chunks$         bytes that the other end sent
 *        └──────────────────────▶ recorded$        bytes that this end sent in the recording
 *  write ───────────────────────▶ written$         bytes that this end would send now
 * ```
 *
 * The replay bounds the queue: it stops while too much waits in all queues together. Besides the queue, a connection
 * holds the segment that is being cut, and the chunk that is being put together.
 */
import { type Observable, Subject } from 'rxjs';
import { chunksOf, isFlowing } from '../../transport/chunk-reader.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { DESTROYED, ENDED } from '../../transport/connection-fault.ts';
import type { Conversation, Side, StreamChunk, StreamEnd, StreamGap, StreamReset } from '../stream-event.ts';
import { type Chunking, createRechunker } from './rechunk.ts';
import {
  createRecordedSideState,
  deliver,
  doneReading,
  dropQueue,
  enqueue,
  type RecordedSideDeps,
  type RecordedSideState,
  type Settled,
  turnSoon,
} from './recorded-delivery.ts';

/** The events of one side, in the order of the recording. */
export type SideEvent = StreamChunk | StreamGap | StreamEnd | StreamReset;

/**
 * A connection out of a recording.
 *
 * `chunks$` is what the other end sent: it completes at its FIN, errors with `reset` at a RST, and with `incomplete`
 * where the recording lacks something or ends. What is written is taken, and goes nowhere but to `written$`.
 */
export interface RecordedConnection extends Connection {
  /** The recorded conversation. */
  readonly conversation: Conversation;
  /** Which end this is. */
  readonly side: Side;
  /**
   * The events of this end in the recording, for comparison: emitted when the replay comes to it, whether or not
   * `chunks$` is read, and not kept for later subscribers. Subscribe when you receive the connection. Completes with
   * the conversation.
   */
  readonly recorded$: Observable<SideEvent>;
  /**
   * Bytes that are written to this end, emitted within the call of `write`: copy what you keep. Completes when our side
   * is over.
   */
  readonly written$: Observable<Uint8Array>;
}

/**
 * `replay` emits each recorded conversation as a connection. The event is a `ListenEvent`, so that a server takes it.
 */
export interface ReplayEvent {
  readonly type: 'connection';
  /** The subscriber owns it, and must end or destroy it. */
  readonly connection: RecordedConnection;
}

/** A recorded connection, and the calls by which the replay feeds it. */
export interface RecordedSide {
  readonly connection: RecordedConnection;
  /** The next bytes of the other end. They are copied unless they can be emitted at once. */
  readonly chunk: (bytes: Uint8Array) => void;
  /**
   * The other end is over, behind all of this: in good order (null), or not. Only the first counts, and a fault after
   * it.
   */
  readonly over: (fault: ConnectionFault | null) => void;
  /** An event of this end. */
  readonly recorded: (event: SideEvent) => void;
  /** The conversation is over: nothing more comes. */
  readonly close: () => void;
}

let connectionCount = 0;

/** Creates one end of a recorded conversation, for a replay to feed. */
export function createRecordedSide(
  conversation: Conversation,
  side: Side,
  chunking: Chunking,
  deps: RecordedSideDeps,
): RecordedSide {
  const recorded$ = new Subject<SideEvent>();
  const state = createRecordedSideState(createRechunker(chunking, conversation.index), deps);
  return {
    connection: connectionOf(state, conversation, side, recorded$.asObservable()),
    chunk: (bytes) => takeChunk(state, bytes),
    over: (fault) => takeEnd(state, fault),
    recorded: (event) => recorded$.next(event),
    close: () => recorded$.complete(),
  };
}

function connectionOf(
  state: RecordedSideState,
  conversation: Conversation,
  side: Side,
  recorded$: Observable<SideEvent>,
): RecordedConnection {
  const { client, server } = conversation;
  return {
    id: `recorded:${conversation.index}#${++connectionCount}`,
    local: side === 'server' ? server : client,
    remote: side === 'server' ? client : server,
    conversation,
    side,
    recorded$,
    written$: state.written$.asObservable(),
    closed$: state.closed$.asObservable(),
    chunks$: chunksOf(state.reader, () => turnSoon(state)),
    write: (chunks, settled) => write(state, chunks, settled),
    pause: () => {
      state.reader.isPaused = true;
    },
    resume: () => {
      state.reader.isPaused = false;
      turnSoon(state);
    },
    end: () => {
      state.isEnded = true;
      turnSoon(state);
    },
    destroy: () => destroy(state),
  };
}

function write(state: RecordedSideState, chunks: readonly Uint8Array[], settled: Settled): void {
  const fault = state.fault ?? (state.isEnded ? ENDED : undefined);
  if (fault === undefined) {
    for (const chunk of chunks) if (chunk.length > 0) state.written$.next(chunk);
  }
  state.settling.push({ settled, fault });
  turnSoon(state);
}

function destroy(state: RecordedSideState): void {
  if (state.isClosed || state.fault !== undefined) return;
  state.fault = DESTROYED;
  dropQueue(state);
  doneReading(state);
  turnSoon(state);
}

function takeChunk(state: RecordedSideState, bytes: Uint8Array): void {
  const { queue, rechunker, reader, isCutting, isDelivering } = state;
  if (state.fault !== undefined || reader.end !== undefined) return;
  if (queue.length === 0 && !isCutting && !isDelivering && isFlowing(reader)) {
    rechunker.push(bytes);
    state.isCutting = true;
    return deliver(state);
  }
  // A copy: what waits for long must not keep the whole block of the file it is a view of.
  enqueue(state, { bytes: new Uint8Array(bytes) });
  if (state.isCutting) turnSoon(state);
}

function takeEnd(state: RecordedSideState, fault: ConnectionFault | null): void {
  if (state.fault !== undefined) return;
  enqueue(state, { end: fault });
  if (!state.isDelivering) turnSoon(state);
}
