/** Plays a recording as connections: the events of all conversations one after the other, in its order. */
import type { Subscriber } from 'rxjs';
import type { ConnectionFault } from '../../transport/connection.ts';
import type { Conversation, ConversationEvent, Side, StreamEvent } from '../stream-event.ts';
import { type Pacing, recordedTime } from './pacing.ts';
import type { Chunking } from './rechunk.ts';
import { createRecordedSide, type RecordedSide, type ReplayEvent } from './recorded-connection.ts';
import type { RecordedSideDeps } from './recorded-delivery.ts';
import { incomplete, resetIn, unfinished } from './recorded-fault.ts';
import type { ReplayClock } from './replay-clock.ts';

export interface ReplayPlan {
  readonly subscriber: Subscriber<ReplayEvent>;
  /** Begins to read the recording. */
  readonly read: () => AsyncIterable<readonly StreamEvent[]>;
  /** Whether a conversation is replayed. */
  readonly isWanted: (conversation: Conversation) => boolean;
  /** Which end the connections are. */
  readonly side: Side;
  readonly chunking: Chunking;
  /** Bytes that may wait, over all connections, before the replay stops. */
  readonly maxWaiting: number;
  readonly due: Pacing;
  readonly clock: ReplayClock;
}

interface ReplayState extends ReplayPlan {
  /** The conversations that are not over. Bounded by how many the reassembly keeps open. */
  readonly sides: Map<Conversation, RecordedSide>;
  readonly sideDeps: RecordedSideDeps;
  /** Bytes that wait, over all connections. */
  waiting: number;
  /** Connections that are not read to their end. */
  unread: number;
}

/** Begins to play. The subscriber gets the error that the reading throws. */
export function startReplay(plan: ReplayPlan): void {
  const { subscriber, clock } = plan;
  const replay: ReplayState = {
    ...plan,
    sides: new Map(),
    sideDeps: {
      onWaitingChange: (change) => {
        replay.waiting += change;
        clock.recheck();
      },
      onReadToEnd: () => {
        replay.unread--;
        clock.recheck();
      },
    },
    waiting: 0,
    unread: 0,
  };
  subscriber.add(() => {
    clock.stop();
    breakOffAll(replay, 'the replay was stopped before the connection was over');
  });
  void run(replay);
}

async function run(replay: ReplayState): Promise<void> {
  const { subscriber, clock } = replay;
  try {
    await play(replay);
  } catch (thrown) {
    breakOffAll(replay, `the recording cannot be read any further: ${messageOf(thrown)}`);
    await clock.while(() => replay.unread > 0);
    return subscriber.error(thrown);
  }
  breakOffAll(replay, 'the recording ends before the connection does');
  subscriber.complete();
}

const messageOf = (thrown: unknown): string =>
  (thrown as { message?: string } | null)?.message ?? String(thrown);

async function play(replay: ReplayState): Promise<void> {
  const { subscriber, due, clock, maxWaiting } = replay;
  for await (const events of countReads(replay.read())) {
    for (const event of events) {
      if (!('conversation' in event) || !replay.isWanted(event.conversation)) continue;
      const time = recordedTime(event);
      if (time !== null && clock.isEarly(due(time))) await clock.until(due(time));
      if (replay.waiting > maxWaiting) await clock.while(() => replay.waiting > maxWaiting / 2);
      if (subscriber.closed) return;
      playEvent(replay, event);
    }
    // Blocks that are in memory already would otherwise come without a turn of the event loop between them.
    await new Promise((resolve) => setImmediate(resolve));
    if (subscriber.closed) return;
  }
}

function playEvent(replay: ReplayState, event: ConversationEvent): void {
  const { sides, side } = replay;
  const { conversation } = event;
  if (event.type === 'open') return open(replay, conversation);
  const recordedSide = sides.get(conversation);
  if (recordedSide === undefined) return;
  switch (event.type) {
    case 'close':
      sides.delete(conversation);
      // Behind an end, or a reset, this changes nothing.
      if (isUnended(event.reason)) recordedSide.over(unfinished(conversation, side, event));
      return recordedSide.close();
    case 'conflict':
    case 'ignored':
    case 'after-reset':
      return;
    case 'reset':
      recordedSide.recorded(event);
      return recordedSide.over(resetIn(event, side));
  }
  if (event.from === side) return recordedSide.recorded(event);
  if (event.type === 'chunk') return recordedSide.chunk(event.bytes);
  recordedSide.over(event.type === 'end' ? null : incomplete(event));
}

const isUnended = (reason: string): boolean => reason !== 'ended' && reason !== 'reset';

function open(replay: ReplayState, conversation: Conversation): void {
  const { subscriber, sides, side, chunking, sideDeps } = replay;
  const recordedSide = createRecordedSide(conversation, side, chunking, sideDeps);
  sides.set(conversation, recordedSide);
  replay.unread++;
  subscriber.next({ type: 'connection', connection: recordedSide.connection });
}

/** Breaks off the connections that are not over, with the fault `incomplete`. */
function breakOffAll({ sides }: ReplayState, message: string): void {
  const fault: ConnectionFault = { code: 'incomplete', message };
  for (const recordedSide of sides.values()) {
    recordedSide.over(fault);
    recordedSide.close();
  }
  sides.clear();
}

/** Batches of recordings that replays of this process wait for. */
let pendingReads = 0;

/**
 * Whether a replay waits for its recording. Virtual time cannot see what the system is asked for: to it, such a replay
 * would have nothing left to do.
 */
export const hasPendingReads = (): boolean => pendingReads > 0;

/** Returns the same batches, and counts those that are waited for. */
async function* countReads<T>(source: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  const batches = source[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<T>> => {
    pendingReads++;
    try {
      return await batches.next();
    } finally {
      pendingReads--;
    }
  };
  try {
    for (let batch = await next(); !batch.done; batch = await next()) yield batch.value;
  } finally {
    await batches.return?.();
  }
}
