/** Results: each goes to the request whose effect it is the result of. */
import { beginDeferred, type SessionDeps } from './begin-request.ts';
import type { Effect, RequestReport } from './effect.ts';
import type { EffectResult, SessionEvent } from './event.ts';
import { flushReplies } from './reply-order.ts';
import { continueRequest, reportFields } from './run-command.ts';
import { type OpenRequest, replaceRequest, requestWith, type SessionState, sessionWith } from './state.ts';

/** Reduces a result; then the deferred request may begin. */
export const onResult = (
  deps: SessionDeps,
  state: SessionState,
  event: Extract<SessionEvent, { type: 'result' }>,
  effects: Effect[],
): SessionState => beginDeferred(deps, applyResult(deps, state, event, effects), effects);

function applyResult(
  { commands }: SessionDeps,
  state: SessionState,
  { request: number, result, cost = 0 }: Extract<SessionEvent, { type: 'result' }>,
  effects: Effect[],
): SessionState {
  const asked = state.requests[number - (state.requests[0]?.number ?? 0)];
  const isDone = asked?.done ?? true;
  // A command that threw is done before the result of its effect comes.
  if (isDone && result.of === 'open' && result.ok) effects.push({ type: 'closeFile', request: number });
  if (asked === undefined) return state;
  const request = cost > 0 && !isDone ? { ...asked, cost: asked.cost + cost } : asked;
  if (result.of === 'send')
    return flushReplies(replaceRequest(state, sent(request, result, effects)), effects);
  if (request.done) return state;
  if (result.of === 'commit' && result.ok) {
    const { name: filename, size, crc32, durable } = result.value;
    const identity = request.id === null ? {} : { id: request.id };
    report(request, { type: 'stored', filename, size, crc32, durable, ...identity }, effects);
  }
  const withPrincipal =
    result.of === 'hello' && result.ok ? sessionWith(state, { principal: result.value.principal }) : state;
  const hasFile = request.hasFile || (result.of === 'open' && result.ok);
  const opened = hasFile === request.hasFile ? request : requestWith(request, { hasFile });
  const after = continueRequest(commands, opened, { type: 'result', result }, effects);
  return flushReplies(replaceRequest(withPrincipal, after), effects);
}

/** A request whose file was sent, or could not be: the file is the first of its replies. */
function sent(request: OpenRequest, result: EffectResult, effects: Effect[]): OpenRequest {
  const [file, ...pendingReplies] = request.pendingReplies;
  // The peer cannot be told any more: its connection breaks off. The operator can.
  if (!result.ok && request.cmd !== null) {
    report(request, { type: 'refused', ...reportFields(request, request.cmd), error: result.error }, effects);
  }
  const isWhole = result.ok && file?.type === 'file' && result.value === file.length;
  if (isWhole && request.cmd !== null) {
    report(request, { type: 'served', ...reportFields(request, request.cmd) }, effects);
  }
  return requestWith(request, { sending: false, pendingReplies });
}

function report({ number }: OpenRequest, report: RequestReport, effects: Effect[]): void {
  effects.push({ type: 'command', request: number, effect: { type: 'report', report } });
}
