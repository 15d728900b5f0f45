/** What enters a connection's run from outside of its pipe: results, ends and exceptions. */
import { EMPTY_SET } from '../../base/lazy-set.ts';
import { settle } from './event-credit.ts';
import type { AnyEvent, QueuedEvent, Run } from './run.ts';

/** Queues a result, or whatever else is reduced before the peer's messages. */
export function pushResult(run: Run, queued: QueuedEvent): void {
  if (run.phase === 'finished') return settle(run, queued.settlement);
  chargeResult(run, queued.resultCredit ?? 0);
  run.results.push(queued);
  run.member.wake();
}

/** Queues the peer's end, or the connection's, behind what came before it. */
export function inputEnded(run: Run, event: AnyEvent): void {
  run.isInputOver = true;
  run.ackDelay.release();
  run.ends.push(event);
  run.member.wake();
}

/** A function of the actor has thrown: that costs the connection. */
export function fail(run: Run, thrown: unknown): void {
  if (run.isBroken) return;
  run.isBroken = true;
  run.observer.next({ type: 'internal-error', thrown });
  run.connection.destroy();
  // Nobody would reduce their results.
  endEffects(run);
}

/** The code that ends an effect is the actor's, and may throw. */
export function endEffects(run: Run): void {
  for (const effect of [...run.underWay]) {
    try {
      effect.unsubscribe();
    } catch (thrown) {
      run.observer.next({ type: 'internal-error', thrown });
    }
  }
}

/** Lets async iterables go on, once no result waits. */
export function resumePulling(run: Run): void {
  if (run.drained.size === 0 || run.results.length > 0) return;
  const waiting = run.drained;
  run.drained = EMPTY_SET;
  for (const resume of waiting) resume();
}

/** Charges the credit of a result while it waits; with a negative number returns it. */
export function chargeResult(run: Run, bytes: number): void {
  if (bytes === 0) return;
  run.resultBytes += bytes;
  run.window.charge(bytes);
}
