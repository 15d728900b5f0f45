/** Plays a recording to live servers: the events of all conversations one after the other, in its order. */
import type { Subscriber } from 'rxjs';
import type { Conversation, ConversationClose, ConversationEvent, StreamEvent } from '../stream-event.ts';
import type { LiveResult } from './live-result.ts';
import { type Pacing, recordedTime } from './pacing.ts';
import type { ProgressWaits } from './progress-wait.ts';
import { incomplete } from './recorded-fault.ts';
import type { ReplayClient } from './replay-client.ts';
import type { ReplayClock } from './replay-clock.ts';

export interface LiveReplay {
  readonly subscriber: Subscriber<LiveResult>;
  /** Begins to read the recording. */
  readonly read: () => AsyncIterable<readonly StreamEvent[]>;
  /** Whether a conversation is replayed. */
  readonly isWanted: (conversation: Conversation) => boolean;
  /** Connects. Resolves when it is connected or cannot be. */
  readonly createClient: (conversation: Conversation) => Promise<ReplayClient>;
  /** Conversations that are open at once. */
  readonly maxOpen: number;
  readonly due: Pacing;
  readonly clock: ReplayClock;
  readonly waits: ProgressWaits;
  /** Bounded by `maxOpen`. */
  readonly clients: Map<Conversation, ReplayClient>;
  /** Conversations that close while later events are played. Bounded by `maxOpen`. */
  readonly closing: Set<Promise<void>>;
  /** The client that sent something last: it may hold back bytes for a larger chunk. */
  current: ReplayClient | null;
}

/** Never rejects: the subscriber gets the error that the reading throws, after all results. */
export async function runLiveReplay(replay: LiveReplay): Promise<void> {
  const { subscriber, clients, closing } = replay;
  let thrown: unknown;
  let hasFailed = false;
  try {
    await play(replay);
  } catch (error) {
    thrown = error;
    hasFailed = true;
  }
  // Some clients are left only when the reading broke off.
  for (const client of clients.values()) {
    closing.add(client.close('unfinished').then((result) => subscriber.next(result)));
  }
  clients.clear();
  await Promise.all(closing);
  if (hasFailed) subscriber.error(thrown);
  else subscriber.complete();
}

/** Ends all waits, and drops the connections. */
export function stopLiveReplay({ clock, waits, clients }: LiveReplay): void {
  clock.stop();
  waits.stop();
  for (const client of clients.values()) client.destroy();
}

async function play(replay: LiveReplay): Promise<void> {
  const { subscriber, due, clock } = replay;
  for await (const events of replay.read()) {
    for (const event of events) {
      if (!('conversation' in event) || !replay.isWanted(event.conversation)) continue;
      const time = recordedTime(event);
      if (time !== null && clock.isEarly(due(time))) {
        await replay.current?.flush();
        await clock.until(due(time));
      }
      await playEvent(replay, event);
      if (subscriber.closed) return;
    }
  }
}

async function playEvent(replay: LiveReplay, event: ConversationEvent): Promise<void> {
  const { conversation } = event;
  const client = replay.clients.get(conversation) ?? null;
  if (replay.current !== client || event.type === 'close') {
    await replay.current?.flush();
    replay.current = client;
  }
  if (event.type === 'open') {
    await othersCaughtUp(replay, null);
    return open(replay, conversation);
  }
  if (client === null) return;
  switch (event.type) {
    case 'close':
      replay.current = null;
      return close(replay, client, event);
    case 'reset':
      return client.reset(event.from === 'client');
    case 'conflict':
      return;
    case 'chunk':
      if (event.from === 'server') return client.recorded(event);
      await othersCaughtUp(replay, client);
      return client.send(event);
    case 'gap':
      if (event.from === 'server') return client.markIncomplete();
      return client.breakOff(incomplete(event).message);
    case 'end':
      if (event.from === 'client') await othersCaughtUp(replay, client);
      if (event.from === 'client') await client.end();
  }
}

/** Waits until the other conversations have got the replies that were recorded before this point. */
async function othersCaughtUp({ clients }: LiveReplay, client: ReplayClient | null): Promise<void> {
  for (const other of clients.values()) {
    if (other !== client && other.isBehind()) await other.caughtUp();
  }
}

async function open(replay: LiveReplay, conversation: Conversation): Promise<void> {
  const { subscriber, clients, maxOpen } = replay;
  if (clients.size >= maxOpen) return subscriber.next(tooMany(conversation, maxOpen));
  const client = await replay.createClient(conversation);
  if (subscriber.closed) client.destroy();
  else clients.set(conversation, client);
}

const tooMany = (conversation: Conversation, maxOpen: number): LiveResult => ({
  conversation,
  sent: 0,
  received: 0,
  replies: 0,
  compared: 0,
  same: null,
  differences: [],
  more: 0,
  fault: { code: 'too-many', message: `${maxOpen} conversations are open already` },
});

async function close(replay: LiveReplay, client: ReplayClient, event: ConversationClose): Promise<void> {
  const { subscriber, clients, closing, maxOpen } = replay;
  clients.delete(event.conversation);
  const closed = client.close(event.reason).then((result) => subscriber.next(result));
  // Later events of the recording came after this end, so wait for it; a conversation that never ended has no end.
  if (event.reason === 'ended' || event.reason === 'reset') return closed;
  closing.add(closed);
  void closed.finally(() => closing.delete(closed));
  if (closing.size >= maxOpen) await Promise.race(closing);
}
