/** Calls a store. The store may answer now or later; what it throws or rejects with becomes the error `internal`. */

import type { MaybeAsync, Outcome } from '../../store/contract.ts';
import { inWords } from '../../wire/argument.ts';
import { serviceFault } from '../protocol/errors.ts';

const NO_OUTCOME =
  'a store or a handler must answer { ok: true, value } or { ok: false, error }, and has answered';

/**
 * Calls `then` with the outcome: at once where the store answered at once, so that small work costs no turn of the
 * event loop; else when the promise of the store settles.
 *
 * @param onInternalError is called with any exception of the store. The peer only learns that the server failed.
 */
export function callStore<T>(
  question: () => MaybeAsync<T>,
  onInternalError: (thrown: unknown) => void,
  then: (outcome: Outcome<T>) => void,
): void {
  const asInternal = (thrown: unknown): Outcome<T> => {
    onInternalError(thrown);
    return { ok: false, error: serviceFault('internal') };
  };
  const checked = (outcome: Outcome<T>): Outcome<T> =>
    typeof outcome?.ok === 'boolean'
      ? outcome
      : asInternal(new TypeError(`${NO_OUTCOME} ${inWords(outcome)}`));
  let answer: MaybeAsync<T>;
  try {
    answer = question();
  } catch (thrown) {
    answer = asInternal(thrown);
  }
  if (answer instanceof Promise) answer.then(checked, asInternal).then(then);
  else then(checked(answer));
}
