/** What bounds the results that wait: they come of Observables, which cannot wait. */
import { overflow } from './lifecycle.ts';
import { endEffects, fail } from './queues.ts';
import type { Run } from './run.ts';

/** The most results that may wait: more come only of an Observable that never waits. */
const RESULTS_MAX = 65_536;
/** The bytes of results that may wait at least. */
const RESULT_BYTES_LEAST: number = 4 * 1024 * 1024;

/** It is called when a result was queued. @param what gives the results, for an error. */
export function boundResults(run: Run, what: string): void {
  if (run.results.length > RESULTS_MAX)
    return fail(
      run,
      new RangeError(`${what} has given more than ${RESULTS_MAX} values faster than they are reduced`),
    );
  if (run.resultBytes <= resultBytesMax(run) || run.results.length <= 1) return;
  overflow(run);
  // They would go on giving results until the connection is closed.
  endEffects(run);
}

/** Results may wait for some more than the peer may have to read: then it does not, and the effect does not wait. */
const resultBytesMax = ({ sendingMax }: Run): number => Math.max(4 * sendingMax, RESULT_BYTES_LEAST);
