/** Plays one recorded conversation to a live server, and compares the replies. */
import { lastValueFrom, type Observable } from 'rxjs';
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import type { CloseReason, Conversation, StreamChunk } from '../stream-event.ts';
import { type Comparison, createComparison } from './compare-replies.ts';
import type { ProgressWaits } from './progress-wait.ts';
import { type Chunking, createRechunker } from './rechunk.ts';
import type { Replies, ReplyDifference } from './replies.ts';

/**
 * Why a conversation was not played to its end.
 *
 * - `connect`: there was no connection to be had.
 * - `too-many`: more were open at once than may be.
 * - `incomplete`: what the client sent next is not in the recording.
 * - `stalled`: a reply that was recorded has not come, or what is sent is not taken.
 * - `ended`: the server ended its side though there are replies to come.
 * - `broke`: the connection broke.
 */
export interface LiveFault {
  readonly code: 'connect' | 'too-many' | 'incomplete' | 'stalled' | 'ended' | 'broke';
  readonly message: string;
}

/** How a conversation went. */
export interface LiveResult {
  readonly conversation: Conversation;
  /** Bytes that were sent, and that came back. */
  readonly sent: number;
  readonly received: number;
  /** Replies that came back, of those that count; 0 without a framing. */
  readonly replies: number;
  /** Replies that the recording has too; without a framing, bytes of them. */
  readonly compared: number;
  /** Whether the replies are those of the recording; null when it lacks some of them, or nothing was replayed. */
  readonly same: boolean | null;
  /** The first ten. */
  readonly differences: readonly ReplyDifference[];
  /** How many more there are. */
  readonly more: number;
  readonly fault: LiveFault | null;
}

export interface ReplayClient {
  /** The client's next bytes. Resolves when they were taken, or never will be. */
  readonly send: (chunk: StreamChunk) => Promise<void>;
  /** Sends what is being put together for the next chunk. */
  readonly flush: () => Promise<void>;
  /** Recorded bytes of the server. Resolves when not too many of them are still to come from the live server. */
  readonly recorded: (chunk: StreamChunk) => Promise<void>;
  readonly lose: () => void;
  readonly end: () => Promise<void>;
  readonly reset: (byClient: boolean) => Promise<void>;
  /** Breaks off, because the client's next bytes are missing in the recording. Resolves when it has broken off. */
  readonly breakOff: (why: string) => Promise<void>;
  /** Resolves when all replies that were recorded up to now have come; others need not wait for it any more if not. */
  readonly caughtUp: () => Promise<void>;
  /** Whether others still have to wait for it. */
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
}

/**
 * Bytes that the recording may be ahead of the live side, or the other way round; bytes of the server that are listened
 * to when the recording is over; and bytes of ours that it may not have taken.
 */
const WAITING_MAX = {
  behind: 16 * 1024 * 1024,
  ahead: 4 * 1024 * 1024,
  after: 16 * 1024 * 1024,
  unsettled: 1024 * 1024,
};

/** Pieces sent before the event loop goes round: a server in the same process must have its turn. */
const PIECES_AT_ONCE = 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Milliseconds without a reply after which none comes any more of what was sent before a hole. */
const QUIET_MS = 250;

/** Connects, and resolves when it is connected or cannot be. */
export async function createReplayClient<H>(options: ReplayClientOptions<H>): Promise<ReplayClient> {
  const { conversation, replies, waits, stall } = options;
  const comparison: Comparison = createComparison(replies);
  const rechunker = createRechunker(options.chunking, conversation.index);
  let connection: Connection | null = null;
  let fault: LiveFault | null = null;
  let sent = 0;
  let received = 0;
  let unsettled = 0;
  /** Bytes the server has sent in the recording, up to now. */
  let said = 0;
  let paused = false;
  let sending = false;
  let liveEnded = false;
  let liveClosed = false;
  let broken: ConnectionFault | null = null;
  let sideOver = false;
  let resetRecorded = false;
  /** Others have waited for it in vain. */
  let slow = false;

  try {
    connection = await lastValueFrom(options.connecting$);
    listen(connection);
  } catch (thrown) {
    fail({ code: 'connect', message: (thrown as ConnectionFault).message });
  }

  function listen(live: Connection): void {
    live.chunks$.subscribe({
      next(chunk) {
        received += chunk.length;
        comparison.live(chunk);
        holdBack();
        waits.recheck();
      },
      complete() {
        liveEnded = true;
        comparison.liveEnd();
        waits.recheck();
      },
      error(how: ConnectionFault) {
        broken = how;
        comparison.liveEnd();
        waits.recheck();
      },
    });
    live.closed$.subscribe((how) => {
      liveClosed = true;
      broken ??= how;
      waits.recheck();
    });
  }

  /** A server that is far ahead of the recording is not read until that comes to it. */
  function holdBack(): void {
    const ahead = comparison.ahead();
    // One that does not take what is sent may be waiting to be read.
    if (sending) return goOn();
    if (!paused && ahead > WAITING_MAX.ahead) {
      paused = true;
      connection?.pause();
    } else if (paused && ahead < WAITING_MAX.ahead / 2) goOn();
  }

  function goOn(): void {
    if (!paused) return;
    paused = false;
    connection?.resume();
  }

  function fail(why: LiveFault): void {
    fault ??= why;
  }

  const isOver = () => fault !== null || broken !== null || liveClosed;
  /** Nothing comes any more that could be waited for. */
  const isSilent = () => isOver() || liveEnded || comparison.unreadable();
  const came = () => received;
  /** Whether the live side has come to what had been seen in the recording. */
  function hasReplied(seen: number | null): () => boolean {
    if (replies === null || !comparison.complete()) {
      const bytes = Math.min(seen ?? said, said);
      return () => received >= bytes;
    }
    const frames = comparison.awaited(seen);
    return () => comparison.framesLive() >= frames;
  }

  /** Describes what is missing, for messages. */
  function lacking(seen: number | null): string {
    const framed = replies !== null && comparison.complete();
    const wanted = framed ? comparison.awaited(seen) : Math.min(seen ?? said, said);
    const came = framed ? comparison.framesLive() : received;
    const what = framed ? (wanted === 1 ? 'reply' : 'replies') : 'bytes of replies';
    return `recorded ${wanted === 1 ? 'was' : 'were'} ${wanted} ${what}, and ${came} came`;
  }

  async function replied(seen: number | null): Promise<void> {
    const holds = hasReplied(seen);
    if (fault !== null || holds()) return;
    await flush();
    await waits.until(() => holds() || isSilent(), came);
    if (fault !== null || broken !== null || holds()) return;
    const why = lacking(seen);
    if (liveEnded || liveClosed) fail({ code: 'ended', message: `the server ended the connection; ${why}` });
    else if (comparison.unreadable())
      fail({ code: 'stalled', message: `no more replies are understood; ${why}` });
    else fail({ code: 'stalled', message: `nothing has come for ${stall / 1000} s; ${why}` });
  }

  async function write(bytes: Uint8Array): Promise<void> {
    if (isOver() || connection === null) return;
    sent += bytes.length;
    unsettled += bytes.length;
    let settled = 0;
    connection.write([bytes], (how) => {
      settled++;
      unsettled -= bytes.length;
      if (how !== undefined) broken ??= how;
      waits.recheck();
    });
    const taken = () => unsettled <= WAITING_MAX.unsettled || isOver();
    if (taken()) return;
    sending = true;
    holdBack();
    if (!(await waits.until(taken, () => received + settled))) {
      fail({ code: 'stalled', message: `the server has taken nothing for ${stall / 1000} s` });
    }
    sending = false;
  }

  async function flush(): Promise<void> {
    const last = rechunker.flush();
    if (last !== null) await write(last);
  }

  function resultOf(): LiveResult {
    const { differences } = comparison;
    const same = differences.length === 0 && (fault === null || fault.code === 'incomplete');
    return {
      conversation,
      sent,
      received,
      replies: comparison.replies(),
      compared: comparison.compared(),
      same:
        differences.length > 0 ? false : comparison.complete() && fault?.code !== 'too-many' ? same : null,
      differences,
      more: comparison.more(),
      fault,
    };
  }

  return {
    async send(chunk) {
      await replied(chunk.seen);
      comparison.sent(chunk.bytes);
      rechunker.push(chunk.bytes);
      let left = PIECES_AT_ONCE;
      for (let next = rechunker.pull(); next !== null; next = rechunker.pull()) {
        await write(next);
        if (--left > 0) continue;
        left = PIECES_AT_ONCE;
        await turn();
      }
    },
    flush,
    async recorded(chunk) {
      said = chunk.position + chunk.bytes.length;
      if (fault !== null) return;
      comparison.recorded(chunk);
      if (paused) holdBack();
      const near = () => comparison.behind() <= WAITING_MAX.behind || isSilent();
      if (!near()) await waits.until(near, came);
      if (!near())
        fail({ code: 'stalled', message: `nothing of the replies has come for ${stall / 1000} s` });
    },
    lose: comparison.lose,
    async end() {
      await flush();
      sideOver = true;
      connection?.end();
    },
    async reset(byClient) {
      resetRecorded = true;
      await flush();
      if (!byClient) return;
      // The server must have got the requests that it answered before the reset.
      await replied(null);
      sideOver = true;
      connection?.destroy();
    },
    async breakOff(why) {
      await flush();
      // Replies that were recorded may have come of what is missing: those that come are compared, and no others.
      const holds = hasReplied(null);
      await waits.until(() => holds() || isSilent(), came, Math.min(stall, QUIET_MS));
      comparison.end('neither');
      fail({ code: 'incomplete', message: why });
      connection?.destroy();
    },
    async caughtUp() {
      const holds = hasReplied(null);
      if (isSilent() || holds()) return;
      if (!(await waits.until(() => holds() || isSilent(), came))) slow = true;
    },
    isBehind: () => !slow && !isSilent() && !hasReplied(null)(),
    async close(reason) {
      await flush();
      if (!resetRecorded) await replied(null);
      if (paused) goOn();
      if (!sideOver) connection?.end();
      // A recording that ends first does not say how long the server would take to end its side.
      if (connection !== null && fault === null) {
        const before = received;
        // One that goes on for ever is not listened to for ever.
        await waits.until(() => liveClosed || received - before > WAITING_MAX.after, came);
      }
      if (broken !== null && !resetRecorded && fault === null && broken.code !== 'destroyed') {
        fail({ code: 'broke', message: broken.message });
      }
      comparison.end(reason === 'ended' && fault === null ? 'both' : 'missing');
      connection?.destroy();
      return resultOf();
    },
    destroy: () => connection?.destroy(),
  };
}
