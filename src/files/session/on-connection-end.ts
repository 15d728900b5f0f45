/** The ends of a connection: lost frame boundaries, a peer that cannot be reached, and the close. */
import type { ServiceFault } from '../protocol/errors.ts';
import { beginDeferred, refuseRequest, type SessionDeps } from './begin-request.ts';
import type { Effect } from './effect.ts';
import { flushReplies } from './reply-order.ts';
import { appendReplies, reportFields } from './run-command.ts';
import {
  isOver,
  type OpenRequest,
  replaceRequest,
  requestWith,
  type SessionState,
  sessionWith,
  withFatalReply,
} from './state.ts';

const isFatalRequest = ({ fatal }: OpenRequest): boolean => fatal;

/** Answers a fault of the connection behind all open requests; not after a fatal reply. */
export function onFault(state: SessionState, error: ServiceFault, effects: Effect[]): SessionState {
  if (isOver(state) || state.requests.some(isFatalRequest)) return state;
  return flushReplies({ ...answerFault(state, error, effects), phase: 'ending' }, effects);
}

/**
 * In the middle of a body the fault is the outcome of the body's request, and is reported as that. If the request was
 * refused before, the report of the refusal stands.
 */
function answerFault(state: SessionState, error: ServiceFault, effects: Effect[]): SessionState {
  if (!state.inFrame || state.deferred !== null) {
    return withFatalReply(refuseRequest(state, {}, error, 0, effects));
  }
  const last = state.requests.at(-1);
  if (last === undefined) {
    effects.push({ type: 'reply', reply: { error }, eager: true });
    return state;
  }
  if (!last.done) {
    const report = { type: 'refused', ...reportFields(last, last.cmd!), error } as const;
    effects.push({ type: 'command', request: last.number, effect: { type: 'report', report } });
  }
  const aborted = abortBody(state, effects);
  const pendingReplies = appendReplies(last.pendingReplies, [{ type: 'fault', error }]);
  return withFatalReply(
    replaceRequest(aborted, requestWith(last, { receiving: false, done: true, pendingReplies })),
  );
}

/**
 * No reply can reach the peer: requests that only read are dropped at any stage, and a request that waited for them
 * begins.
 */
export function onUnreachable(deps: SessionDeps, state: SessionState, effects: Effect[]): SessionState {
  if (!state.reachable) return state;
  const requests = state.requests.map((request) => {
    const isUnderWay = !request.done || request.sending || request.pendingReplies.length > 0;
    if (!request.readOnly || !isUnderWay) return request;
    effects.push({ type: 'drop', request: request.number });
    return requestWith(request, { done: true, hasFile: false, sending: false, pendingReplies: [] });
  });
  return beginDeferred(
    deps,
    flushReplies(sessionWith(state, { requests, reachable: false }), effects),
    effects,
  );
}

export function onClosed(deps: SessionDeps, state: SessionState, effects: Effect[]): SessionState {
  if (state.phase === 'disconnected') return state;
  const aborted = abortBody(onUnreachable(deps, state, effects), effects);
  const forgotten = { ...aborted, phase: 'disconnected', deferred: null, inFrame: false } as const;
  return flushReplies(forgotten, effects);
}

/** Ends the request of an incomplete body without a reply. A request whose body is whole goes on. */
function abortBody(state: SessionState, effects: Effect[]): SessionState {
  const last = state.requests.at(-1);
  if (last === undefined || !last.receiving) return state;
  if (!last.done) effects.push({ type: 'command', request: last.number, effect: { type: 'abort' } });
  return replaceRequest(state, requestWith(last, { receiving: false, done: true }));
}
