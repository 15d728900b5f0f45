/**
 * The client's side of a recording, sent to a live server: the same requests again, each when what the client had been
 * answered before it is there.
 */
import { asyncScheduler, Observable, type SchedulerLike } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';
import {
  check,
  checkOptions,
  FRAMING,
  FUNCTION,
  MILLISECONDS,
  optional,
  RECORD,
  SCHEDULER,
  wholeFrom,
} from '../../wire/argument.ts';
import { type Capture, checkCapture } from '../capture.ts';
import { type Selection, selects } from '../inspect/selection.ts';
import { readStreams, type StreamOptions } from '../read-streams.ts';
import type { Conversation, ConversationEvent, StreamEvent } from '../stream-event.ts';
import { createPacing, type PacingOptions, recordedTime } from './pacing.ts';
import { createProgressWaits } from './progress-wait.ts';
import { type Chunking, createRechunker } from './rechunk.ts';
import { incomplete } from './recorded-fault.ts';
import { createReplayClient, type LiveResult, type ReplayClient } from './replay-client.ts';
import { createReplayClock } from './replay-clock.ts';
import type { Replies } from './replies.ts';

export interface LiveOptions<H> extends PacingOptions {
  /** Which conversations; default all. */
  readonly only?: Selection;
  /** How what is sent is cut; default as recorded. Nothing is joined that the client sent in answer to something. */
  readonly chunking?: Chunking;
  /**
   * How replies are framed: `presetReplies` makes this of a preset. Without it, replies are waited for and compared as
   * bytes, which suits servers that answer with the same number of bytes each time.
   */
  readonly replies?: Replies<H>;
  /** Conversations at once, default 256: those beyond are not replayed, and have the fault `too-many`. */
  readonly maxOpen?: number;
  /** Milliseconds to wait for something to come that was recorded; default 10,000. */
  readonly stall?: number;
  readonly scheduler?: SchedulerLike;
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
 * Unsubscribing drops the connections. Errors with a `CaptureFault` when the capture cannot be read to its end, after
 * the results of everything before it.
 *
 * @param connect is subscribed to once for each conversation.
 * @throws RangeError at once when an option is out of its bounds.
 * @example
 * replayTo(captureFile('trace.pcap'), () => connectTcp({ host: '127.0.0.1', port: 5432 })).subscribe({
 *   next: (result) => console.log(result.conversation.index, result.same, result.fault),
 *   error: (fault) => console.error(fault.message), // the capture is cut, say
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

/** Replays stream events from wherever they come: `replayTo` without the reading. */
export function replayStreamsTo<H>(
  read: () => AsyncIterable<readonly StreamEvent[]>,
  connect: (conversation: Conversation) => Observable<Connection>,
  options: LiveOptions<H> = {},
): Observable<LiveResult> {
  check('replayTo: what reads the streams', read, FUNCTION);
  check('replayTo: what connects', connect, FUNCTION);
  checkOptions('replayTo', options, {
    replies: optional(RECORD),
    maxOpen: optional(wholeFrom(1)),
    stall: optional(MILLISECONDS),
    scheduler: optional(SCHEDULER),
  });
  if (options.replies !== undefined) checkOptions('replies', options.replies, { framing: FRAMING });
  const { chunking = 'recorded', replies = null, maxOpen = 256, stall = 10_000 } = options;
  const { scheduler = asyncScheduler } = options;
  const isWanted = selects(options.only);
  createPacing(options);
  createRechunker(chunking);

  return new Observable((subscriber) => {
    const due = createPacing(options);
    const clock = createReplayClock(scheduler);
    const waits = createProgressWaits(scheduler, stall);
    /** Bounded by `maxOpen`. */
    const clients = new Map<Conversation, ReplayClient>();
    /** Conversations whose end is not waited for by the others. Bounded by the same. */
    const closing = new Set<Promise<void>>();
    /** The client that sent something last: it may hold back bytes for a larger chunk. */
    let current: ReplayClient | null = null;

    async function open(conversation: Conversation): Promise<void> {
      if (clients.size >= maxOpen) {
        const message = `${maxOpen} conversations are open already`;
        const nothing = {
          sent: 0,
          received: 0,
          replies: 0,
          compared: 0,
          same: null,
          differences: [],
          more: 0,
        };
        return subscriber.next({ conversation, ...nothing, fault: { code: 'too-many', message } });
      }
      const connecting$ = connect(conversation);
      const client = await createReplayClient({ conversation, connecting$, replies, chunking, waits, stall });
      if (subscriber.closed) client.destroy();
      else clients.set(conversation, client);
    }

    /** Waits until the other conversations have got the replies that were recorded before this point. */
    async function othersCaughtUp(client: ReplayClient | null): Promise<void> {
      for (const other of clients.values()) {
        if (other !== client && other.isBehind()) await other.caughtUp();
      }
    }

    async function close(
      client: ReplayClient,
      event: Extract<StreamEvent, { type: 'close' }>,
    ): Promise<void> {
      clients.delete(event.conversation);
      const closed = client.close(event.reason).then((result) => subscriber.next(result));
      // Later events of the recording came after this end, so wait for it; a conversation that never ended has no end.
      if (event.reason === 'ended' || event.reason === 'reset') return closed;
      closing.add(closed);
      void closed.finally(() => closing.delete(closed));
      if (closing.size >= maxOpen) await Promise.race(closing);
    }

    async function replayEvent(event: ConversationEvent): Promise<void> {
      const { conversation } = event;
      const client = clients.get(conversation) ?? null;
      if (current !== client || event.type === 'close') {
        await current?.flush();
        current = client;
      }
      if (event.type === 'open') {
        await othersCaughtUp(null);
        return open(conversation);
      }
      if (client === null) return;
      switch (event.type) {
        case 'close':
          current = null;
          return close(client, event);
        case 'reset':
          return client.reset(event.from === 'client');
        case 'conflict':
          return;
        case 'chunk':
          if (event.from === 'server') return client.recorded(event);
          await othersCaughtUp(client);
          return client.send(event);
        case 'gap':
          if (event.from === 'server') return client.lose();
          return client.breakOff(incomplete(event).message);
        case 'end':
          if (event.from === 'client') await othersCaughtUp(client);
          if (event.from === 'client') await client.end();
      }
    }

    async function play(): Promise<void> {
      for await (const events of read()) {
        for (const event of events) {
          if (!('conversation' in event) || !isWanted(event.conversation)) continue;
          const time = recordedTime(event);
          if (time !== null && clock.isEarly(due(time))) {
            await current?.flush();
            await clock.until(due(time));
          }
          await replayEvent(event);
          if (subscriber.closed) return;
        }
      }
    }

    async function run(): Promise<void> {
      let thrown: unknown;
      let failed = false;
      try {
        await play();
      } catch (error) {
        thrown = error;
        failed = true;
      }
      // Some are left only when the reading broke off.
      for (const client of clients.values()) {
        closing.add(client.close('unfinished').then((result) => subscriber.next(result)));
      }
      clients.clear();
      await Promise.all(closing);
      if (failed) subscriber.error(thrown);
      else subscriber.complete();
    }

    subscriber.add(() => {
      clock.stop();
      waits.stop();
      for (const client of clients.values()) client.destroy();
    });
    void run();
  });
}
