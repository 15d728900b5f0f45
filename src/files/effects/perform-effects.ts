/**
 * Carries out the effects of a session: the only place where its decisions meet a store.
 *
 * What an effect gives is an Observable of its results, which the actor makes events of the session. Every failure is a
 * result. Nothing here throws, and no Observable errors.
 */
import type { CommandEffect, Effect } from '../session/effect.ts';
import { callStore } from './call-store.ts';
import { chargePage } from './list-credit.ts';
import {
  askStore,
  createPerformerState,
  type PerformerDeps,
  type PerformerState,
  type Results,
  resultOf,
  waitFor,
} from './performer-state.ts';
import { closeFile, openFile, type SendFile, send } from './sent-files.ts';
import { openPut, write } from './stored-files.ts';

/** The effects that a store is needed for. */
export type StoreEffect = Extract<Effect, { type: 'command' | 'drop' | 'closeFile' }> | SendFile;

/** Carries out the effects of one connection. */
export function createPerformer(deps: PerformerDeps): (effect: StoreEffect) => Results {
  const state = createPerformerState(deps);
  if (deps.status) deps.status.transfers = state;
  return (effect) => {
    switch (effect.type) {
      case 'command':
        return performCommand(state, effect.request, effect.effect);
      case 'sendFile':
        return send(state, effect);
      case 'drop':
        drop(state, effect.request);
        return undefined;
      case 'closeFile':
        closeFile(state, effect.request);
        return undefined;
    }
  };
}

/**
 * Drops a request that nobody waits for any more. A file that is being sent ends by itself, since nothing can be sent.
 */
function drop(state: PerformerState, request: number): void {
  state.pending.get(request)?.();
  closeFile(state, request);
}

// Several effects come with each small file. A `switch` costs a hundredth of a pattern match, and that is measurable
// here.
function performCommand(state: PerformerState, request: number, effect: CommandEffect): Results {
  const { store, puts } = state;
  switch (effect.type) {
    case 'openPut':
      return openPut(state, request, effect);
    case 'write':
      return write(state, request, effect.bytes);
    case 'sync':
      puts.get(request)?.sync();
      return undefined;
    case 'commit':
      puts.get(request)?.commit();
      return undefined;
    case 'abort':
      puts.get(request)?.abort();
      return undefined;
    case 'resume':
      return askStore(state, request, 'resume', () => store.resume(effect.upload));
    case 'cancel':
      return askStore(state, request, 'cancel', () => store.cancel(effect.upload));
    case 'hello':
      return askStore(state, request, 'hello', () => state.hello(effect.token!));
    case 'open':
      return openFile(state, request, effect.name);
    case 'stat':
      return effect.checksum
        ? statSummed(state, request, effect.name)
        : askStore(state, request, 'stat', () => store.stat(effect.name));
    case 'list':
      return list(state, request, effect);
    case 'remove':
      return askStore(state, request, 'remove', () => store.remove(effect.name));
    case 'rename':
      return askStore(state, request, 'rename', () =>
        store.rename(effect.name, effect.to, { ifAbsent: effect.ifAbsent }),
      );
    case 'custom':
      return callHandler(state, request, effect.call, effect.with);
    case 'report':
      state.report(request, effect.report);
      return undefined;
  }
}

/**
 * A page of names is far longer than its request. So the next page waits until the peer's system has the last one. The
 * folder may be larger still: the store reads no further when the request is dropped.
 */
function list(
  state: PerformerState,
  request: number,
  effect: Extract<CommandEffect, { type: 'list' }>,
): Results {
  const { store, flow, onInternalError } = state;
  return waitFor(state, request, (result) => {
    const controller = new AbortController();
    const unwanted = flow.whenLow(() => {
      const { names, credit } = chargePage(flow, effect.limit);
      const { signal } = controller;
      callStore(
        () => store.list({ ...effect, limit: names, signal }),
        onInternalError,
        (outcome) => {
          result(resultOf('list', outcome));
          flow.credit(credit);
        },
      );
    });
    return () => {
      unwanted();
      controller.abort();
    };
  });
}

/** It may take as long as reading the file: the store ends it when nobody waits any more. */
function statSummed(state: PerformerState, request: number, name: string): Results {
  return waitFor(state, request, (result) => {
    const controller = new AbortController();
    callStore(
      () => state.store.stat(name, { checksum: true, signal: controller.signal }),
      state.onInternalError,
      (outcome) => result(resultOf('stat', outcome)),
    );
    return () => controller.abort();
  });
}

function callHandler(state: PerformerState, request: number, name: string, argument: unknown): Results {
  const { customHandlers, store } = state;
  const handler = Object.hasOwn(customHandlers, name) ? customHandlers[name] : undefined;
  return askStore(state, request, 'custom', () => {
    if (handler === undefined) throw new Error(`no handler is registered for the call '${name}'`);
    return handler(argument, store);
  });
}
