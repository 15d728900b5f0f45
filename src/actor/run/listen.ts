/** Listens to what is not the peer's messages: the end of the connection, timeouts, the shutdown, and what the actor says. */
import { from } from 'rxjs';
import { memoryOf } from '../../base/memory-of.ts';
import type { ConnectionProgress } from '../bounds/timeouts.ts';
import { subscribeOnce } from '../subscribe-once.ts';
import { boundResults } from './bound-results.ts';
import { connectionOver, timedOut, unreachable } from './lifecycle.ts';
import { isListening } from './pause.ts';
import { fail, pushResult } from './queues.ts';
import type { Run } from './run.ts';
import type { ServeActorOptions } from './serve-actor-options.ts';

/** Returns what ends it. */
export function listen(run: Run, { shutdown$, timeoutMonitor }: ServeActorOptions): () => void {
  const closed = run.connection.closed$.subscribe((fault) => connectionOver(run, fault));
  const stopShutdown =
    shutdown$ &&
    subscribeOnce(shutdown$, () => pushResult(run, { event: { type: 'shutdown' }, settlement: null }));
  const stopMonitor = timeoutMonitor.monitor(
    () => progressOf(run),
    (kind) => timedOut(run, kind),
    () => probePeer(run),
  );
  listenToOthers(run);
  return () => {
    closed.unsubscribe();
    stopShutdown?.();
    stopMonitor();
    run.listening?.unsubscribe();
  };
}

const progressOf = (run: Run): ConnectionProgress => ({
  received: run.received,
  partialHead: run.partialBytes,
  inBody: run.inBody,
  bodies: run.bodies,
  // A body that is slow is not the peer's silence.
  open: run.underWay.size + (run.isSendingBody ? 1 : 0),
  listening: isListening(run),
  writing: run.writer.isWriting(),
  writes: run.writer.settledWrites(),
});

/** Subscribes to what the actor itself listens to, until the connection is closed. */
function listenToOthers(run: Run): void {
  const { actor, context } = run;
  if (actor.listen === undefined || run.isBroken) return;
  try {
    const inputs$ = from(actor.listen(context));
    if (run.isAborted) return;
    run.listening = inputs$.subscribe({
      next: (input) => {
        if (run.isBroken || run.isAborted) return;
        pushResult(run, {
          event: { type: 'input', input },
          settlement: null,
          resultCredit: memoryOf(input),
        });
        boundResults(run, 'listen: what it returned');
      },
      error: (thrown: unknown) => {
        if (!run.isAborted) fail(run, thrown);
      },
    });
    // What it emitted at once may have closed the connection.
    if (run.isAborted) run.listening.unsubscribe();
  } catch (thrown) {
    fail(run, thrown);
  }
}

const isAtWork = ({ underWay, isSendingBody }: Run): boolean => underWay.size > 0 || isSendingBody;

/**
 * Asks the system whether the peer is still there, while neither a read nor a write would show it, and effects are under
 * way for it.
 */
function probePeer(run: Run): void {
  const wouldTell = (isListening(run) && !run.isInputOver) || run.writer.isWriting();
  if (wouldTell || run.isUnreachable || !isAtWork(run) || run.phase === 'closed') return;
  run.connection.write([], (fault) => {
    if (fault) unreachable(run);
  });
}
