/**
 * A store around a store that asks, for each put that is whole, whether the file may be stored.
 *
 *   the hook                              the put
 *   answers null                          is stored
 *   answers a reason                      is refused: `rejected`, with the reason
 *   throws, or answers nothing in time    by `unanswered`: refused with `unavailable`, and tried again by our client; or stored
 *
 * It is asked of `atOnce` puts at once. The time of a put counts from when it is whole, so those that wait for a place wait
 * no longer than it.
 */
import {
  check,
  checkOptions,
  FUNCTION,
  oneOf,
  optional,
  type RulesFor,
  STORE,
  wholeFrom,
} from '../../wire/argument.ts';
import type { FileStore, Outcome, StagedContent } from '../contract.ts';
import { err, okVoid } from '../outcome.ts';

/**
 * Decides whether a file may be stored: null to store it, or the reason why not, which the client is told. It may take
 * its time: the put waits for it meanwhile.
 *
 * @param signal aborted when nobody waits for the answer any more.
 */
export type Accept = (content: StagedContent, signal: AbortSignal) => string | null | Promise<string | null>;

/** The bounds of `withAccept`, and what is done without an answer. */
export interface AcceptOptions {
  /** How long a put waits for the answer, in milliseconds, 1 to 2^31 - 1; default 20,000. */
  readonly timeout?: number;
  /** Files of which the hook is asked at once, from 1; default 8. The others wait for their turn. */
  readonly atOnce?: number;
  /** What becomes of a file without an answer: `refuse`, the default, or `store`. */
  readonly unanswered?: 'refuse' | 'store';
  /** Called with each file that was decided without an answer, and why there was none; default nothing is. */
  readonly onUnanswered?: (content: StagedContent, why: Error) => void;
}

/** How many files a hook was asked of, by what came of it. */
export interface AcceptCounts {
  /** Those that it has taken. */
  readonly accepted: number;
  /** Those that it has refused. */
  readonly rejected: number;
  /** Those that were decided without an answer, by `unanswered`. */
  readonly unanswered: number;
  /** Those that wait for an answer now. */
  readonly waiting: number;
}

/** A store that asks: what `withAccept` makes. */
export interface AcceptStore extends FileStore {
  /** How many files the hook was asked of since the store was made, by what came of it. */
  readonly acceptCounts: () => AcceptCounts;
}

const RULES: RulesFor<AcceptOptions> = {
  timeout: optional(wholeFrom(1, 2 ** 31 - 1)),
  atOnce: optional(wholeFrom(1)),
  unanswered: optional(oneOf('refuse', 'store')),
  onUnanswered: optional(FUNCTION),
};
/** Characters of a reason that a client is told. */
const REASON_MAX = 500;

interface AcceptState {
  readonly accept: Accept;
  readonly options: Required<AcceptOptions>;
  /** Calls of the hook that have not answered. */
  running: number;
  /** What calls the hook for those that wait for their turn, in order. The puts under way bound them. */
  readonly queue: Set<() => void>;
  readonly counts: { accepted: number; rejected: number; unanswered: number };
  /** What ends each question that has no answer yet. */
  readonly open: Set<AbortController>;
  isClosed: boolean;
}

/**
 * Asks a hook before a put is acknowledged and before its file is seen.
 *
 * @throws TypeError or RangeError when an option is of the wrong kind.
 * @example
 * const store = withAccept(memoryStore(), ({ name }) => (name.endsWith('.exe') ? 'no programs, please' : null));
 */
export function withAccept(store: FileStore, accept: Accept, options: AcceptOptions = {}): AcceptStore {
  check('withAccept: the store', store, STORE);
  check('withAccept: the hook', accept, FUNCTION);
  checkOptions('withAccept', options, RULES);
  const { timeout = 20_000, atOnce = 8, unanswered = 'refuse', onUnanswered = () => {} } = options;
  const state: AcceptState = {
    accept,
    options: { timeout, atOnce, unanswered, onUnanswered },
    running: 0,
    queue: new Set(),
    counts: { accepted: 0, rejected: 0, unanswered: 0 },
    open: new Set(),
    isClosed: false,
  };
  return {
    durable: store.durable,
    put: (name, asked) => store.put(name, { ...asked, accept: (content) => decide(state, content) }),
    resume: (upload) => store.resume(upload),
    cancel: (upload) => store.cancel(upload),
    unfinished: () => store.unfinished(),
    open: (name) => store.open(name),
    stat: (name, about) => store.stat(name, about),
    list: (about) => store.list(about),
    remove: (name) => store.remove(name),
    rename: (from, to, about) => store.rename(from, to, about),
    close: () => {
      state.isClosed = true;
      for (const controller of state.open) controller.abort();
      return store.close();
    },
    acceptCounts: () => ({ ...state.counts, waiting: state.open.size }),
  };
}

async function decide(state: AcceptState, content: StagedContent): Promise<Outcome<void>> {
  const { counts, options } = state;
  const answer = await ask(state, content);
  if (state.isClosed) return err('shutting-down');
  if (answer instanceof Error) {
    counts.unanswered++;
    options.onUnanswered(content, answer);
    if (options.unanswered === 'store') return okVoid;
    return err('unavailable', 'whoever decides about new files has not answered; try again later');
  }
  if (answer === null) {
    counts.accepted++;
    return okVoid;
  }
  counts.rejected++;
  const reason = answer.slice(0, REASON_MAX);
  return err('rejected', reason, { reason });
}

/** The answer of the hook; an error when there is none. */
function ask(state: AcceptState, content: StagedContent): Promise<string | null | Error> {
  const { options, open, queue } = state;
  return new Promise((resolve) => {
    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(), options.timeout);
    const settle = (answer: string | null | Error) => {
      clearTimeout(timer);
      open.delete(controller);
      queue.delete(start);
      resolve(answer);
    };
    const start = () => void callHook(state, content, signal).then(settle);
    signal.addEventListener('abort', () => settle(new Error(`no answer within ${options.timeout} ms`)));
    open.add(controller);
    queue.add(start);
    if (state.isClosed) controller.abort();
    startNext(state);
  });
}

function startNext(state: AcceptState): void {
  for (const start of state.queue) {
    if (state.running >= state.options.atOnce) return;
    state.queue.delete(start);
    start();
  }
}

/** A hook that does not heed its signal keeps its place until it answers: so no more than `atOnce` ever run. */
async function callHook(
  state: AcceptState,
  content: StagedContent,
  signal: AbortSignal,
): Promise<string | null | Error> {
  state.running++;
  try {
    const answer: unknown = await state.accept(content, signal);
    if (answer === null || typeof answer === 'string') return answer;
    return new TypeError(`a hook answers null or a reason, and not ${typeof answer}`);
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  } finally {
    state.running--;
    startNext(state);
  }
}
