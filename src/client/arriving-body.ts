/** The body of an answer, as it arrives. */
import { Observable, type Subscriber } from 'rxjs';
import { unshared } from '../base/bytes.ts';
import { StateError } from '../base/sluice-error.ts';
import type { ClientError } from './client-fault.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

export interface ArrivingBody {
  /** How many bytes `bytes$` emits in all. */
  readonly length: number;
  /**
   * The bytes, in the pieces in which they arrive; each is a view that may be kept, and that a `Blob` takes. It is for
   * one subscriber, and the connection is paused until it has one. Completes after exactly `length` bytes; errors with
   * a `ClientError` when the connection breaks before that. After an early unsubscription the remaining bytes arrive
   * and are dropped.
   */
  readonly bytes$: Observable<Uint8Array<ArrayBuffer>>;
  /**
   * Stops `bytes$`, and with it every reply on this connection. Bytes that have arrived already (at most 128 KiB) are
   * still emitted. `resume` undoes it, and so does the end or the unsubscription of `bytes$`.
   */
  readonly pause: () => void;
  /** Undoes `pause`. */
  readonly resume: () => void;
}

/**
 * Holds the bytes that arrive before there is a subscriber: the connection is paused, so they are one or two chunks.
 */
export function createArrivingBody(pipeline: RequestPipeline) {
  let reader: Subscriber<Uint8Array<ArrayBuffer>> | null = null;
  let unread: Uint8Array<ArrayBuffer>[] = [];
  let end: ClientError | null = null;
  let complete = false;
  let subscribed = false;

  const bytes$ = new Observable<Uint8Array<ArrayBuffer>>((subscriber) => {
    if (subscribed)
      return subscriber.error(new StateError('has-subscriber', 'bytes$ is for one subscriber, and has one'));
    subscribed = true;
    const before = unread;
    unread = [];
    for (const bytes of before) subscriber.next(bytes);
    if (complete) return subscriber.complete();
    if (end !== null) return subscriber.error(end);
    reader = subscriber;
    pipeline.resume();
    return () => {
      reader = null;
      if (!complete && end === null) pipeline.resume();
    };
  });

  return {
    /** The body as its receiver sees it, of so many bytes. */
    arriving: (length: number): ArrivingBody => ({
      length,
      bytes$,
      pause: () => {
        if (!complete && end === null) pipeline.pause();
      },
      resume: () => {
        if (!complete && end === null) pipeline.resume();
      },
    }),
    /** The body was emitted, and its receiver may not have subscribed to `bytes$` yet. */
    begun: () => {
      if (!subscribed) pipeline.pause();
    },
    data: (bytes: Uint8Array) => {
      if (!subscribed) unread.push(unshared(bytes));
      else reader?.next(unshared(bytes));
    },
    ended: () => {
      complete = true;
      pipeline.resume();
      reader?.complete();
    },
    failed: (error: ClientError) => {
      end = error;
      reader?.error(error);
    },
    /** The request was unsubscribed: the remaining bytes are dropped as they arrive. */
    left: () => {
      if (complete || end !== null) return;
      unread = [];
      subscribed = true;
      pipeline.resume();
    },
  };
}
