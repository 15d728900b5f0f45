/** The state of one conversation that is replayed to a live server. */
import type { Connection, ConnectionFault } from '../../transport/connection.ts';
import type { Conversation } from '../stream-event.ts';
import { type Comparison, createComparison } from './compare-replies.ts';
import type { LiveFault, LiveResult } from './live-result.ts';
import type { ProgressWaits } from './progress-wait.ts';
import { type Chunking, createRechunker, type Rechunker } from './rechunk.ts';
import type { Replies } from './replies.ts';

export interface ReplayClientState {
  readonly conversation: Conversation;
  readonly waits: ProgressWaits;
  /** Milliseconds without progress after which a wait gives up; used in messages. */
  readonly stall: number;
  /** Whether replies have a framing; without one they are counted in bytes. */
  readonly isFramed: boolean;
  readonly comparison: Comparison;
  readonly rechunker: Rechunker;
  /** Null until it is connected, and when it cannot be. */
  connection: Connection | null;
  /** Why the conversation is not played to its end; the first cause counts. */
  fault: LiveFault | null;
  /** Bytes that were written to the live server. */
  sent: number;
  /** Bytes that the live server has sent. */
  received: number;
  /** Bytes of writes that have not settled. */
  unsettled: number;
  /** Bytes that the server has sent in the recording, up to now. */
  recordedReplyBytes: number;
  /** How many of them the recorded client had seen before its last chunk. */
  seenBytes: number;
  /** Whether the live connection is paused, because the server is ahead of the recording. */
  paused: boolean;
  /** Whether a write waits for the server to take what was sent. */
  isWriteWaiting: boolean;
  /** Whether the server has ended its side. */
  serverEnded: boolean;
  /** Whether the connection is over in both directions. */
  connectionClosed: boolean;
  /** Why the connection, or a write to it, has failed. */
  connectionFault: ConnectionFault | null;
  /** Whether the client's side was ended, or the connection dropped, as recorded. */
  clientEnded: boolean;
  /** Whether the conversation is over in the recording: the rest of the live replies is read, and not held back. */
  isClosing: boolean;
  /** Whether the recording has a reset. */
  resetRecorded: boolean;
  /** Whether other conversations have waited in vain for its replies; they do not wait any more. */
  isSlow: boolean;
}

export function createReplayClientState<H>(
  conversation: Conversation,
  replies: Replies<H> | null,
  chunking: Chunking,
  waits: ProgressWaits,
  stall: number,
): ReplayClientState {
  return {
    conversation,
    waits,
    stall,
    isFramed: replies !== null,
    comparison: createComparison(replies),
    rechunker: createRechunker(chunking, conversation.index),
    connection: null,
    fault: null,
    sent: 0,
    received: 0,
    unsettled: 0,
    recordedReplyBytes: 0,
    seenBytes: 0,
    paused: false,
    isWriteWaiting: false,
    serverEnded: false,
    connectionClosed: false,
    connectionFault: null,
    clientEnded: false,
    isClosing: false,
    resetRecorded: false,
    isSlow: false,
  };
}

export function fail(client: ReplayClientState, fault: LiveFault): void {
  client.fault ??= fault;
}

export const isOver = ({ fault, connectionFault, connectionClosed }: ReplayClientState): boolean =>
  fault !== null || connectionFault !== null || connectionClosed;

/** Whether the live server can send no more replies that could be waited for. */
export const isSilent = (client: ReplayClientState): boolean =>
  isOver(client) || client.serverEnded || client.comparison.isUnreadable();

export function resultOf(client: ReplayClientState): LiveResult {
  const { conversation, sent, received, comparison, fault } = client;
  return {
    conversation,
    sent,
    received,
    replies: comparison.replies(),
    compared: comparison.compared(),
    same: isSame(client),
    differences: comparison.differences,
    more: comparison.more(),
    fault,
  };
}

function isSame({ comparison, fault }: ReplayClientState): boolean | null {
  if (comparison.differences.length > 0) return false;
  if (!comparison.isComplete() || fault?.code === 'too-many') return null;
  return fault === null || fault.code === 'incomplete';
}
