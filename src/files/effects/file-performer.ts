/** Carries out the effects of the file service for one connection: those of a store, and those of its server. */
import { asyncScheduler, type Observable, of, type SchedulerLike } from 'rxjs';
import type { PerformContext } from '../../actor/actor.ts';
import { nextTurn } from '../../actor/bounds/next-turn.ts';
import type { Slots } from '../../actor/bounds/slots.ts';
import type { FileStore, MaybeAsync, Outcome } from '../../store/contract.ts';
import type { Principal } from '../protocol/access.ts';
import { serviceFault } from '../protocol/errors.ts';
import type { RequestReport } from '../session/effect.ts';
import type { HelloResult } from '../session/event.ts';
import type { Access } from './access.ts';
import type { ConnectionStatus } from './connection-status.ts';
import type { FileEffect, FileInput, FileResult } from './file-actor.ts';
import { createPerformer, type StoreEffect } from './perform-effects.ts';
import type { CustomHandlers } from './performer-state.ts';
import { createRequestTimes, type TimedReport, withTiming } from './request-timing.ts';
import { type AddressTries, createTokenCheck, type TokenCheck } from './token-check.ts';

export interface FilePerformerDeps {
  readonly store: FileStore;
  readonly slots: { readonly reading: Slots; readonly writing: Slots };
  readonly access: Access;
  /** The principal of the connection as long as it has said no `hello`. */
  readonly atStart: () => Principal | null;
  readonly tries?: AddressTries | undefined;
  readonly customHandlers?: CustomHandlers | undefined;
  readonly about?: HelloResult['about'] | undefined;
  readonly status?: ConnectionStatus | undefined;
  readonly scheduler?: SchedulerLike | undefined;
  readonly report: (report: TimedReport) => void;
  readonly onInternalError: (thrown: unknown) => void;
}

const OVER_BEFORE_CHECKED = 'the connection was over before the token was looked at';

/** @returns `perform` of the connection with this context. */
export function createFilePerformer(
  deps: FilePerformerDeps,
  context: PerformContext<FileInput>,
): (effect: FileEffect) => Observable<FileResult> | undefined {
  const { access, slots, onInternalError, about = {} } = deps;
  const times = createRequestTimes(() => performance.now());
  /** What an idle connection does not need is made by the first effect that does: a ping asks nothing of a store. */
  let tokens: TokenCheck | null = null;
  let perform: ReturnType<typeof createPerformer> | null = null;
  /** The oldest request that was open when the last effect came. */
  let oldest = 1;

  const report = (request: number, given: RequestReport) =>
    deps.report(withTiming(given, request, times.since(request)));

  function performInStore(effect: StoreEffect): Observable<FileResult> | undefined {
    perform ??= createPerformer({
      store: deps.store,
      flow: context.flow,
      files: { reading: slots.reading.join(), writing: slots.writing.join() },
      customHandlers: deps.customHandlers ?? {},
      hello,
      atTurnEnd: nextTurn,
      report,
      onInternalError,
      status: deps.status,
    });
    return perform(effect);
  }

  function createTokens(): TokenCheck {
    const check = createTokenCheck(access, deps.scheduler ?? asyncScheduler, deps.tries);
    const giveUp = () => check.giveUp(serviceFault('not-authenticated', OVER_BEFORE_CHECKED));
    context.signal.addEventListener('abort', giveUp, { once: true });
    return check;
  }

  function hello(token: string): MaybeAsync<HelloResult> {
    tokens ??= createTokens();
    const found = tokens.principalOf(token);
    return found instanceof Promise ? found.then(helloResult) : helloResult(found);
  }

  function helloResult(found: Outcome<Principal | null>): Outcome<HelloResult> {
    if (!found.ok) return found;
    return { ok: true, value: { principal: found.value, about } };
  }

  return (effect) => {
    switch (effect.type) {
      case 'sayHello':
        return of({ of: 'about', about });
      case 'findPrincipal': {
        const { principal } = effect;
        const found = principal === null ? deps.atStart() : access.current(principal);
        return of({ of: 'access', principal: found });
      }
      case 'progress':
        // The reports of requests that are answered now come behind this effect.
        times.forgetBefore(oldest);
        oldest = effect.oldest;
        times.markStarted(effect.next);
        deps.status?.setOpen(effect.open);
        return undefined;
      case 'giveUpTokens':
        tokens?.giveUp(serviceFault('shutting-down'));
        return undefined;
      case 'internal-error':
        onInternalError(effect.thrown);
        return undefined;
      case 'command':
        if (effect.effect.type !== 'report') return performInStore(effect);
        report(effect.request, effect.effect.report);
        return undefined;
      default:
        return performInStore(effect);
    }
  };
}
