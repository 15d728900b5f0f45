/** Web Streams: what is needed of a pair of them, and what their errors mean. */
import { messageOf } from '../../base/sluice-error.ts';
import type { ConnectionFault } from '../connection.ts';
import { connectionFault, systemCode } from '../connection-fault.ts';

/** What is needed of a `ReadableStream`, so that the types of no platform are. */
export interface ReadableLike {
  /** Locks the stream, and returns what reads it. */
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** What is needed of a `WritableStream`. */
export interface WritableLike {
  /** Locks the stream, and returns what writes to it. */
  getWriter(): {
    readonly closed: Promise<unknown>;
    write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
  };
}

/** The two directions of a connection: a `WebTransportBidirectionalStream`, or any pair of streams of bytes. */
export interface WebStreams {
  /** The stream of `Uint8Array`s that the peer sends. */
  readonly readable: ReadableLike;
  /** The stream to the peer. */
  readonly writable: WritableLike;
}

/** The fault that an error of a stream stands for, when the caller does not say otherwise. */
export function streamFault(error: unknown): ConnectionFault {
  if (systemCode(error) !== undefined) return connectionFault(error);
  const words = messageOf(error);
  return { code: 'reset', message: `the stream broke: ${words}` };
}
