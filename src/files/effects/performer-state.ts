/** What the effects of one connection share: what is under way for its requests, and how it is waited for. */
import { Observable, type Subscriber } from 'rxjs';
import type { SlotHolder } from '../../actor/bounds/slots.ts';
import type { Flow } from '../../actor/flow.ts';
import type { FileStore, MaybeAsync, Outcome, Source } from '../../store/contract.ts';
import type { RequestReport } from '../session/effect.ts';
import type { EffectResult, EffectResultOf, HelloResult } from '../session/event.ts';
import { callStore } from './call-store.ts';
import type { ConnectionStatus } from './connection-status.ts';
import type { PutTask } from './put-task.ts';
import type { SendProgress } from './send-task.ts';

/**
 * The handlers of the `custom` effects of your own commands, by the name in `call`. A handler gets the effect's `with`,
 * and the store; what it answers is the effect's result. A handler that throws costs the request: the peer gets
 * `internal`.
 *
 * @example
 * const customHandlers: CustomHandlers = {
 *   count: async (prefix, store) => {
 *     const page = await store.list({ prefix: String(prefix), limit: 1000 });
 *     return page.ok ? { ok: true, value: page.value.files.length } : page;
 *   },
 * };
 */
export type CustomHandlers = Readonly<
  Record<string, (argument: unknown, store: FileStore) => MaybeAsync<unknown>>
>;

export interface PerformerDeps {
  readonly store: FileStore;
  readonly flow: Flow;
  /** The slots for files: one for each file that is open to be sent, and one for each file that is being stored. */
  readonly files: { readonly reading: SlotHolder; readonly writing: SlotHolder };
  readonly customHandlers: CustomHandlers;
  /** Finds the principal that has a token, and the fields that the server says of itself. */
  readonly hello: (token: string) => MaybeAsync<HelloResult>;
  /**
   * Calls back at the end of this turn of the event loop, when all that could be received at once has been received.
   */
  readonly atTurnEnd: (work: () => void) => void;
  readonly report: (request: number, report: RequestReport) => void;
  /** Called with any exception that the store or a command of your own throws: that is a bug in it. */
  readonly onInternalError: (thrown: unknown) => void;
  readonly status?: ConnectionStatus | undefined;
}

/** The results of an effect, or undefined when it has none and nothing is under way for it. */
export type Results = Observable<EffectResult> | undefined;

/** A file that is open, and the function that gives its slot back. */
export interface OpenFile {
  readonly source: Source;
  readonly release: () => void;
}

/** A file that is open to be sent; `closed` ends the effect that opened it. */
export interface OpenSource extends OpenFile {
  readonly closed: () => void;
}

/** Each map has at most one entry for each open request. */
export interface PerformerState extends Omit<PerformerDeps, 'status'> {
  readonly puts: Map<number, PutTask>;
  readonly sources: Map<number, OpenSource>;
  /** What drops a request that waits for an answer of the store. */
  readonly pending: Map<number, () => void>;
  /** The requests whose file is being sent, and how far that is. */
  readonly sending: Map<number, SendProgress>;
  /** The put that was written to in this turn: only one body is received at a time. */
  unflushed: PutTask | null;
}

export const createPerformerState = (deps: PerformerDeps): PerformerState => ({
  // Field by field: each object that a spread makes may have a shape of its own, which takes more than its fields.
  store: deps.store,
  flow: deps.flow,
  files: deps.files,
  customHandlers: deps.customHandlers,
  hello: deps.hello,
  atTurnEnd: deps.atTurnEnd,
  report: deps.report,
  onInternalError: deps.onInternalError,
  puts: new Map(),
  sources: new Map(),
  pending: new Map(),
  sending: new Map(),
  unflushed: null,
});

/**
 * What a request waits for. When the request is dropped it has no result, and neither when the connection is given up.
 *
 * @param begin begins the work, and returns what withdraws it.
 */
export function waitFor(
  { pending }: PerformerState,
  request: number,
  begin: (give: (result: EffectResult) => void) => () => void,
): Observable<EffectResult> {
  return new Observable((subscriber) => {
    let isOver = false;
    let withdraw = () => {};
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      pending.delete(request);
      return true;
    };
    const drop = () => {
      if (!end()) return;
      withdraw();
      subscriber.complete();
    };
    // Before it begins, since it may be over at once.
    pending.set(request, drop);
    withdraw = begin((result) => {
      if (end()) give(subscriber, result);
    });
    return drop;
  });
}

/** Asks the store a question, and turns the answer into a result. */
export const askStore = <T>(
  state: PerformerState,
  request: number,
  of: EffectResultOf,
  question: () => MaybeAsync<T>,
): Results =>
  waitFor(state, request, (result) => {
    callStore(question, state.onInternalError, (outcome) => result(resultOf(of, outcome)));
    return () => {};
  });

export const resultOf = <T>(of: EffectResultOf, outcome: Outcome<T>): EffectResult =>
  (outcome.ok
    ? { of, ok: true, value: outcome.value }
    : { of, ok: false, error: outcome.error }) as EffectResult;

/** The one result of an effect. */
export function give(subscriber: Subscriber<EffectResult>, result: EffectResult): void {
  subscriber.next(result);
  subscriber.complete();
}
