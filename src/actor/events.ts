/**
 * The events of an actor: what the peer sends, merged with what comes of effects, and with what others send.
 *
 * ```text
 *  results, timers ──────────▶ ┐
 *  the peer's messages ──────▶ ├──▶ one event at a time
 *  inputs of others ─────────▶ ┘
 * ```
 *
 * Results come first. Then the peer and the others take turns, as far as the actor accepts them. While too much waits
 * to be read by the peer, nothing but the end of the connection is reduced.
 */
import { map, Observable, type OperatorFunction } from 'rxjs';
import type { Decoded } from '../wire/codec.ts';
import { charge, exceedsBudget, paid } from './credit.ts';
import { fail } from './queues.ts';
import type { AnyEvent, QueuedEvent, Run } from './run.ts';

/** Makes events of what was decoded, each of which pays for what it holds. */
export function toEvents(run: Run): OperatorFunction<Decoded<unknown, unknown>, QueuedEvent> {
  return map((decoded) => {
    const event = decoded as AnyEvent;
    const settlement = paid(run, event);
    const isTooMuch = settlement !== null && event.type !== 'data' && exceedsBudget(run, settlement);
    return { event: isTooMuch ? { ...event, exceedsBudget: true } : event, settlement };
  });
}

/** Queues the peer's events, and emits whatever is next when `run.emit` is called for it. */
export function mergeEvents(run: Run): OperatorFunction<QueuedEvent, AnyEvent> {
  return (source) =>
    new Observable((subscriber) => {
      run.emit = (event) => subscriber.next(event);
      return source.subscribe({
        next: (queued) => run.fromPeer.push(queued),
        error: (error: unknown) => subscriber.error(error),
      });
    });
}

/** Whether so much waits for the peer to read that nothing more should be said. */
const isCongested = (run: Run): boolean => run.phase !== 'closed' && run.writer.pending() > run.sendingMax;

/** Takes the event that is reduced next. */
export function nextEvent(run: Run): QueuedEvent | undefined {
  if (isCongested(run)) {
    run.cancelWhenLow ??= run.writer.whenLow(() => {
      run.cancelWhenLow = null;
      run.member.wake();
    });
    return undefined;
  }
  // The end of the body wakes the connection.
  if (run.phase !== 'closed' && run.behindBodyBytes > run.sendingMax) return undefined;
  return run.results.shift() ?? nextInTurn(run);
}

function nextInTurn(run: Run): QueuedEvent | undefined {
  const event = run.isInputsTurn ? (nextInput(run) ?? nextOfPeer(run)) : (nextOfPeer(run) ?? nextInput(run));
  if (event !== undefined) run.isInputsTurn = event.event.type !== 'input';
  return event;
}

function accepts(run: Run, from: 'peer' | 'input'): boolean {
  const { actor, state, isBroken } = run;
  if (isBroken || actor.accepts === undefined) return true;
  try {
    return actor.accepts(state, from);
  } catch (thrown) {
    fail(run, thrown);
    return true;
  }
}

/** What is over is over, whether or not the actor takes more from the peer. */
const nextOfPeer = (run: Run): QueuedEvent | undefined =>
  acceptsPeer(run) || run.fromPeer.first()?.event.type === 'closed' ? run.fromPeer.shift() : undefined;

export const acceptsPeer = (run: Run): boolean => accepts(run, 'peer');

function nextInput(run: Run): QueuedEvent | undefined {
  if (run.inbound.length() === 0 || run.pausedBy.has('credit') || !accepts(run, 'input')) return undefined;
  const { input } = run.inbound.take()!;
  return { event: { type: 'input', input }, settlement: charge(run, 0) };
}
