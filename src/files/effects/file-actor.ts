/**
 * The file service as an actor: its codec is length, JSON header and a body in pieces, its reducer is the session, and
 * its effects are performed against a store.
 *
 * ```text
 *  event of the actor              event of the session
 *  start, data, end                request, data, body-end
 *  fault, timeout                  fault, with an error of the catalogue
 *  ended, shutdown,                the same
 *  unreachable, closed
 *  result                          result; `access` when the rights of the peer were looked up
 *  input: the rules have changed   none: the rights are looked up
 * ```
 */
import { map, NEVER, type Observable } from 'rxjs';
import { type ActorEvent, type Control, defineActor, type PerformContext } from '../../actor/actor.ts';
import { EVENT_COST_BYTES } from '../../actor/bounds/credit.ts';
import type { Timeouts } from '../../actor/bounds/timeouts.ts';
import { memoryOf } from '../../base/memory-of.ts';
import type { Framing } from '../../wire/framing.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { Principal } from '../protocol/access.ts';
import { serviceFault } from '../protocol/errors.ts';
import { frameError } from '../protocol/frame-error.ts';
import type { Effect } from '../session/effect.ts';
import type { EffectResult, HelloResult, SessionEvent } from '../session/event.ts';
import type { Session } from '../session/session.ts';
import { costOf, type SessionState } from '../session/state.ts';
import type { Access } from './access.ts';
import { pageCost } from './list-credit.ts';
import type { StoreEffect } from './perform-effects.ts';
import { type OutgoingReply, ReplyWithBody, requestCodec } from './request-codec.ts';
import { timedOut } from './timed-out.ts';

/** The rules of access have changed. */
export type FileInput = { readonly type: 'access-changed' };

/** What comes of an effect: a result of the session, the rights of the peer, or what the server says of itself. */
export type FileResult =
  | EffectResult
  | { readonly of: 'access'; readonly principal: Principal | null }
  | { readonly of: 'about'; readonly about: HelloResult['about'] };

export type FileEffect =
  | StoreEffect
  | Extract<Effect, { type: 'internal-error' }>
  /** Find the rights that the peer has now. */
  | { readonly type: 'findPrincipal'; readonly principal: Principal | null }
  /** `hello` without a token asks for the principal of the connection. */
  | { readonly type: 'sayHello'; readonly request: number }
  /** Requests were begun, or answered: the next number, the oldest one that is open, and how many are. */
  | { readonly type: 'progress'; readonly next: number; readonly oldest: number; readonly open: number }
  /** Whoever waits for a turn to try a token waits no more. */
  | { readonly type: 'giveUpTokens' };

interface FileActorTypes {
  state: SessionState;
  effect: FileEffect;
  result: FileResult;
  input: FileInput;
}
type FileActorEvent = ActorEvent<never, JsonHeader, FileEffect, FileResult, FileInput>;
type FileActorEffect = FileEffect | Control<OutgoingReply>;

export interface FileActorDeps {
  readonly session: Session;
  readonly framing: Framing<JsonHeader>;
  readonly access: Access;
  readonly timeouts: Timeouts;
}

export type PerformFileEffect = (
  effect: FileEffect,
  context: PerformContext<FileInput>,
) => Observable<FileResult> | undefined;

/** What serves files, but for what is of one connection. All connections of a server share it. */
export type FileService = ReturnType<typeof fileService>;

/** The actor of one connection. */
export function fileActor(service: FileService, perform: PerformFileEffect): FileService {
  const { codec, initial, accepts, heldBytes, endsItself, listen, reduce } = service;
  // Field by field: each object that a spread makes may have a shape of its own, which takes more than its fields.
  const actor = { codec, initial, accepts, heldBytes, endsItself, reduce, perform };
  return (listen === undefined ? actor : { ...actor, listen }) as FileService;
}

/** The service of a connection whose principal does not follow from its certificate. */
export const startingWith = (service: FileService, principal: () => Principal | null): FileService => ({
  ...service,
  initial: (peer) => ({ ...service.initial(peer), principal: principal() }),
});

export function fileService({ session, framing, access, timeouts }: FileActorDeps) {
  return defineActor<FileActorTypes>()({
    codec: requestCodec(framing, session.trimHeader),
    initial: ({ certificate }) => ({ ...session.initial, principal: access.initial(certificate) }),
    accepts: (state, from) => from === 'input' || session.accepts(state),
    heldBytes: costOf,
    // It answers the requests that it has begun before.
    endsItself: true,
    // Rules that never change need no subscription in each of thousands of idle connections.
    ...(access.changed$ === NEVER
      ? {}
      : { listen: () => access.changed$.pipe(map(() => ({ type: 'access-changed' }) as const)) }),
    reduce: (before, event) => {
      if (event.type === 'input' || isOutdated(event, before))
        return { state: before, effects: [{ type: 'findPrincipal', principal: before.principal }] };
      const reduced = sessionEvent(event, before, timeouts);
      if (reduced === null) return { state: before, effects: [] };
      const effects: FileActorEffect[] = [];
      // A command of the program's own has thrown when it was asked for the length of its body.
      if (event.type === 'fault' && event.fault.cause !== undefined)
        effects.push({ type: 'internal-error', thrown: event.fault.cause });
      if (event.type === 'shutdown') effects.push({ type: 'giveUpTokens' });
      const [state, asked] = session.reduce(before, reduced);
      if (state.next !== before.next || state.requests.length !== before.requests.length)
        effects.push(progressOf(state));
      // The ack has promised so many bytes. Without them the peer cannot find the next frame.
      if (reduced.type === 'result' && reduced.result.of === 'send' && !reduced.result.ok)
        effects.push({ type: 'destroy' });
      for (const effect of asked) addEffect(effects, effect);
      return { state, effects };
    },
  });
}

const progressOf = ({ next, requests }: SessionState): FileEffect => ({
  type: 'progress',
  next,
  oldest: requests[0]?.number ?? next,
  open: requests.length,
});

/** Whether the rights that were looked up are those of a principal that the connection has no more. */
const isOutdated = (event: FileActorEvent, { principal }: SessionState): boolean =>
  event.type === 'result' && event.effect.type === 'findPrincipal' && event.effect.principal !== principal;

function sessionEvent(
  event: FileActorEvent,
  { principal }: SessionState,
  timeouts: Timeouts,
): SessionEvent | null {
  switch (event.type) {
    case 'start': {
      const { head: header, length: body, exceedsBudget } = event;
      const cost = memoryOf(header) + EVENT_COST_BYTES;
      const request = { type: 'request', header, body, cost } as const;
      return exceedsBudget === true ? { ...request, refused: serviceFault('busy') } : request;
    }
    case 'data':
      return { type: 'data', bytes: event.bytes };
    case 'end':
      return { type: 'body-end' };
    case 'result': {
      const { effect, value: result } = event;
      if (result.of === 'access') return { type: 'access', principal: result.principal };
      if (!('request' in effect)) return null;
      const { request } = effect;
      // It has no token: the rights are those of now, and may have changed since it was said.
      if (result.of === 'about') {
        const value = { principal, about: result.about };
        return { type: 'result', request, result: { of: 'hello', ok: true, value } };
      }
      // A page of names may have to wait for its turn to be sent.
      if (result.of === 'list' && result.ok)
        return { type: 'result', request, result, cost: pageCost(result.value.files.length) };
      return { type: 'result', request, result };
    }
    case 'fault':
      return { type: 'fault', error: frameError(event.fault) };
    case 'timeout':
      return { type: 'fault', error: timedOut(event.kind, timeouts) };
    case 'failed':
      // A performer answers with results, and never fails.
      throw event.error;
    case 'ended':
    case 'shutdown':
    case 'unreachable':
    case 'closed':
      return { type: event.type };
    case 'opened':
    case 'message':
    case 'input':
    case 'timer':
      return null;
  }
}

/** Adds an effect of the session as the actor's. */
function addEffect(effects: FileActorEffect[], effect: Effect): void {
  switch (effect.type) {
    case 'reply':
      effects.push({
        type: 'send',
        message: effect.body === undefined ? effect.reply : new ReplyWithBody(effect.reply, effect.body),
        mayWait: !effect.eager,
      });
      return;
    case 'end':
      effects.push(effect);
      return;
    case 'send':
      effects.push({ ...effect, type: 'sendFile' });
      return;
    case 'command': {
      const { request, effect: asked } = effect;
      const isOwn = asked.type === 'hello' && asked.token === undefined;
      effects.push(isOwn ? { type: 'sayHello', request } : effect);
      return;
    }
    default:
      effects.push(effect);
  }
}
