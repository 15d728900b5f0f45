/** The reducer as RxJS runs it: `scan`, and an operator that hands on the effects of each step. */
import { type OperatorFunction, pipe, scan } from 'rxjs';
import { check, LIST } from '../wire/argument.ts';
import { handOn, type Turn } from '../wire/decode.ts';
import { fail } from './queues.ts';
import type { AnyEvent, Run } from './run.ts';

/** An effect: of the actor's own, or one that every actor has. */
export interface AnyEffect {
  readonly type: string;
}

const NONE: readonly AnyEffect[] = [];

export function scanEffects(run: Run): OperatorFunction<AnyEvent, AnyEffect> {
  const first: Turn<unknown, AnyEffect> = { state: run.state, outputs: NONE };
  return pipe(
    scan((before, event: AnyEvent): Turn<unknown, AnyEffect> => {
      if (run.isBroken) return before;
      try {
        const { state, effects = NONE } = run.actor.reduce(before.state, event);
        check('reduce: effects', effects, LIST);
        run.state = state;
        run.trace?.({ type: 'event', connection: run.connection.id, event, effects });
        return { state, outputs: effects };
      } catch (thrown) {
        fail(run, thrown);
        return { state: before.state, outputs: NONE };
      }
    }, first),
    handOn(),
  );
}
