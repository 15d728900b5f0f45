/**
 * The deframer as an RxJS operator.
 */
import { Observable, type OperatorFunction, Subject, takeUntil } from 'rxjs';
import { check, FRAMING } from '../argument.ts';
import { type BytesLike, bytesOf } from '../bytes.ts';
import type { FrameEvent } from '../frame-event.ts';
import type { Framing } from '../framing.ts';
import { createInTurn } from '../in-turn.ts';
import { finish, initialDeframeState, type Stepped, stepUpTo } from './deframe-step.ts';

/** Events that one step makes before the operator emits them. */
const EVENTS_AT_ONCE_MAX = 64;

/**
 * Finds the frames in a stream of bytes, however the stream is cut into chunks.
 *
 * ```text
 *  chunks   --[4 a b]---[c d][1 x 0]-----------|
 *  deframe  ------------(frame 'abcd')(frame 'x')(frame '')--|     each as soon as its last byte is there
 * ```
 *
 * A fault in the bytes is an event, never an error of the Observable. After a fatal fault the result completes and
 * unsubscribes from the source. When the source completes in the middle of a frame, a fault `truncated` comes before
 * the completion. When the source errors, so does the result, at once. The `chunks$` of a connection errors whenever
 * the peer resets it, so give `subscribe` an `error`, or an unhandled error ends the process. An error that a
 * callback of the framing throws is an error of the result, and so is a chunk that is not bytes (a string, say): a
 * `TypeError`.
 *
 * After a fatal fault the connection has no reader any more, and a connection that is not read does not learn that
 * its peer is gone: end it with `closeGracefully`, or `destroy` it.
 *
 * Between chunks the operator keeps only the incomplete frame (for a streamed body: a few numbers), never a chunk.
 *
 * @throws TypeError when the argument is no framing.
 * @example
 * const framing = lengthField({ width: 4, maxLength: 1024 * 1024 });
 * connection.chunks$.pipe(deframe(framing)).subscribe({
 *   next: (event) => {
 *     if (event.type === 'frame') console.log(`${event.body.length} bytes`);
 *     if (event.type === 'fault') console.log(`${event.fault.message}: ${event.fault.ascii}`);
 *   },
 *   error: (error) => console.log(`${connection.remote}: ${error.message}`), // it was reset, say
 *   complete: () => closeGracefully(connection).subscribe(), // the peer has ended, or a fault was fatal
 * });
 */
export function deframe<H>(framing: Framing<H>): OperatorFunction<BytesLike, FrameEvent<H>> {
  check('deframe: its framing', framing, FRAMING);
  return (source) =>
    new Observable((subscriber) => {
      let state = initialDeframeState<H>();
      // A subscriber that handles an event may make the source emit at once (by crediting bytes, say).
      const inTurn = createInTurn(subscriber);

      const emit = (stepped: Stepped<H>): void => {
        state = stepped.state;
        for (const event of stepped.events) {
          if (subscriber.closed) return;
          subscriber.next(event);
        }
        if (state.part.phase === 'over') subscriber.complete();
      };

      // A source may emit before `subscribe` returns the subscription that could end it.
      const over$ = new Subject<void>();
      subscriber.add(() => over$.next());
      source.pipe(takeUntil(over$)).subscribe({
        next: (chunk) =>
          inTurn(() => {
            const bytes = bytesOf(chunk, 'a chunk');
            for (let at = 0; at < bytes.length && !subscriber.closed; ) {
              const stepped = stepUpTo(framing, state, bytes, at, EVENTS_AT_ONCE_MAX);
              at = stepped.at;
              emit(stepped);
            }
          }),
        error: (error: unknown) => inTurn(() => subscriber.error(error)),
        complete: () => inTurn(() => emit(finish(framing, state))),
      });
    });
}
