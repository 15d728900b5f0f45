/**
 * A commit of which somebody is asked whether to accept the file. It waits for its turn at the name only when the file is
 * accepted: a hook takes its time, and what holds the turn holds up all other changes of the name, and counts.
 *
 *   inner commit: content is whole ─▶ accept (outside any turn) ─▶ the turn ─▶ the file gets its name ─▶ the turn ends
 */
import type { Committed, MaybeAsync, Outcome, PutOptions, Sink } from '../contract.ts';
import { okVoid } from '../outcome.ts';

type AskAccept = NonNullable<PutOptions['accept']>;

/** Makes a change when its turn has come; answers what came of it, or why there was no turn. */
export type InTurn = (change: () => MaybeAsync<Committed>) => MaybeAsync<Committed>;

export interface LateTurn {
  /** In place of the hook of the put. */
  readonly accept: AskAccept;
  /** Commits the sink that was made with this `accept`. */
  commit(sink: Sink): Promise<Outcome<Committed>>;
}

export function createLateTurn(accept: AskAccept, inTurn: InTurn): LateTurn {
  let committing: Promise<Outcome<Committed>>;
  /** Until it has ended, the change is not counted. */
  let turn: Promise<void> | undefined;
  return {
    async accept(content) {
      const accepted = await accept(content);
      if (!accepted.ok) return accepted;
      return new Promise((answer, fail) => {
        const change = () => {
          answer(okVoid);
          return committing;
        };
        turn = Promise.resolve(inTurn(change)).then((outcome) => answer(outcome.ok ? okVoid : outcome), fail);
      });
    },
    async commit(sink) {
      committing = Promise.resolve(sink.commit());
      try {
        const outcome = await committing;
        // A store that asks nobody has committed without a turn: it is counted all the same.
        if (turn === undefined && outcome.ok) return await inTurn(() => outcome);
        return outcome;
      } finally {
        await turn;
      }
    },
  };
}
