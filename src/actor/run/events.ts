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
 * to be read by the peer, nothing but the end of the connection is reduced. `work` takes what is next.
 */
import { map, Observable, type OperatorFunction } from 'rxjs';
import type { Decoded } from '../../wire/codec.ts';
import { type Turn, takeOutputs } from '../../wire/decode.ts';
import { charged } from './event-credit.ts';
import { fail } from './queues.ts';
import type { AnyEvent, PeerEvents, Run } from './run.ts';

/** Makes events of what each step has decoded. They pay for what they hold. */
export function toEvents(run: Run): OperatorFunction<Turn<unknown, Decoded<unknown, unknown>>, PeerEvents> {
  return map((turn) => charged(run, takeOutputs(turn) as AnyEvent[]));
}

/** Keeps the peer's events, and emits what `work` gives to `run.reducer`: whatever is next. */
export function mergeEvents(run: Run): OperatorFunction<PeerEvents, AnyEvent> {
  return (source) =>
    new Observable((subscriber) => {
      run.reducer = subscriber;
      return source.subscribe({
        next: (events) => {
          run.fromPeer = events;
        },
        error: (error: unknown) => subscriber.error(error),
      });
    });
}

/** Whether so much waits for the peer to read that nothing more should be said. */
const isCongested = (run: Run): boolean => run.phase !== 'closed' && run.writer.pending() > run.sendingMax;

function wakeWhenLow(run: Run): void {
  run.cancelWhenLow ??= run.writer.whenLow(() => {
    run.cancelWhenLow = null;
    run.member.wake();
  });
}

/**
 * Whether no further request may begin, since the state, or what waits for the peer to read, has grown too large: an
 * answer may be much longer than its request, and many are decoded at once. What is under way goes on.
 */
export function mustWaitToBegin(run: Run): boolean {
  if (run.phase === 'closed') return false;
  // The state becomes smaller by an event, behind which this is asked again.
  if (run.stateCredit > run.beginningMax) return true;
  if (run.writer.pending() <= run.beginningMax) return false;
  wakeWhenLow(run);
  return true;
}

/** Whether nothing may be reduced until the peer has read more. The connection then wakes. */
export function mustWaitForPeer(run: Run): boolean {
  if (isCongested(run)) {
    wakeWhenLow(run);
    return true;
  }
  // The end of the body wakes the connection.
  return run.phase !== 'closed' && run.behindBodyBytes > run.sendingMax;
}

/** Whether the actor takes more from the peer, or from others, now. */
export function accepts(run: Run, from: 'peer' | 'input'): boolean {
  const { actor, state, isBroken } = run;
  if (isBroken || actor.accepts === undefined) return true;
  try {
    return actor.accepts(state, from);
  } catch (thrown) {
    fail(run, thrown);
    return true;
  }
}

export const acceptsPeer = (run: Run): boolean => accepts(run, 'peer');
