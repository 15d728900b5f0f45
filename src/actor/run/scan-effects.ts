/** The reducer as RxJS runs it: `scan`. */
import { type OperatorFunction, scan } from 'rxjs';
import { check, LIST } from '../../wire/argument.ts';
import type { Turn } from '../../wire/decode.ts';
import { fail } from './queues.ts';
import type { AnyEvent, Run } from './run.ts';

/** An effect: of the actor's own, or one that every actor has. */
export interface AnyEffect {
  readonly type: string;
}

const NONE: readonly AnyEffect[] = [];

/** Emits, for each event, the new state and the effects: always in the same object, which nobody keeps. */
export function scanEffects(run: Run): OperatorFunction<AnyEvent, Turn<unknown, AnyEffect>> {
  const first: Turn<unknown, AnyEffect> = { state: run.state, outputs: NONE };
  return scan((turn, event: AnyEvent) => {
    if (run.isBroken) return turn;
    try {
      const { state, effects = NONE } = run.actor.reduce(turn.state, event);
      if (!Array.isArray(effects)) check('reduce: effects', effects, LIST);
      run.state = state;
      turn.state = state;
      turn.outputs = effects;
      run.trace?.({ type: 'event', connection: run.connection.id, event, effects });
    } catch (thrown) {
      fail(run, thrown);
    }
    return turn;
  }, first);
}
