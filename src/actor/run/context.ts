/**
 * What performers get besides the effect. Its signal, `closed$` and `flow` are made when somebody asks for them: most
 * connections ask for none, and an `AbortController` alone takes more memory than what else an idle connection queues.
 */
import { AsyncSubject, type Observable } from 'rxjs';
import type { PerformContext } from '../actor.ts';
import type { Flow } from '../flow.ts';
import type { Run } from './run.ts';

/** The reason of every signal. To make one each, with its stack, would cost as much as all else at a connection's end. */
const CLOSED = new DOMException('the connection is closed', 'AbortError');

/** Tells the effects, and whatever listens for them, that the connection is closed. Only the first call counts. */
export function abortEffects(run: Run): void {
  if (run.isAborted) return;
  run.isAborted = true;
  run.listening?.unsubscribe();
  if (run.closed$ !== null) emitClosed(run.closed$);
  run.abort?.abort(CLOSED);
}

function emitClosed(closed$: AsyncSubject<void>): void {
  closed$.next();
  closed$.complete();
}

export function signalOf(run: Run): AbortSignal {
  if (run.abort === null) {
    run.abort = new AbortController();
    if (run.isAborted) run.abort.abort(CLOSED);
  }
  return run.abort.signal;
}

function closedOf(run: Run): Observable<void> {
  if (run.closed$ === null) {
    run.closed$ = new AsyncSubject();
    if (run.isAborted) emitClosed(run.closed$);
  }
  return run.closed$;
}

function flowOf(run: Run): Flow {
  const { window, writer, member, steps } = run;
  return {
    isFree: (bytes) => window.isFree(bytes),
    charge: (bytes) => window.charge(bytes),
    credit: (bytes) => window.credit(bytes),
    lend: (wanted) => window.lend(wanted),
    repay: (bytes) => window.repay(bytes),
    write: (bytes, settled) => {
      writer.body(bytes, settled);
      writer.flush();
    },
    whenLow: (go) => writer.whenLow(go),
    inTurn: (work) => {
      // What is under way lets go of what it holds, and has no turns any more.
      if (run.phase === 'finished') return work();
      steps.push(work);
      member.wake();
    },
  };
}

const RUN = Symbol('run');

interface WithRun {
  readonly [RUN]: Run;
}

const lazy = (make: (run: Run) => unknown): PropertyDescriptor => ({
  enumerable: true,
  get(this: WithRun) {
    return make(this[RUN]);
  },
});

/**
 * Properties of the object itself, so that a copy by spread has them too. The same functions for all contexts: getters
 * of a literal would be made for each, and give each object a shape of its own.
 */
const LAZY: PropertyDescriptorMap = {
  signal: lazy(signalOf),
  closed$: lazy(closedOf),
  flow: lazy(flowOf),
};

export function createContext(run: Run): PerformContext<unknown> {
  const { id, local, remote, certificate } = run.connection;
  const peer = certificate === undefined ? { id, local, remote } : { id, local, remote, certificate };
  const context = { peer, self: run.inbound.mailbox };
  Object.defineProperty(context, RUN, { value: run });
  return Object.defineProperties(context, LAZY) as typeof context & PerformContext<unknown>;
}
