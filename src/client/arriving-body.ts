/** The body of an answer, as it arrives. */
import { Observable, type Subscriber } from 'rxjs';
import { unshared } from '../base/bytes.ts';
import { StateError } from '../base/sluice-error.ts';
import type { ClientError } from './client-fault.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

const GIVEN_UP =
  'the request was unsubscribed, and with it the rest of its body: stay subscribed to it while bytes$ is read';

export interface ArrivingBody {
  /** How many bytes `bytes$` emits in all. */
  readonly length: number;
  /**
   * The bytes, in the pieces in which they arrive; each is a view that may be kept, and that a `Blob` takes. It is for
   * one subscriber, and the connection is paused until it has one. Completes after exactly `length` bytes; errors with a
   * `ClientError` when the connection breaks before that, and with a `StateError` when the request itself is unsubscribed
   * (`firstValueFrom` and `take(1)` do that). After an early unsubscription the remaining bytes arrive and are dropped.
   */
  readonly bytes$: Observable<Uint8Array<ArrayBuffer>>;
  /**
   * Stops `bytes$`, and with it every reply on this connection. Bytes that have arrived already (at most 128 KiB) are
   * still emitted. `resume` undoes it, and so does the end or the unsubscription of `bytes$`. Before the body and after
   * it both do nothing: another body may be arriving.
   */
  readonly pause: () => void;
  /** Undoes `pause`. */
  readonly resume: () => void;
}

/**
 * Holds the bytes that arrive before there is a subscriber: the connection is paused, so they are one or two chunks.
 *
 *   the body     the connection                                          next
 *   awaited      is of no concern to it                                  arriving, over
 *   arriving     is paused until there is a subscriber, and by `pause`   over
 *   over         is of no concern to it: perhaps another body arrives
 *
 * It is over when it has ended or failed, or nobody wants the rest.
 */
export function createArrivingBody(pipeline: RequestPipeline) {
  let phase: 'awaited' | 'arriving' | 'over' = 'awaited';
  let reader: Subscriber<Uint8Array<ArrayBuffer>> | null = null;
  let unread: Uint8Array<ArrayBuffer>[] = [];
  let subscribed = false;
  let pausedByReader = false;
  let end: ClientError | StateError | null = null;

  /** The connection goes on, with the rest of this body or with what is behind it. */
  const over = () => {
    if (phase === 'arriving') pipeline.resume();
    phase = 'over';
  };
  const pause = () => {
    if (phase !== 'arriving') return;
    pausedByReader = true;
    pipeline.pause();
  };
  const resume = () => {
    if (phase !== 'arriving') return;
    pausedByReader = false;
    pipeline.resume();
  };

  const bytes$ = new Observable<Uint8Array<ArrayBuffer>>((subscriber) => {
    if (subscribed)
      return subscriber.error(new StateError('has-subscriber', 'bytes$ is for one subscriber, and has one'));
    subscribed = true;
    const before = unread;
    unread = [];
    for (const bytes of before) subscriber.next(bytes);
    if (end !== null) return subscriber.error(end);
    if (phase === 'over') return subscriber.complete();
    reader = subscriber;
    if (!pausedByReader) pipeline.resume();
    return () => {
      reader = null;
      over();
    };
  });

  return {
    /** The body as its receiver sees it, of so many bytes: the first of them is the next to arrive. */
    arriving: (length: number): ArrivingBody => {
      phase = 'arriving';
      return { length, bytes$, pause, resume };
    },
    /** The body was emitted, and its receiver may not have subscribed to `bytes$` yet. */
    begun: () => {
      if (!subscribed && phase === 'arriving') pipeline.pause();
    },
    data: (bytes: Uint8Array) => {
      if (!subscribed) unread.push(unshared(bytes));
      else reader?.next(unshared(bytes));
    },
    ended: () => {
      over();
      reader?.complete();
    },
    failed: (error: ClientError) => {
      if (phase !== 'over') end = error;
      phase = 'over';
      reader?.error(error);
    },
    /** The request was unsubscribed: the remaining bytes are dropped as they arrive. */
    left: () => {
      if (phase === 'over') return;
      unread = [];
      end = new StateError('closed', GIVEN_UP);
      over();
      reader?.error(end);
    },
  };
}
