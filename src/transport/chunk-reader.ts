/**
 * The reading side of a connection: `chunks$` has one subscriber at a time, and nothing is read before it comes.
 *
 * A connection keeps a `ChunkReader` as a plain record, so that its receive path costs no call more.
 */
import { Observable, type Subscriber } from 'rxjs';
import { StateError } from '../base/sluice-error.ts';
import type { ConnectionFault } from './connection.ts';
import { signalEnd } from './connection-fault.ts';

export interface ChunkReader {
  /** The subscriber of `chunks$`, while there is one. */
  subscriber: Subscriber<Uint8Array> | undefined;
  /** Whether `pause` was called, and `resume` not since. */
  isPaused: boolean;
  /** How reading ended: null in good order, undefined while it goes on. */
  end: ConnectionFault | null | undefined;
  /** The error that the fault was made of, where there was one. */
  cause: unknown;
}

export const createChunkReader = (): ChunkReader => ({
  subscriber: undefined,
  isPaused: false,
  end: undefined,
  cause: undefined,
});

/**
 * The `chunks$` of a connection. A subscriber that comes after the end gets the end.
 *
 * @param subscribed called when a subscriber has come and reading goes on.
 * @param unsubscribed called when the subscriber has left.
 */
export function chunksOf(
  reader: ChunkReader,
  subscribed: () => void,
  unsubscribed?: () => void,
): Observable<Uint8Array> {
  return new Observable((subscriber) => {
    if (reader.subscriber !== undefined)
      return subscriber.error(new StateError('has-subscriber', 'chunks$ is for one subscriber, and has one'));
    if (reader.end !== undefined) return signalEnd(subscriber, reader.end, reader.cause);
    reader.subscriber = subscriber;
    subscribed();
    return () => {
      reader.subscriber = undefined;
      unsubscribed?.();
    };
  });
}

/** Whether a chunk may be emitted now. */
export const isFlowing = ({ subscriber, isPaused }: ChunkReader): boolean =>
  subscriber !== undefined && !isPaused;

/** Ends reading, and with it `chunks$`. Only the first end counts. @param cause the error that the fault was made of. */
export function endReading(reader: ChunkReader, end: ConnectionFault | null, cause?: unknown): void {
  if (reader.end !== undefined) return;
  reader.end = end;
  reader.cause = cause;
  if (reader.subscriber !== undefined) signalEnd(reader.subscriber, end, cause);
}
