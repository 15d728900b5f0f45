/**
 * The state machine of one connection: `(state, event) → (state, effects)`, and nothing else.
 *
 * It knows no socket, no file, no clock and no RxJS. So every possible conversation is a list of events, and a test
 * is a list of events and the effects that they must have. What each command does is in its own file. What all
 * commands have in common is here.
 *
 *   event        when open                             otherwise
 *   request      begin it, or defer it                 draining: refuse it, -> ending; else release its credit
 *   data         to the request whose body it is,      release its credit
 *                or release its credit when that is done
 *   body-end     to the request whose body it was      nothing
 *   fault        abort the current body, answer it after all open requests, -> ending; nothing after a fatal answer
 *   ended        -> ending (the frame was whole, or a fault came before)
 *   shutdown     -> draining
 *   unreachable  drop the requests that only read, and those that come; no answer is sent any more
 *   access       the rights of the requests that come from now on
 *   closed       as unreachable, and abort the current body, -> disconnected
 *   result       to its request, then begin the deferred one; -> ending if it was refused with a fatal error
 */

import { checkOptions, numberFrom, optional } from '../../wire/argument.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';
import { idOf } from '../protocol/request.ts';
import { createRequestStarter, type SessionLimits } from './begin-request.ts';
import { checkCommands } from './check-commands.ts';
import type { Command, CommandEvent } from './command.ts';
import type { Effect } from './effect.ts';
import type { SessionEvent } from './event.ts';
import { flushReplies } from './reply-order.ts';
import { appendReplies, creditIn, reportFields, runCommand } from './run-command.ts';
import { initialSession, type OpenRequest, type SessionState } from './state.ts';
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
 * Makes a session of the commands it knows.
 *
 * @example
 * const session = createSession(commands, { openRequests: 64 });
 * const event = { type: 'request', header: { cmd: 'ping' }, body: 0, credit: 270 } as const;
 * const [state, effects] = session.reduce(session.initial, event);
 * // effects: [{ type: 'reply', reply: { ack: 'ping' }, eager: true, credit: 270 }, …]
 */
export function createSession(commands: readonly Command[], limits: SessionLimits): Session {
  checkCommands('createSession', commands);
  checkOptions('createSession', limits, { openRequests: numberFrom(1), fileBytes: optional(numberFrom(0)) });
  const byName = new Map(commands.map((command) => [command.cmd, command]));
  const { beginRequest, refuseRequest } = createRequestStarter(byName, limits);

  function reduce(state: SessionState, event: SessionEvent): readonly [SessionState, readonly Effect[]] {
    const effects: Effect[] = [];
    return [next(state, event, effects), effects];
  }

  function next(state: SessionState, event: SessionEvent, effects: Effect[]): SessionState {
    switch (event.type) {
      case 'data':
        return data(state, event, effects);
      case 'request':
        return request(state, event, effects);
      case 'body-end':
        return bodyEnd(state, effects);
      case 'result':
        return beginDeferred(result(state, event, effects), effects);
      case 'fault':
        return isOver(state) || state.requests.some(isFatalRequest)
          ? state
          : flushReplies({ ...fault(state, event.error, effects), phase: 'ending' }, effects);
      case 'ended':
        return isOver(state) ? state : flushReplies({ ...state, phase: 'ending' }, effects);
      case 'access':
        return { ...state, principal: event.principal };
      case 'shutdown':
        return state.phase === 'open' ? flushReplies({ ...state, phase: 'draining' }, effects) : state;
      case 'unreachable':
        return unreachable(state, effects);
      case 'closed':
        return closed(state, effects);
    }
  }

  function request(
    state: SessionState,
    { header, credit, refused: why }: Extract<SessionEvent, { type: 'request' }>,
    effects: Effect[],
  ): SessionState {
    if (state.phase === 'draining') {
      return flushReplies(
        withFatalReply(refuseRequest(state, header, serviceFault('shutting-down'), credit, effects)),
        effects,
      );
    }
    if (state.phase !== 'open') {
      effects.push({ type: 'release', credit });
      return state;
    }
    const reads =
      state.reads || header.cmd !== 'put' || idOf(header) !== null || header.progress !== undefined;
    const begun = { ...state, inFrame: true, reads };
    if (why !== undefined) return flushReplies(refuseRequest(begun, header, why, credit, effects), effects);
    return flushReplies(beginRequest(begun, header, credit, effects), effects);
  }

  function data(
    state: SessionState,
    event: { readonly type: 'data'; readonly bytes: Uint8Array; readonly credit: number },
    effects: Effect[],
  ): SessionState {
    const last = state.requests.at(-1);
    if (last === undefined || !last.receiving || last.done) {
      effects.push({ type: 'release', credit: event.credit, bytes: event.bytes });
      return state;
    }
    const from = effects.length;
    const after = run(last, event, effects);
    const handedOn = creditIn(effects, from);
    if (handedOn < event.credit) effects.push({ type: 'release', credit: event.credit - handedOn });
    return after === last ? state : flushReplies(replace(state, after), effects);
  }

  function bodyEnd(state: SessionState, effects: Effect[]): SessionState {
    const left = state.inFrame ? { ...state, inFrame: false } : state;
    const last = left.requests.at(-1);
    if (last === undefined || !last.receiving) return flushReplies(left, effects);
    const ended = { ...last, receiving: false };
    return flushReplies(replace(left, last.done ? ended : run(ended, { type: 'end' }, effects)), effects);
  }

  function result(
    state: SessionState,
    { request: number, result, credit = 0 }: Extract<SessionEvent, { type: 'result' }>,
    effects: Effect[],
  ): SessionState {
    const asked = state.requests[number - (state.requests[0]?.number ?? 0)];
    const isOver = asked?.done ?? true;
    // A command that threw is done before the result of its effect comes.
    if (isOver && result.of === 'open' && result.ok) effects.push({ type: 'closeFile', request: number });
    if (isOver && credit > 0) effects.push({ type: 'release', credit });
    if (asked === undefined) return state;
    const request = credit > 0 && !isOver ? { ...asked, credit: asked.credit + credit } : asked;
    if (result.of === 'send') {
      const [file, ...pendingReplies] = request.pendingReplies;
      if (result.ok && file?.type === 'file' && result.value === file.length && request.cmd !== null) {
        const report = { type: 'served', ...reportFields(request, request.cmd) } as const;
        effects.push({ type: 'command', request: number, effect: { type: 'report', report } });
      }
      return flushReplies(replace(state, { ...request, sending: false, pendingReplies }), effects);
    }
    if (request.done) return state;
    if (result.of === 'commit' && result.ok) {
      const { name: filename, size, crc32, durable } = result.value;
      const identity = request.id === null ? {} : { id: request.id };
      const report = { type: 'stored', filename, size, crc32, durable, ...identity } as const;
      effects.push({ type: 'command', request: number, effect: { type: 'report', report } });
    }
    const withPrincipal =
      result.of === 'hello' && result.ok ? { ...state, principal: result.value.principal } : state;
    const hasFile = request.hasFile || (result.of === 'open' && result.ok);
    const after = run(
      hasFile === request.hasFile ? request : { ...request, hasFile },
      { type: 'result', result },
      effects,
    );
    return flushReplies(replace(withPrincipal, after), effects);
  }

  /** Begins the deferred request, once nothing is in its way; not after a fatal refusal. */
  function beginDeferred(state: SessionState, effects: Effect[]): SessionState {
    if (state.deferred === null) return state;
    const { header, credit } = state.deferred;
    if (state.phase === 'ending') {
      effects.push({ type: 'release', credit });
      return flushReplies({ ...state, deferred: null, inFrame: false }, effects);
    }
    return flushReplies(beginRequest({ ...state, deferred: null }, header, credit, effects), effects);
  }

  /**
   * No answer can reach the peer: requests that only read are dropped at any stage, and a request that waited for
   * them begins.
   */
  function unreachable(state: SessionState, effects: Effect[]): SessionState {
    if (!state.reachable) return state;
    const requests = state.requests.map((request) => {
      const isUnderWay = !request.done || request.sending || request.pendingReplies.length > 0;
      if (!request.readOnly || !isUnderWay) return request;
      effects.push({ type: 'drop', request: request.number });
      return { ...request, done: true, hasFile: false, sending: false, pendingReplies: [] };
    });
    return beginDeferred(flushReplies({ ...state, requests, reachable: false }, effects), effects);
  }

  function closed(state: SessionState, effects: Effect[]): SessionState {
    if (state.phase === 'disconnected') return state;
    const aborted = abortBody(unreachable(state, effects), effects);
    if (aborted.deferred !== null) effects.push({ type: 'release', credit: aborted.deferred.credit });
    const forgotten = { ...aborted, phase: 'disconnected', deferred: null, inFrame: false } as const;
    return flushReplies(forgotten, effects);
  }

  /**
   * Answers a fault of the connection behind all open requests. In the middle of a body the fault is the outcome of
   * the body's request, and is reported as that. If the request was refused before, the report of the refusal stands.
   */
  function fault(state: SessionState, error: ServiceFault, effects: Effect[]): SessionState {
    const answer = { type: 'fault', error } as const;
    if (!state.inFrame || state.deferred !== null)
      return withFatalReply(refuseRequest(state, {}, error, 0, effects));
    const last = state.requests.at(-1);
    if (last === undefined) {
      effects.push({ type: 'reply', reply: { error }, eager: true, credit: 0 });
      return state;
    }
    if (!last.done) {
      const report = { type: 'refused', ...reportFields(last, last.cmd!), error } as const;
      effects.push({ type: 'command', request: last.number, effect: { type: 'report', report } });
    }
    const aborted = abortBody(state, effects);
    return withFatalReply(
      replace(aborted, {
        ...last,
        receiving: false,
        done: true,
        pendingReplies: appendReplies(last.pendingReplies, [answer]),
      }),
    );
  }

  /** Ends the request of an incomplete body without an answer. A request whose body is whole goes on. */
  function abortBody(state: SessionState, effects: Effect[]): SessionState {
    const last = state.requests.at(-1);
    if (last === undefined || !last.receiving) return state;
    if (!last.done) effects.push({ type: 'command', request: last.number, effect: { type: 'abort' } });
    return replace(state, { ...last, receiving: false, done: true });
  }

  function run(request: OpenRequest, event: CommandEvent<unknown>, effects: Effect[]): OpenRequest {
    const command = byName.get(request.cmd!)!;
    return runCommand(command, request, event, effects);
  }

  const trimHeader: Session['trimHeader'] = (header) =>
    trimmedHeader(byName.get(header.cmd as string), header);

  return { initial: initialSession, trimHeader, reduce, accepts: (state) => state.deferred === null };
}

/** Makes the answer of the newest request the last one of the connection. */
const withFatalReply = (state: SessionState): SessionState =>
  replace(state, { ...state.requests.at(-1)!, fatal: true });

const isFatalRequest = ({ fatal }: OpenRequest): boolean => fatal;

const isOver = (state: SessionState): boolean => state.phase === 'finished' || state.phase === 'disconnected';

const replace = (state: SessionState, request: OpenRequest): SessionState => {
  const place = request.number - state.requests[0]!.number;
  const requests = state.requests.with(place, request);
  return request.fatal && !isOver(state) ? { ...state, requests, phase: 'ending' } : { ...state, requests };
};
