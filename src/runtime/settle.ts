/** Takes a store at its word: an answer now or later, and a throw or a rejection as the bug it is. */
import { errorInfo } from '../protocol/errors.ts';
import type { Answer, Outcome } from '../store/contract.ts';

/**
 * Calls `then` with the outcome: at once where the store answered at once, so that small work costs no turn of the
 * event loop, else when its promise settles.
 *
 * @param bug told of what was thrown, since the peer only learns that the server failed.
 */
export function settle<T>(
  ask: () => Answer<T>,
  bug: (thrown: unknown) => void,
  then: (outcome: Outcome<T>) => void,
): void {
  const failed = (thrown: unknown): Outcome<T> => {
    bug(thrown);
    return { ok: false, error: errorInfo('internal') };
  };
  let answer: Answer<T>;
  try {
    answer = ask();
  } catch (thrown) {
    answer = failed(thrown);
  }
  if (answer instanceof Promise) answer.catch(failed).then(then);
  else then(answer);
}
