/**
 * What a session remembers: which requests are open, in the order they came, and how far the conversation is.
 *
 * Plain data that compares by value. No chunk is kept here: an idle connection holds no body bytes.
 *
 *   phase      what it means                                        leaves it by
 *   open       requests are taken                                   ended, fault -> ending; drain -> draining
 *   draining   the frame under way is finished, no new one taken    a new request, or none open -> ending
 *   ending     no more input; what is open is answered              the last answer -> over
 *   over       everything is answered, our side is ended            closed -> gone
 *   gone       nobody is there; results are awaited, not answered   never
 */

import type { JsonHeader } from '../../wire/json-header.ts';
import { anonymous, type Principal } from '../protocol/access.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { RequestId } from '../protocol/request.ts';
import type { ReplyPart } from './command.ts';

export interface SessionState {
  readonly phase: 'open' | 'draining' | 'ending' | 'finished' | 'disconnected';
  /** The number of the next request; they are contiguous, so a number is a place in `requests`. */
  readonly next: number;
  /** Those not answered yet, oldest first. Bounded by the limit on open requests. */
  readonly requests: readonly OpenRequest[];
  /** Whether a frame's body is still arriving; its request is the last one, unless that was answered already. */
  readonly inFrame: boolean;
  /** A request that must wait: it touches a name in use, or too many are open. Nothing is read past it. */
  readonly deferred: DeferredRequest | null;
  /** Whether the peer has shown that it reads replies: its acks need not wait for it to fall silent. */
  readonly reads: boolean;
  /** Whether anything can still be sent to the peer. Once not, what only reads is dropped. */
  readonly reachable: boolean;
  /** Who the peer is; null when it has to say `hello` first. */
  readonly principal: Principal | null;
}

export interface DeferredRequest {
  readonly header: JsonHeader;
  readonly credit: number;
}

/** What a request's command answers; or what is wrong with the connection, which is said without `cmd` and `id`. */
export type PendingReply = ReplyPart | { readonly type: 'fault'; readonly error: ErrorInfo };

export interface OpenRequest {
  readonly number: number;
  /** Null for a frame that named no command. */
  readonly cmd: string | null;
  /** It changes nothing. */
  readonly readOnly: boolean;
  readonly id: RequestId | null;
  readonly footprint: Footprint;
  /** The command's own. */
  readonly state: unknown;
  /** Not sent yet: its turn has not come. */
  readonly pendingReplies: readonly PendingReply[];
  /** Its body is still arriving. */
  readonly receiving: boolean;
  /** The first of its `answers` is a file being sent. */
  readonly sending: boolean;
  /** It may hold a file open, from its beginning to its last byte. */
  readonly needsFile: boolean;
  /** It holds a file open, to be sent. */
  readonly hasFile: boolean;
  readonly done: boolean;
  /** Its answer is the last one of the connection. */
  readonly fatal: boolean;
  /** Held until its last reply is sent. */
  readonly credit: number;
}

/** The names a request reads and writes, and what else must not be used by two at once. */
export interface Footprint {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Ids of unfinished uploads. */
  readonly uploads: readonly string[];
  readonly all: 'allFiles' | 'exclusive' | null;
}

export const initialSession: SessionState = {
  phase: 'open',
  next: 1,
  requests: [],
  inFrame: false,
  deferred: null,
  reads: false,
  reachable: true,
  principal: anonymous,
};
