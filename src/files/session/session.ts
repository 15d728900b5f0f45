/**
 * The state machine of one connection: `(state, event) → (state, effects)`, and nothing else.
 *
 * It knows no socket, no file, no clock and no RxJS. So every possible conversation is a list of events, and a test
 * is a list of events and the effects that they must have. Each command is in its own file; everything that all
 * commands have in common is here and in the files beside this one.
 *
 *   event        when open                             otherwise
 *   request      begin it, or defer it                 draining: refuse it, -> ending; else nothing
 *   data         to the request whose body it is,      nothing
 *                or nothing when that is done
 *   body-end     to the request whose body it was      nothing
 *   fault        abort the current body, answer it after all open requests, -> ending; nothing after a fatal reply
 *   ended        -> ending (the frame was whole, or a fault came before)
 *   shutdown     -> draining
 *   unreachable  drop the requests that only read, and those that come; no reply is sent any more
 *   access       the rights of the requests that come from now on
 *   closed       as unreachable, and abort the current body, -> disconnected
 *   result       to its request, then begin the deferred one; -> ending if it was refused with a fatal error
 */

import type { JsonHeader } from '../../wire/json-header.ts';
import { serviceFault } from '../protocol/errors.ts';
import { idOf } from '../protocol/request.ts';
import { beginRequest, refuseRequest, type SessionDeps, type SessionLimits } from './begin-request.ts';
import { checkCommands } from './check-commands.ts';
import type { Command } from './command.ts';
import type { Effect } from './effect.ts';
import type { SessionEvent } from './event.ts';
import { onClosed, onFault, onUnreachable } from './on-connection-end.ts';
import { onResult } from './on-result.ts';
import { flushReplies } from './reply-order.ts';
import { continueRequest } from './run-command.ts';
import {
  initialSession,
  isOver,
  replaceRequest,
  requestWith,
  type SessionState,
  sessionWith,
  withFatalReply,
} from './state.ts';
import { trimmedHeader } from './trim-header.ts';

export interface Session {
  readonly initial: SessionState;
  /**
   * Reduces an event. Events from the peer (`request`, `data`, `body-end`, `fault`, `ended`) must wait while
   * `accepts` says no; the others may come at any time.
   */
  readonly reduce: (state: SessionState, event: SessionEvent) => readonly [SessionState, readonly Effect[]];
  /** The part of a header that a `request` must carry. It may cost far less than the whole header. */
  readonly trimHeader: (header: JsonHeader) => JsonHeader;
  /** Whether the session takes the next event from the peer now. */
  readonly accepts: (state: SessionState) => boolean;
}

/**
 * Makes a session of the commands that it knows.
 *
 * @example
 * const session = createSession(commands, { openRequests: 64 });
 * const event = { type: 'request', header: { cmd: 'ping' }, body: 0, cost: 270 } as const;
 * const [state, effects] = session.reduce(session.initial, event);
 * // effects: [{ type: 'reply', reply: { ack: 'ping' }, eager: true }, …]
 */
export function createSession(commands: readonly Command[], limits: SessionLimits): Session {
  checkCommands('createSession', commands);
  const deps: SessionDeps = { commands: new Map(commands.map((command) => [command.cmd, command])), limits };
  return {
    initial: initialSession,
    reduce: (state, event) => {
      const effects: Effect[] = [];
      return [reduceEvent(deps, state, event, effects), effects];
    },
    trimHeader: (header) => trimmedHeader(deps.commands.get(header.cmd as string), header),
    accepts: (state) => state.deferred === null,
  };
}

function reduceEvent(
  deps: SessionDeps,
  state: SessionState,
  event: SessionEvent,
  effects: Effect[],
): SessionState {
  switch (event.type) {
    case 'data':
      return onData(deps, state, event, effects);
    case 'request':
      return onRequest(deps, state, event, effects);
    case 'body-end':
      return onBodyEnd(deps, state, effects);
    case 'result':
      return onResult(deps, state, event, effects);
    case 'fault':
      return onFault(state, event.error, effects);
    case 'ended':
      return isOver(state) ? state : flushReplies(sessionWith(state, { phase: 'ending' }), effects);
    case 'access':
      return sessionWith(state, { principal: event.principal });
    case 'shutdown':
      return state.phase === 'open'
        ? flushReplies(sessionWith(state, { phase: 'draining' }), effects)
        : state;
    case 'unreachable':
      return onUnreachable(deps, state, effects);
    case 'closed':
      return onClosed(deps, state, effects);
  }
}

function onRequest(
  deps: SessionDeps,
  state: SessionState,
  { header, cost, refused: why }: Extract<SessionEvent, { type: 'request' }>,
  effects: Effect[],
): SessionState {
  if (state.phase === 'draining') {
    const refused = refuseRequest(state, header, serviceFault('shutting-down'), cost, effects);
    return flushReplies(withFatalReply(refused), effects);
  }
  if (state.phase !== 'open') return state;
  const reads = state.reads || header.cmd !== 'put' || idOf(header) !== null || header.progress !== undefined;
  const begun = sessionWith(state, { inFrame: true, reads });
  if (why !== undefined) return flushReplies(refuseRequest(begun, header, why, cost, effects), effects);
  return flushReplies(beginRequest(deps, begun, header, cost, effects), effects);
}

function onData(
  { commands }: SessionDeps,
  state: SessionState,
  event: Extract<SessionEvent, { type: 'data' }>,
  effects: Effect[],
): SessionState {
  const last = state.requests.at(-1);
  if (last === undefined || !last.receiving || last.done) return state;
  const after = continueRequest(commands, last, event, effects);
  return after === last ? state : flushReplies(replaceRequest(state, after), effects);
}

function onBodyEnd({ commands }: SessionDeps, state: SessionState, effects: Effect[]): SessionState {
  const left = state.inFrame ? sessionWith(state, { inFrame: false }) : state;
  const last = left.requests.at(-1);
  if (last === undefined || !last.receiving) return flushReplies(left, effects);
  const whole = requestWith(last, { receiving: false });
  const after = last.done ? whole : continueRequest(commands, whole, { type: 'end' }, effects);
  return flushReplies(replaceRequest(left, after), effects);
}
