/** How a connection that an actor serves comes to its end. The table of its phases is in `run`. */
import { Subscription } from 'rxjs';
import type { ConnectionFault } from '../../transport/connection.ts';
import type { TimeoutKind } from '../bounds/timeouts.ts';
import { abortEffects } from './context.ts';
import { settle, settleUnreduced, unreduced } from './event-credit.ts';
import { chargeResult, endEffects, inputEnded, pushResult, resumePulling } from './queues.ts';
import { chargePartial } from './room.ts';
import type { AnyEvent, Run } from './run.ts';

/** How long effects may go on after the connection is closed, in milliseconds. */
export const SETTLE_MS = 30_000;

/** Applies what an event means for the life of the connection, once the actor has reduced it. */
export function afterEvent(run: Run, event: AnyEvent): void {
  switch (event.type) {
    case 'fault':
      run.observer.next({ type: 'fault', fault: event.fault });
      if (event.fault.fatal && run.actor.endsItself !== true) endOurSide(run);
      return;
    case 'timeout':
      if (run.actor.endsItself !== true) endOurSide(run);
      return;
    case 'ended':
      if (run.phase === 'open') run.phase = 'ended';
      return;
    case 'closed':
      return closed(run);
    default:
      return;
  }
}

/** Ends our side when everything is sent. A peer that does not end its own is dropped after a while. */
export function endOurSide(run: Run): void {
  if (run.phase !== 'open' && run.phase !== 'ended') return;
  run.phase = 'ending';
  settleUnreduced(run);
  chargePartial(run, 0);
  stopTimers(run);
  if (run.isSendingBody) run.behindBody.push(() => run.writer.end());
  else run.writer.end();
}

/** Drops a peer that does not end its side for a while, once ours is ended. Until then `unread` is what ends the wait. */
export function ourSideEnded(run: Run): void {
  waitsOf(run).add(run.scheduler.schedule(() => run.connection.destroy(), run.lingerMs));
}

/** The timers of the engine. Most connections never have any. */
function waitsOf(run: Run): Subscription {
  run.waits ??= new Subscription();
  return run.waits;
}

/** The peer was too slow. */
export function timedOut(run: Run, kind: TimeoutKind): void {
  const isOver = run.phase !== 'open' && run.phase !== 'ended';
  if (isOver && kind !== 'unread') return;
  run.observer.next({ type: 'timeout', kind });
  // A peer that does not read would not receive a farewell.
  if (kind === 'unread') run.connection.destroy();
  pushResult(run, { event: { type: 'timeout', kind }, settlement: null });
}

/**
 * Both sides of the connection are over. The actor learns of it behind what the peer has sent before; effects learn of
 * it now. What has not ended some time later is given up, so that nothing waits for ever.
 */
export function connectionOver(run: Run, fault: ConnectionFault | null): void {
  if (run.phase === 'finished') return;
  unreachable(run);
  inputEnded(run, { type: 'closed', fault });
  abortEffects(run);
  if (run.settleMs === Number.POSITIVE_INFINITY) return;
  waitsOf(run).add(
    run.scheduler.schedule(() => {
      run.observer.next({ type: 'abandoned', effects: run.underWay.size });
      finish(run);
    }, run.settleMs),
  );
}

/** Nothing that is sent can reach the peer: the actor learns it at once. */
export function unreachable(run: Run): void {
  if (run.isUnreachable || run.phase === 'closed') return;
  run.isUnreachable = true;
  pushResult(run, { event: { type: 'unreachable' }, settlement: null });
}

/**
 * Nobody wants the reports of a connection any more: it is destroyed. The actor learns of it all the same, so that it can
 * let go of what its effects have opened.
 */
export function giveUp(run: Run): void {
  if (run.phase === 'finished') return;
  run.connection.destroy();
  abortEffects(run);
  if (run.phase !== 'closed') run.reducer.next({ type: 'closed', fault: null });
  finish(run);
}

function closed(run: Run): void {
  if (run.phase === 'closed' || run.phase === 'finished') return;
  run.phase = 'closed';
  settleUnreduced(run);
  stopTimers(run);
  run.inbound.close();
}

/** Looks whether there is anything left to wait for. It is called when a turn of work is over. */
export function advance(run: Run): void {
  if (run.underWay.size > 0 || run.results.length > 0 || unreduced(run) > 0) return;
  if (run.phase === 'ended' && run.ends.length === 0 && (run.timers === null || run.timers.size === 0))
    endOurSide(run);
  else if (run.phase === 'closed') finish(run);
}

/** Lets go of everything. Each credit that is still charged is returned. */
export function finish(run: Run): void {
  if (run.phase === 'finished') return;
  run.phase = 'finished';
  stopTimers(run);
  run.waits?.unsubscribe();
  run.cancelWhenLow?.();
  run.inbound.close();
  abortEffects(run);
  run.member.leave();
  run.rates.bytes.leave();
  run.rates.messages.leave();
  // Else what waits for a quiet period would keep its credit.
  run.ackDelay.release();
  run.ackDelay.dispose();
  run.writer.flush();
  settleUnreduced(run);
  for (let queued = run.results.shift(); queued !== undefined; queued = run.results.shift()) {
    chargeResult(run, -(queued.resultCredit ?? 0));
    settle(run, queued.settlement);
  }
  resumePulling(run);
  endEffects(run);
  for (let step = run.steps.shift(); step !== undefined; step = run.steps.shift()) step();
  chargePartial(run, 0);
  run.window.credit(run.stateCredit);
  run.stateCredit = 0;
  run.observer.complete();
}

/** The peer does not read what others send to it, or what its effects give: that costs the connection. */
export function overflow(run: Run): void {
  if (run.phase !== 'closed' && run.phase !== 'finished') run.observer.next({ type: 'overflow' });
  run.inbound.close();
  run.connection.destroy();
}

function stopTimers(run: Run): void {
  for (const timer of run.timers?.values() ?? []) timer.unsubscribe();
  run.timers = null;
}
