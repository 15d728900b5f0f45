/**
 * Plays one recorded conversation to a live server, and compares the replies.
 *
 * ```text
 *  recorded requests ──▶ await replies ──▶ rechunk ──▶ live server
 *  recorded replies ───▶ comparison ◀───── replies ◀──────┘
 * ```
 */
import { lastValueFrom, type Observable } from 'rxjs';
import type { Connection } from '../../transport/connection.ts';
import { connectionFault } from '../../transport/connection-fault.ts';
import type { CloseReason, Conversation, StreamChunk } from '../stream-event.ts';
import { awaitReplies, repliesCame } from './await-replies.ts';
import { flush, listen, pauseIfAhead, resume, write } from './live-connection.ts';
import type { LiveResult } from './live-result.ts';
import type { ProgressWaits } from './progress-wait.ts';
import type { Chunking } from './rechunk.ts';
import {
  createReplayClientState,
  fail,
  isSilent,
  type ReplayClientState,
  resultOf,
} from './replay-client-state.ts';
import type { Replies } from './replies.ts';

export interface ReplayClient {
  /** The client's next bytes. Resolves when they were taken, or never will be. */
  readonly send: (chunk: StreamChunk) => Promise<void>;
  /** Sends what is being put together for the next chunk. */
  readonly flush: () => Promise<void>;
  /** Recorded bytes of the server. Resolves when not too many of them are still to come from the live server. */
  readonly recorded: (chunk: StreamChunk) => Promise<void>;
  /** Recorded bytes of the server are missing: later replies are not compared. */
  readonly markIncomplete: () => void;
  /** The recorded client has ended its side. */
  readonly end: () => Promise<void>;
  /** The recording has a reset. */
  readonly reset: (byClient: boolean) => Promise<void>;
  /** Breaks off, because the client's next bytes are missing in the recording. Resolves when it has broken off. */
  readonly breakOff: (why: string) => Promise<void>;
  /**
   * Resolves when all replies that were recorded up to now have come. If they do not come in time, other conversations
   * do not wait for this client again.
   */
  readonly caughtUp: () => Promise<void>;
  /** Whether other conversations still have to wait for it. */
  readonly isBehind: () => boolean;
  /** The conversation is over in the recording. */
  readonly close: (reason: CloseReason) => Promise<LiveResult>;
  readonly destroy: () => void;
}

export interface ReplayClientOptions<H> {
  readonly conversation: Conversation;
  readonly connecting$: Observable<Connection>;
  readonly replies: Replies<H> | null;
  readonly chunking: Chunking;
  readonly waits: ProgressWaits;
  /** For messages: milliseconds. */
  readonly stall: number;
  /** Whether the client's end waits for all replies that came before it. */
  readonly awaitsBeforeEnd: boolean;
}

/** Recorded bytes of replies that the live server may still have to send, before the replay waits for it. */
const RECORDED_BYTES_WAITING_MAX = 16 * 1024 * 1024;
/** Bytes that are read from a live server after the recorded conversation is over. */
const CLOSING_BYTES_MAX = 16 * 1024 * 1024;
/** Pieces sent before the event loop goes round: a server in the same process must have its turn. */
const PIECES_PER_TURN = 1024;
/** Milliseconds without a reply, after which the client expects no more replies to what it sent before missing bytes. */
const QUIET_MS = 250;

/** Connects, and resolves when it is connected or cannot be. */
export async function createReplayClient<H>(options: ReplayClientOptions<H>): Promise<ReplayClient> {
  const { conversation, replies, chunking, waits, stall } = options;
  const client = createReplayClientState(conversation, replies, chunking, waits, stall);
  try {
    client.connection = await lastValueFrom(options.connecting$);
    listen(client, client.connection);
  } catch (thrown) {
    fail(client, { code: 'connect', message: connectionFault(thrown).message });
  }
  return {
    send: (chunk) => send(client, chunk),
    flush: () => flush(client),
    recorded: (chunk) => addRecorded(client, chunk),
    markIncomplete: client.comparison.markIncomplete,
    end: () => end(client, options.awaitsBeforeEnd),
    reset: (byClient) => reset(client, byClient),
    breakOff: (why) => breakOff(client, why),
    caughtUp: () => caughtUp(client),
    isBehind: () => !client.isSlow && !isSilent(client) && !repliesCame(client, null)(),
    close: (reason) => close(client, reason),
    destroy: () => client.connection?.destroy(),
  };
}

async function send(client: ReplayClientState, chunk: StreamChunk): Promise<void> {
  const { comparison, rechunker } = client;
  const seen = chunk.seen ?? client.recordedReplyBytes;
  // By the recording, whether or not those replies have come already: the same seed must cut the same.
  if (seen > client.seenBytes) await flush(client);
  client.seenBytes = seen;
  await awaitReplies(client, chunk.seen);
  comparison.sent(chunk.bytes);
  rechunker.push(chunk.bytes);
  let left = PIECES_PER_TURN;
  for (let piece = rechunker.pull(); piece !== null; piece = rechunker.pull()) {
    await write(client, piece);
    if (--left > 0) continue;
    left = PIECES_PER_TURN;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function addRecorded(client: ReplayClientState, chunk: StreamChunk): Promise<void> {
  const { comparison, waits, stall } = client;
  client.recordedReplyBytes = chunk.position + chunk.bytes.length;
  if (client.fault !== null) return;
  comparison.recorded(chunk);
  if (client.paused) pauseIfAhead(client);
  const isNear = () => comparison.recordedBytesWaiting() <= RECORDED_BYTES_WAITING_MAX || isSilent(client);
  if (!isNear()) await waits.until(isNear, () => client.received);
  if (!isNear()) {
    fail(client, { code: 'stalled', message: `nothing of the replies has come for ${stall / 1000} s` });
  }
}

async function end(client: ReplayClientState, awaitsReplies: boolean): Promise<void> {
  await flush(client);
  if (awaitsReplies) await awaitReplies(client, null);
  client.clientEnded = true;
  client.connection?.end();
}

async function reset(client: ReplayClientState, byClient: boolean): Promise<void> {
  client.resetRecorded = true;
  await flush(client);
  if (!byClient) return;
  // The server must have got the requests that it answered before the reset.
  await awaitReplies(client, null);
  client.clientEnded = true;
  client.connection?.destroy();
}

async function breakOff(client: ReplayClientState, why: string): Promise<void> {
  const { waits, stall, comparison } = client;
  await flush(client);
  // Some recorded replies may answer requests that are missing. So only the replies that come are compared.
  const haveCome = repliesCame(client, null);
  await waits.until(
    () => haveCome() || isSilent(client),
    () => client.received,
    Math.min(stall, QUIET_MS),
  );
  comparison.end('neither');
  fail(client, { code: 'incomplete', message: why });
  client.connection?.destroy();
}

async function caughtUp(client: ReplayClientState): Promise<void> {
  const haveCome = repliesCame(client, null);
  if (isSilent(client) || haveCome()) return;
  const inTime = await client.waits.until(
    () => haveCome() || isSilent(client),
    () => client.received,
  );
  if (!inTime) client.isSlow = true;
}

async function close(client: ReplayClientState, reason: CloseReason): Promise<LiveResult> {
  const { connection, waits, comparison } = client;
  await flush(client);
  if (!client.resetRecorded) await awaitReplies(client, null);
  client.isClosing = true;
  resume(client);
  if (!client.clientEnded) connection?.end();
  // A recording that ends first does not say how long the server would take to end its side.
  if (connection !== null && client.fault === null) {
    const before = client.received;
    // A server that sends without end is not read for ever.
    await waits.until(
      () => client.connectionClosed || client.received - before > CLOSING_BYTES_MAX,
      () => client.received,
    );
  }
  const { connectionFault } = client;
  if (connectionFault !== null && connectionFault.code !== 'destroyed' && !client.resetRecorded) {
    fail(client, { code: 'broke', message: connectionFault.message });
  }
  comparison.end(reason === 'ended' && client.fault === null ? 'both' : 'missing');
  connection?.destroy();
  return resultOf(client);
}
