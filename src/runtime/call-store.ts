/** Takes a store at its word: an answer now or later, and a throw or a rejection as the onInternalError it is. */
import { errorInfo } from '../files/protocol/errors.ts';
import type { MaybeAsync, Outcome } from '../store/contract.ts';

/**
 * Calls `then` with the outcome: at once where the store answered at once, so that small work costs no turn of the
 * event loop, else when its promise settles.
 *
 * @param onInternalError told of what was thrown, since the peer only learns that the server failed.
 */
export function callStore<T>(
  ask: () => MaybeAsync<T>,
  onInternalError: (thrown: unknown) => void,
  then: (outcome: Outcome<T>) => void,
): void {
  const failed = (thrown: unknown): Outcome<T> => {
    onInternalError(thrown);
    return { ok: false, error: errorInfo('internal') };
  };
  let answer: MaybeAsync<T>;
  try {
    answer = ask();
  } catch (thrown) {
    answer = failed(thrown);
  }
  if (answer instanceof Promise) answer.catch(failed).then(then);
  else then(answer);
}
