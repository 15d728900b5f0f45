/** How a conversation went that was replayed to a live server. */
import type { Conversation } from '../stream-event.ts';
import type { ReplyDifference } from './replies.ts';

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
  /** The kind of the fault, as `LiveFault` lists them. */
  readonly code: 'connect' | 'too-many' | 'incomplete' | 'stalled' | 'ended' | 'broke';
  /** In words, with the conversation and where in it. */
  readonly message: string;
}

/** How a conversation went: what `replayTo` and `verifyReplay` emit, once for each that was replayed. */
export interface LiveResult {
  /** The recorded conversation. */
  readonly conversation: Conversation;
  /** Bytes that were sent. */
  readonly sent: number;
  /** Bytes that came back. */
  readonly received: number;
  /** Replies that came back, of those that count; 0 without a framing. */
  readonly replies: number;
  /** Replies that the recording has too; without a framing, bytes of them. */
  readonly compared: number;
  /** Whether the replies are those of the recording; null when it lacks some of them, or nothing was replayed. */
  readonly same: boolean | null;
  /** The first ten differences. */
  readonly differences: readonly ReplyDifference[];
  /** How many more there are. */
  readonly more: number;
  /** Why it was not played to its end; null when it was. */
  readonly fault: LiveFault | null;
}

/** The result of a conversation. `incomplete`: the recording lacks something, and the rest is the same. */
export type Verdict = 'same' | 'different' | 'failed' | 'incomplete';

export function verdictOf({ same, fault }: LiveResult): Verdict {
  if (same === false && fault === null) return 'different';
  if (fault !== null && fault.code !== 'incomplete') return 'failed';
  if (same === false) return 'different';
  return fault === null && same === true ? 'same' : 'incomplete';
}
