/**
 * A recording as a source of connections, like `listenTcp`: what serves sockets serves it unchanged.
 *
 * ```text
 *  capture ──▶ stream events ──▶ replay ──▶ connection, connection, …
 *                                   ▲             │
 *                                   └── waiting ──┘
 * ```
 *
 * The replay plays the events of all connections in the order of the recording. It stops while more than `maxWaiting`
 * bytes wait that nobody has read, and goes on when half of them were read.
 */
import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import {
  ANYTHING,
  check,
  checkOptions,
  FUNCTION,
  numberFrom,
  oneOf,
  optional,
  SCHEDULER,
} from '../../wire/argument.ts';
import { type Capture, checkCapture } from '../capture.ts';
import { type Selection, selects } from '../inspect/selection.ts';
import { readStreams, type StreamOptions } from '../read-streams.ts';
import type { Side, StreamEvent } from '../stream-event.ts';
import { createPacing, PACING_RULES, type PacingOptions } from './pacing.ts';
import { type Chunking, createRechunker } from './rechunk.ts';
import type { ReplayEvent } from './recorded-connection.ts';
import { createReplayClock } from './replay-clock.ts';
import { startReplay } from './run-replay.ts';

/** The options of `replay`: which conversations it emits, when, and how it cuts their bytes. All may be left out. */
export interface ReplayOptions extends PacingOptions {
  /** Which conversations; default all. Others cost no more than the reading. */
  readonly only?: Selection;
  /** How what was sent is cut; default as recorded. */
  readonly chunking?: Chunking;
  /** Which end the connections are: default `server`, so that `chunks$` is what the client sent. */
  readonly side?: Side;
  /** The clock and the timers; default RxJS's `asyncScheduler`. `inVirtualTime` of `sluice/testing` takes another. */
  readonly scheduler?: SchedulerLike;
  /** Bytes that may wait, over all connections, before no more is read of the file; from 0, default 16 MiB. */
  readonly maxWaiting?: number;
  /** How the packets are put together; default as `readStreams` does. */
  readonly streams?: StreamOptions;
}

/** Bytes that may wait. */
export const WAITING_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;

/**
 * Replays a capture: emits each recorded conversation as a connection, when the recording comes to its first packet,
 * and completes at the end of the file. What is written to such a connection is taken and dropped.
 *
 * The file is read while it is subscribed, no faster than the connections are: one that nobody reads, or that is
 * paused, holds up all of them once `maxWaiting` bytes wait. So read them all at once (`mergeMap`), not one after the
 * other (`concatMap`), unless the conversations of the capture do not overlap. Unsubscribing stops the reading, and
 * connections that are not over then break off with `incomplete`; of `firstValueFrom` nothing but the beginning is
 * left. To replay one conversation, use `only`.
 *
 * Errors with a `CaptureError` when the file cannot be read to its end, after everything before that was read off the
 * connections. A server stops at once when its source of connections errors: catch it, as in the second example.
 *
 * @throws RangeError at once when an option is out of its bounds.
 * @example
 * serve({ connections$: replay(captureFile('trace.pcap')), store: memoryStore() }).subscribe({
 *   next: (event) => console.log(event),
 *   error: (error) => console.error(error.message), // the capture is cut, say
 * });
 * @example
 * const connections$ = replay(captureFile('cut-off.pcap'), { only: ':8080' }).pipe(
 *   catchError((error) => {
 *     console.error(error.message);
 *     return EMPTY;
 *   }),
 * );
 */
export function replay(capture: Capture, options: ReplayOptions = {}): Observable<ReplayEvent> {
  checkCapture('replay', capture, options);
  return replayStreams(() => readStreams(capture, { resets: 'in-place', ...options.streams }), options);
}

/**
 * Replays stream events from wherever they come: `replay` without the reading.
 *
 * @param read begins to read them, once a subscription.
 * @throws RangeError at once when an option is out of its bounds.
 * @example
 * const read = () => readStreams(captureFile('trace.pcap'), { checksums: 'verify' });
 * replayStreams(read).pipe(mergeMap(({ connection }) => connection.chunks$)).subscribe({
 *   next: (chunk) => console.log(`${chunk.length} bytes`),
 *   error: (error) => console.error(error.message),
 * });
 */
export function replayStreams(
  read: () => AsyncIterable<readonly StreamEvent[]>,
  options: ReplayOptions = {},
): Observable<ReplayEvent> {
  check('replayStreams: what reads them', read, FUNCTION);
  checkOptions('replay', options, {
    side: optional(oneOf('client', 'server')),
    scheduler: optional(SCHEDULER),
    maxWaiting: optional(numberFrom(0)),
    only: ANYTHING,
    chunking: ANYTHING,
    streams: ANYTHING,
    ...PACING_RULES,
  });
  const { chunking = 'recorded', side = 'server', scheduler = asyncScheduler } = options;
  const { maxWaiting = WAITING_BYTES_MAX_DEFAULT } = options;
  const isWanted = selects(options.only);
  // Wrong options throw here, and not at a subscription.
  createPacing(options);
  createRechunker(chunking);

  return new Observable((subscriber) => {
    const due = createPacing(options);
    const clock = createReplayClock(scheduler);
    startReplay({ subscriber, read, isWanted, side, chunking, maxWaiting, due, clock });
  });
}
