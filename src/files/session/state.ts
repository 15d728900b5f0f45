/**
 * The state of a session: the open requests, in the order in which they came, and the phase of the connection.
 *
 * It is plain data that compares by value. No chunk is kept here, so an idle connection holds no body bytes.
 *
 *   phase          what it means                                       leaves it by
 *   open           requests are begun                                  ended, fault -> ending; shutdown -> draining
 *   draining       the current frame is finished, no new one begun     a new request -> ending; none open -> finished
 *   ending         no more input; open requests are answered           the last reply -> finished
 *   finished       everything is answered, our side is ended           closed -> disconnected
 *   disconnected   the peer is gone; results are awaited, unanswered   never
 */

import type { JsonHeader } from '../../wire/json-header.ts';
import { anonymous, type Principal } from '../protocol/access.ts';
import type { ServiceFault } from '../protocol/errors.ts';
import type { RequestId } from '../protocol/request.ts';
import type { ReplyPart } from './command.ts';

export interface SessionState {
  readonly phase: 'open' | 'draining' | 'ending' | 'finished' | 'disconnected';
  /** The number of the next request. The numbers are contiguous, so a number gives an index in `requests`. */
  readonly next: number;
  /** The requests that are not answered, oldest first. Bounded by the limit on open requests. */
  readonly requests: readonly OpenRequest[];
  /** Whether a frame's body is still arriving; its request is the last one, unless that was answered already. */
  readonly inFrame: boolean;
  /** A request that must wait because it touches a name in use, or too many are open. Nothing is read past it. */
  readonly deferred: DeferredRequest | null;
  /** Whether the peer has shown that it reads replies: its acks need not wait for it to fall silent. */
  readonly reads: boolean;
  /** Whether anything can still be sent to the peer. If not, requests that only read are dropped. */
  readonly reachable: boolean;
  /** The principal of the peer; null when it must say `hello` first. */
  readonly principal: Principal | null;
}

export interface DeferredRequest {
  readonly header: JsonHeader;
  readonly cost: number;
}

/** A reply of a command; or a fault of the connection, which is sent without `cmd` and `id`. */
export type PendingReply = ReplyPart | { readonly type: 'fault'; readonly error: ServiceFault };

export interface OpenRequest {
  readonly number: number;
  /** Null for a frame that named no command. */
  readonly cmd: string | null;
  /** It changes nothing. */
  readonly readOnly: boolean;
  readonly id: RequestId | null;
  readonly footprint: Footprint;
  /** The state of its command. */
  readonly state: unknown;
  /** Not sent yet: its turn has not come. */
  readonly pendingReplies: readonly PendingReply[];
  /** Its body is still arriving. */
  readonly receiving: boolean;
  /** The first of its `pendingReplies` is a file that is being sent. */
  readonly sending: boolean;
  /** It may hold a file open, from its beginning to its last byte. */
  readonly needsFile: boolean;
  /** It holds a file open, to be sent. */
  readonly hasFile: boolean;
  readonly done: boolean;
  /** Its reply is the last one of the connection. */
  readonly fatal: boolean;
  /** The bytes of memory that it takes, until its last reply is sent. */
  readonly cost: number;
}

/** The names and uploads that a request uses, which no two requests may use at once unless both only read. */
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

/** The bytes of memory of the requests that are not answered, and of the answers that wait for their turn. */
export function costOf({ requests, deferred }: SessionState): number {
  let bytes = deferred?.cost ?? 0;
  for (const { cost } of requests) bytes += cost;
  return bytes;
}

/**
 * The state with some fields changed. Every field is written out, here and in `requestWith`: a spread costs ten times as
 * much, and there are several in each request.
 */
export function sessionWith(state: SessionState, changes: Partial<SessionState>): SessionState {
  const { phase, next, requests, inFrame, deferred, reads, reachable, principal } = state;
  const copy: SessionState = { phase, next, requests, inFrame, deferred, reads, reachable, principal };
  return Object.assign(copy, changes);
}

/** An open request with some fields changed. */
export function requestWith(request: OpenRequest, changes: Partial<OpenRequest>): OpenRequest {
  const { number, cmd, readOnly, id, footprint, state, pendingReplies, receiving } = request;
  const { sending, needsFile, hasFile, done, fatal, cost } = request;
  const copy: OpenRequest = {
    number,
    cmd,
    readOnly,
    id,
    footprint,
    state,
    pendingReplies,
    receiving,
    sending,
    needsFile,
    hasFile,
    done,
    fatal,
    cost,
  };
  return Object.assign(copy, changes);
}

/** Whether no reply is sent any more. */
export const isOver = ({ phase }: SessionState): boolean => phase === 'finished' || phase === 'disconnected';

/** Replaces an open request by its next state. A fatal one ends the session. */
export function replaceRequest(state: SessionState, request: OpenRequest): SessionState {
  const place = request.number - state.requests[0]!.number;
  const requests = state.requests.with(place, request);
  return request.fatal && !isOver(state)
    ? sessionWith(state, { requests, phase: 'ending' })
    : sessionWith(state, { requests });
}

/** Makes the reply to the newest request the last one of the connection. */
export const withFatalReply = (state: SessionState): SessionState =>
  replaceRequest(state, requestWith(state.requests.at(-1)!, { fatal: true }));
