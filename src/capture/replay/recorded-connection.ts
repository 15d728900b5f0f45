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
import { AsyncSubject, asapScheduler, Observable, Subject, type Subscriber } from 'rxjs';
import { createFifo } from '../../base/fifo.ts';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import { DESTROYED, ENDED, signalEnd } from '../../transport/connection-fault.ts';
import type { Conversation, Side, StreamChunk, StreamEnd, StreamGap, StreamReset } from '../stream-event.ts';
import { type Chunking, createRechunker } from './rechunk.ts';

/** The events of one side, in the order of the recording. */
export type SideEvent = StreamChunk | StreamGap | StreamEnd | StreamReset;

/**
 * A connection out of a recording.
 *
 * `chunks$` is what the other end sent: it completes at its FIN, errors with `reset` at a RST, and with `incomplete`
 * where the recording lacks something or ends. What is written is taken, and goes nowhere but to `written$`.
 */
export interface RecordedConnection extends Connection {
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

/** The calls by which a connection reports to its replay. */
export interface RecordedSideDeps {
  /** The bytes in the queue of a connection have changed by this much. */
  readonly onWaitingChange: (change: number) => void;
  /** All bytes of a connection were read. */
  readonly onReadToEnd: () => void;
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
  readonly over: (how: ConnectionFault | null) => void;
  /** An event of this end. */
  readonly recorded: (event: SideEvent) => void;
  /** The conversation is over: nothing more comes. */
  readonly close: () => void;
}

/** Approximate memory of a waiting event, besides its bytes. */
const EVENT_COST_BYTES = 128;
/** Chunks emitted before others have their turn. */
const BATCH_CHUNKS = 4096;

type Waiting = { readonly bytes: Uint8Array } | { readonly how: ConnectionFault | null };
type Settled = (fault?: ConnectionFault) => void;

let made = 0;

/** Creates one end of a recorded conversation, for a replay to feed. */
export function createRecordedSide(
  conversation: Conversation,
  side: Side,
  chunking: Chunking,
  deps: RecordedSideDeps,
): RecordedSide {
  const recorded$ = new Subject<SideEvent>();
  const written$ = new Subject<Uint8Array>();
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  const rechunker = createRechunker(chunking, conversation.index);
  /** Bounded by the replay. */
  const queue = createFifo<Waiting>();
  let reader: Subscriber<Uint8Array> | undefined;
  let paused = false;
  let delivering = false;
  let scheduled = false;
  /** Whether the rechunker may have something to pull. */
  let cutting = false;
  /** How the other side ended, once the subscriber has seen it. */
  let readEnd: ConnectionFault | null | undefined;
  let isRead = false;
  let ended = false;
  /** Why nothing can be written any more, other than that our side was ended. */
  let broken: ConnectionFault | undefined;
  let closed = false;
  /** Writes that settle in the next turn, oldest first. Bounded by the code that writes. */
  let settling: { readonly settled: Settled; readonly fault: ConnectionFault | undefined }[] = [];

  /** Calling back waits for the scheduler, so that no call of the connection does it. */
  function turnSoon(): void {
    if (scheduled) return;
    scheduled = true;
    asapScheduler.schedule(turn);
  }

  function turn(): void {
    scheduled = false;
    const now = settling;
    settling = [];
    for (const { settled, fault } of now) settled(fault);
    if (broken === DESTROYED && readEnd === undefined) endReading(DESTROYED);
    deliver();
    closeIfOver();
  }

  function deliver(): void {
    // The subscriber may pause, resume, destroy or unsubscribe within `next`.
    if (delivering) return;
    delivering = true;
    let left = BATCH_CHUNKS;
    while (reader !== undefined && !paused && readEnd === undefined) {
      if (left-- === 0) {
        setImmediate(turnSoon);
        break;
      }
      const chunk = cutting ? rechunker.pull() : null;
      if (chunk !== null) {
        reader.next(chunk);
        continue;
      }
      cutting = false;
      if (!deliverNext()) break;
    }
    delivering = false;
    if (readEnd === null && queue.length > 0) breakBehindEnd();
  }

  /** Takes what is next off the queue; answers whether there was something. */
  function deliverNext(): boolean {
    const next = queue.first();
    if (next === undefined) return false;
    if ('bytes' in next) {
      shift(next.bytes.length);
      rechunker.push(next.bytes);
      cutting = true;
      return true;
    }
    const last = rechunker.flush();
    if (last !== null) reader?.next(last);
    else {
      shift(0);
      endReading(next.how);
    }
    return true;
  }

  /** A fault behind the end in good order is the connection's, though no longer the reader's. */
  function breakBehindEnd(): void {
    const fault = [...queue].find((waiting) => 'how' in waiting && waiting.how !== null);
    drop();
    if (fault === undefined || !('how' in fault) || fault.how === null) return;
    broken ??= fault.how;
    closeIfOver();
  }

  function shift(bytes: number): void {
    queue.shift();
    deps.onWaitingChange(-bytes - EVENT_COST_BYTES);
  }

  function drop(): void {
    while (queue.length > 0) {
      const next = queue.first()!;
      shift('bytes' in next ? next.bytes.length : 0);
    }
    cutting = false;
  }

  function wait(waiting: Waiting, bytes: number): void {
    queue.push(waiting);
    deps.onWaitingChange(bytes + EVENT_COST_BYTES);
  }

  function endReading(how: ConnectionFault | null): void {
    readEnd = how;
    if (how !== null) broken ??= how;
    doneReading();
    const told = reader;
    if (told !== undefined) signalEnd(told, how);
    turnSoon();
  }

  function doneReading(): void {
    if (isRead) return;
    isRead = true;
    deps.onReadToEnd();
  }

  function closeIfOver(): void {
    if (closed || settling.length > 0 || delivering) return;
    if (broken === undefined && !(ended && readEnd === null)) return;
    if (readEnd === undefined) return;
    closed = true;
    written$.complete();
    closed$.next(broken ?? null);
    closed$.complete();
  }

  const { client, server } = conversation;
  const connection: RecordedConnection = {
    id: `recorded:${conversation.index}#${++made}`,
    local: side === 'server' ? server : client,
    remote: side === 'server' ? client : server,
    conversation,
    side,
    recorded$: recorded$.asObservable(),
    written$: written$.asObservable(),
    closed$: closed$.asObservable(),
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
      const fault = broken ?? (ended ? ENDED : undefined);
      if (fault === undefined) {
        for (const chunk of chunks) if (chunk.length > 0) written$.next(chunk);
      }
      settling.push({ settled, fault });
      turnSoon();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      turnSoon();
    },
    end() {
      ended = true;
      turnSoon();
    },
    destroy() {
      if (closed || broken !== undefined) return;
      broken = DESTROYED;
      drop();
      doneReading();
      turnSoon();
    },
  };

  return {
    connection,
    chunk(bytes) {
      if (broken !== undefined || readEnd !== undefined) return;
      if (queue.length === 0 && !cutting && !delivering && reader !== undefined && !paused) {
        rechunker.push(bytes);
        cutting = true;
        return deliver();
      }
      // A copy: what waits for long must not keep the whole block of the file it is a view of.
      wait({ bytes: new Uint8Array(bytes) }, bytes.length);
      if (cutting) turnSoon();
    },
    over(how) {
      if (broken !== undefined) return;
      wait({ how }, 0);
      if (!delivering) turnSoon();
    },
    recorded: (event) => recorded$.next(event),
    close: () => recorded$.complete(),
  };
}
