/**
 * Sends the client's side of a recording to a live server: the same requests again, each once the replies have come that
 * the client had before it.
 */
import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';
import {
  ANYTHING,
  check,
  checkFields,
  checkOptions,
  FLAG,
  FRAMING,
  FUNCTION,
  MILLISECONDS,
  optional,
  RECORD,
  type RulesFor,
  SCHEDULER,
  wholeFrom,
} from '../../wire/argument.ts';
import { type Capture, checkCapture } from '../capture.ts';
import { type Selection, selects } from '../inspect/selection.ts';
import { readStreams, type StreamOptions } from '../read-streams.ts';
import type { Conversation, StreamEvent } from '../stream-event.ts';
import type { LiveResult } from './live-result.ts';
import { createPacing, PACING_RULES, type PacingOptions } from './pacing.ts';
import { createProgressWaits } from './progress-wait.ts';
import { type Chunking, createRechunker } from './rechunk.ts';
import { createReplayClient } from './replay-client.ts';
import { createReplayClock } from './replay-clock.ts';
import type { Replies } from './replies.ts';
import { type LiveReplay, runLiveReplay, stopLiveReplay } from './run-live-replay.ts';

/** The options of `replayTo`: which requests it sends, when, and how it compares the replies. All may be left out. */
export interface LiveOptions<H> extends PacingOptions {
  /** Which conversations; default all. */
  readonly only?: Selection;
  /** How what is sent is cut; default as recorded. Nothing is joined that the client sent in answer to something. */
  readonly chunking?: Chunking;
  /**
   * How replies are framed: `presetReplies` makes this of a preset. Default none: replies are waited for and compared
   * as bytes, which suits servers that answer with the same number of bytes each time.
   */
  readonly replies?: Replies<H>;
  /** Conversations at once, from 1, default 256: those beyond are not replayed, and have the fault `too-many`. */
  readonly maxOpen?: number;
  /** Milliseconds to wait for something to come that was recorded, 0 to 2^31 - 1; default 10,000. */
  readonly stall?: number;
  /**
   * Whether the end of a client waits for all replies that came before it, as its chunks do for those that it had seen;
   * default false: a server of files answers what it was asked all the same, and may wait for that end.
   */
  readonly awaitsBeforeEnd?: boolean;
  /** The clock and the timers; default RxJS's `asyncScheduler`. */
  readonly scheduler?: SchedulerLike;
  /** How the packets are put together; default as `readStreams` does. */
  readonly streams?: StreamOptions;
}

/**
 * Sends what the clients of a recording sent to a live server, over a connection each, and emits how each conversation
 * went when it is over. Completes at the end of the recording.
 *
 * The recording is played in its order. A chunk is sent when all of the replies are there that its client had seen
 * (`StreamChunk.seen`), and those that other conversations had been given before it: so what depended on an answer then
 * depends on it now. What was open at the same time is again. With `replies` whole replies are counted, so that they
 * may be longer or shorter than they were; without, bytes. What does not come within `stall` is the fault of that
 * conversation alone.
 *
 * In memory there are, for each open conversation, at most 16 MiB of recorded replies that have not come yet and 4 MiB
 * of replies that were not recorded yet, and what `chunking` puts together.
 *
 * Unsubscribing drops the connections. Errors with a `CaptureError` when the capture cannot be read to its end, after
 * the results of everything before it.
 *
 * @param connect is subscribed to once for each conversation.
 * @throws RangeError at once when an option is out of its bounds.
 * @example
 * replayTo(captureFile('trace.pcap'), () => connectTcp({ host: '127.0.0.1', port: 5432 })).subscribe({
 *   next: (result) => console.log(result.conversation.index, result.same, result.fault),
 *   error: (error) => console.error(error.message), // the capture is cut, say
 * });
 */
export function replayTo<H>(
  capture: Capture,
  connect: (conversation: Conversation) => Observable<Connection>,
  options: LiveOptions<H> = {},
): Observable<LiveResult> {
  checkCapture('replayTo', capture, options);
  return replayStreamsTo(
    () => readStreams(capture, { resets: 'in-place', ...options.streams }),
    connect,
    options,
  );
}

/** What they are besides being there is checked by what takes them. */
export const LIVE_RULES: RulesFor<LiveOptions<unknown>> = {
  replies: optional(RECORD),
  maxOpen: optional(wholeFrom(1)),
  stall: optional(MILLISECONDS),
  awaitsBeforeEnd: optional(FLAG),
  scheduler: optional(SCHEDULER),
  only: ANYTHING,
  chunking: ANYTHING,
  streams: ANYTHING,
  ...PACING_RULES,
};

/**
 * Replays stream events from wherever they come: `replayTo` without the reading of a file.
 *
 * @param read begins to read them, once a subscription.
 * @param connect is subscribed to once for each conversation.
 * @throws RangeError at once when an option is out of its bounds.
 * @example
 * const read = () => readStreams(captureFile('trace.pcap'), { checksums: 'verify' });
 * replayStreamsTo(read, () => connectTcp({ host: '127.0.0.1', port: 5432 })).subscribe({
 *   next: ({ conversation, same }) => console.log(conversation.index, same),
 *   error: (error) => console.error(error.message),
 * });
 */
export function replayStreamsTo<H>(
  read: () => AsyncIterable<readonly StreamEvent[]>,
  connect: (conversation: Conversation) => Observable<Connection>,
  options: LiveOptions<H> = {},
): Observable<LiveResult> {
  check('replayTo: what reads the streams', read, FUNCTION);
  check('replayTo: what connects', connect, FUNCTION);
  checkOptions<object>('replayTo', options, LIVE_RULES);
  if (options.replies !== undefined) checkFields('replies', options.replies, { framing: FRAMING });
  const { chunking = 'recorded', replies = null, maxOpen = 256, stall = 10_000 } = options;
  const { scheduler = asyncScheduler, awaitsBeforeEnd = false } = options;
  const isWanted = selects(options.only);
  // Wrong options throw here, and not at a subscription.
  createPacing(options);
  createRechunker(chunking);

  return new Observable((subscriber) => {
    const waits = createProgressWaits(scheduler, stall);
    const live: LiveReplay = {
      subscriber,
      read,
      isWanted,
      createClient: (conversation) => {
        const connecting$ = connect(conversation);
        return createReplayClient({
          conversation,
          connecting$,
          replies,
          chunking,
          waits,
          stall,
          awaitsBeforeEnd,
        });
      },
      maxOpen,
      due: createPacing(options),
      clock: createReplayClock(scheduler),
      waits,
      clients: new Map(),
      closing: new Set(),
      current: null,
    };
    subscriber.add(() => stopLiveReplay(live));
    void runLiveReplay(live);
  });
}
