/**
 * Sends the replies in the order of the requests, however their effects overlapped.
 *
 * Only the replies to the oldest request are sent. Those to the others wait in the state until their turn comes.
 */
import type { Reply } from '../protocol/reply.ts';
import type { Effect } from './effect.ts';
import { type OpenRequest, type PendingReply, requestWith, type SessionState, sessionWith } from './state.ts';

/** Sends the replies that are ready, drops finished requests, and ends the session when nothing is left. */
export function flushReplies(state: SessionState, effects: Effect[]): SessionState {
  let requests = state.requests;
  while (requests.length > 0) {
    const before = requests[0]!;
    const after = !state.reachable
      ? forgetReplies(before, effects)
      : sendReplies(before, state.reads, effects);
    const finished = after.done && after.pendingReplies.length === 0;
    if (finished) requests = requests.slice(1);
    else {
      if (after !== before) requests = [after, ...requests.slice(1)];
      break;
    }
  }
  return endIfQuiet(requests === state.requests ? state : sessionWith(state, { requests }), effects);
}

/** Ends the session when no more input is wanted and everything is answered. */
function endIfQuiet(state: SessionState, effects: Effect[]): SessionState {
  const isQuiet = state.requests.length === 0 && state.deferred === null;
  const isInputOver = state.phase === 'ending' || (state.phase === 'draining' && !state.inFrame);
  if (!isQuiet || !isInputOver) return state;
  effects.push({ type: 'end' });
  return sessionWith(state, { phase: 'finished' });
}

function sendReplies(request: OpenRequest, reads: boolean, effects: Effect[]): OpenRequest {
  let { pendingReplies, hasFile } = request;
  if (request.sending) return request;
  while (pendingReplies.length > 0) {
    const [next, ...rest] = pendingReplies as [PendingReply, ...PendingReply[]];
    if (next.type === 'file') {
      const { offset, length } = next;
      effects.push({ type: 'send', request: request.number, offset, length });
      return requestWith(request, { pendingReplies, hasFile, sending: true });
    }
    const eager = reads || next.type !== 'ack';
    const reply = replyOf(request, next);
    const body = next.type === 'ack' ? next.body : undefined;
    effects.push(
      body === undefined ? { type: 'reply', reply, eager } : { type: 'reply', reply, eager, body },
    );
    pendingReplies = rest;
  }
  if (!request.done)
    return pendingReplies === request.pendingReplies ? request : requestWith(request, { pendingReplies });
  if (hasFile) {
    effects.push({ type: 'closeFile', request: request.number });
    hasFile = false;
  }
  return requestWith(request, { pendingReplies, hasFile });
}

/** Drops the replies to a request when nothing can reach the peer. Its effects are awaited all the same. */
function forgetReplies(request: OpenRequest, effects: Effect[]): OpenRequest {
  if (request.hasFile) effects.push({ type: 'closeFile', request: request.number });
  return requestWith(request, { pendingReplies: [], cost: 0, hasFile: false, sending: false });
}

function replyOf({ cmd, id }: OpenRequest, reply: Exclude<PendingReply, { type: 'file' }>): Reply {
  if (reply.type === 'fault') return { error: reply.error };
  const identity = id === null ? {} : { id };
  if (reply.type === 'ack') {
    const body = reply.body === undefined ? {} : { body: reply.body.length };
    return { ack: cmd ?? '', ...reply.fields, ...body, ...identity };
  }
  if (reply.type === 'progress') return { ack: 'progress', ...reply.fields, ...identity };
  return { error: reply.error, ...(cmd === null ? {} : { cmd }), ...identity };
}
