/** Makes a call to an engine again, after faults that pass. */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineFault } from './engine-fault.ts';

/** How long a call goes on trying. The last try may end later, by its own time-out. */
export interface Patience {
  /** Milliseconds after which no further try begins. */
  readonly forMs: number;
  /** Aborted when the store is closed: then no further try begins. */
  readonly signal: AbortSignal;
}

const FIRST_WAIT_MS = 50;
const WAIT_MAX_MS = 1000;

/**
 * @param once one try. It throws an `EngineFault`; only one that passes has another try follow.
 * @throws the fault of the last try.
 */
export async function retrying<T>(
  { forMs, signal }: Patience,
  once: (tryNo: number) => Promise<T>,
): Promise<T> {
  const until = performance.now() + forMs;
  for (let tryNo = 0; ; tryNo++) {
    try {
      return await once(tryNo);
    } catch (thrown) {
      // A random part keeps many calls, and many nodes, from trying at the same moment.
      const wait = Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** tryNo) * (0.5 + Math.random() / 2);
      const isOver = signal.aborted || performance.now() + wait > until;
      if (!(thrown instanceof EngineFault) || !thrown.isPassing || isOver) throw thrown;
      await delay(wait, undefined, { signal }).catch(() => {});
      // The process may have stood still meanwhile.
      if (signal.aborted || performance.now() > until) throw thrown;
    }
  }
}
