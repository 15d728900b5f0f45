/** A pair of Web Streams as a `Connection`: WebTransport, a serial port, a worker, a `TransformStream`. */
import { AsyncSubject } from 'rxjs';
import { checkOptions, FUNCTION, optional, TEXT, withMethods } from '../../wire/argument.ts';
import { chunksOf, createChunkReader, endReading, isFlowing } from '../chunk-reader.ts';
import type { Address, Connection, ConnectionFault } from '../connection.ts';
import { connectionFault, DESTROYED, systemCode } from '../connection-fault.ts';
import { createOutbox } from './outbox.ts';

/** What is needed of a `ReadableStream`, so that the types of no platform are. */
export interface ReadableLike {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** What is needed of a `WritableStream`. */
export interface WritableLike {
  getWriter(): {
    readonly closed: Promise<unknown>;
    write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
  };
}

export interface WebStreams {
  readonly readable: ReadableLike;
  readonly writable: WritableLike;
}

export interface WebStreamsOptions {
  /** Default `streams:` and a number. */
  readonly id?: string;
  /** Default the id. */
  readonly local?: Address;
  /** Default `unknown`. */
  readonly remote?: Address;
  /**
   * Turns what a stream errors with into a fault. By default an error of a system has the system's code, and every
   * other one is a `reset`: a stream that errors was dropped by its other end.
   */
  readonly faultOf?: (error: unknown) => ConnectionFault;
}

const READABLE = withMethods('a ReadableStream', ['getReader']);
const WRITABLE = withMethods('a WritableStream', ['getWriter']);

let made = 0;

/**
 * Wraps two streams, which from then on belong to the connection and are locked. `readable` must emit `Uint8Array`s;
 * anything else is a fault `failed` that drops the connection.
 *
 * It reads nothing before `chunks$` has a subscriber. While paused it holds at most one chunk, and what the stream
 * itself reads ahead. A write settles when the stream has taken it: how much is on its way then is the stream's
 * business (its high-water mark). `destroy` cancels the one and aborts the other. A stream that errors drops what it
 * still held, as Web Streams do, so that bytes that came shortly before a reset may be lost.
 *
 * @example
 * const transport = new WebTransport('https://example.net/');
 * const connection = fromWebStreams(await transport.createBidirectionalStream());
 * @throws TypeError when an argument is of the wrong kind, or a stream is locked.
 */
export function fromWebStreams(streams: WebStreams, options: WebStreamsOptions = {}): Connection {
  checkOptions('fromWebStreams', streams, { readable: READABLE, writable: WRITABLE });
  checkOptions('fromWebStreams', options, {
    id: optional(TEXT),
    local: optional(TEXT),
    remote: optional(TEXT),
    faultOf: optional(FUNCTION),
  });
  const { id = `streams:${++made}`, faultOf = streamFault } = options;
  const source = streams.readable.getReader();
  const sink = streams.writable.getWriter();
  const reader = createChunkReader();
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  /** The chunk that came when nobody took one. */
  let held: Uint8Array | undefined;
  let isPulling = false;
  let isEnded = false;
  let isDestroyed = false;
  /** Whether the stream takes nothing more, and why, when it did not end in good order. */
  let isWriteOver = false;
  let writeFault: ConnectionFault | undefined;
  let isClosed = false;

  const outbox = createOutbox({
    isReady: () => !isWriteOver,
    send: (message, upTo) => {
      sink.write(message).then(() => outbox.settleUpTo(upTo), onWriteFailed);
    },
    changed: finish,
  });
  sink.closed.catch(onWriteFailed);

  function onWriteFailed(error: unknown): void {
    if (isWriteOver) return;
    isWriteOver = true;
    writeFault = faultOf(error);
    outbox.refuse(writeFault);
  }

  /** Emits the chunk that waits, and asks for the next one. */
  function flow(): void {
    if (isDestroyed) return;
    if (isFlowing(reader) && held !== undefined) {
      const chunk = held;
      held = undefined;
      reader.subscriber?.next(chunk);
    }
    if (isPulling || held !== undefined || !isFlowing(reader) || reader.end !== undefined) return;
    isPulling = true;
    source.read().then(onRead, onReadFailed);
  }

  function onRead({ done, value }: { readonly done: boolean; readonly value?: unknown }): void {
    isPulling = false;
    if (isDestroyed) return;
    if (done) {
      endReading(reader, null);
      finish();
    } else if (!(value instanceof Uint8Array)) {
      onBroken({ code: 'failed', message: 'the stream emitted a chunk that is not a Uint8Array' });
    } else {
      if (value.length > 0) held = value;
      flow();
    }
  }

  function onReadFailed(error: unknown): void {
    if (!isDestroyed) onBroken(faultOf(error), error);
  }

  function onBroken(fault: ConnectionFault, reason?: unknown): void {
    drop(fault, reason);
    endReading(reader, fault, reason);
  }

  /** Gives up both streams, at once. */
  function drop(fault: ConnectionFault, reason: unknown = new Error(fault.message)): void {
    held = undefined;
    // What was ended in good order, and taken, is on its way.
    if (!isWriteOver && !(isEnded && !outbox.isWaiting())) sink.abort(reason).catch(() => {});
    isWriteOver = true;
    outbox.refuse(fault);
    source.cancel(reason).catch(() => {});
  }

  function finish(): void {
    if (isClosed || !isWriteOver || reader.end === undefined || outbox.isWaiting()) return;
    isClosed = true;
    // Input that ended in good order stays so, whatever became of the bytes that we sent.
    const unread = writeFault && { ...writeFault, code: 'unread' as const };
    closed$.next(isDestroyed ? DESTROYED : (reader.end ?? unread ?? null));
    closed$.complete();
  }

  return {
    id,
    local: options.local ?? id,
    remote: options.remote ?? 'unknown',
    chunks$: chunksOf(reader, () => queueMicrotask(flow)),
    closed$: closed$.asObservable(),
    write: outbox.write,
    pause: () => {
      reader.isPaused = true;
    },
    resume: () => {
      reader.isPaused = false;
      queueMicrotask(flow);
    },
    end() {
      if (isEnded || isWriteOver) return;
      isEnded = true;
      outbox.end();
      outbox.flush();
      sink.close().then(() => {
        isWriteOver = true;
        outbox.settleUpTo(Number.POSITIVE_INFINITY);
        finish();
      }, onWriteFailed);
    },
    destroy() {
      if (isClosed || isDestroyed) return;
      isDestroyed = true;
      drop(DESTROYED);
      queueMicrotask(() => {
        endReading(reader, DESTROYED);
        finish();
      });
    },
  };
}

function streamFault(error: unknown): ConnectionFault {
  if (systemCode(error) !== undefined) return connectionFault(error);
  const words = error instanceof Error ? error.message : String(error);
  return { code: 'reset', message: `the stream broke: ${words}` };
}
