/** Work on many values, so many of them at once. */

/** What work calls when it is over: one of them once, perhaps before it returns. */
export interface WorkEnd {
  readonly ended: () => void;
  /** Something is wrong with the program itself. */
  readonly failed: (thrown: unknown) => void;
}

/**
 * Begins `work` for each value, at most `concurrency` of them at once, and resolves when all have ended. Each value is
 * taken from `values` when its turn has come. So values that end early begin no further work, and those under way are
 * finished. When one fails, the promise rejects at once and no further value is taken; the caller ends what is under
 * way.
 *
 * RxJS could merge an Observable for each value. With small files that costs as much as to read them.
 */
export const workLazily = <T>(
  values: Iterable<T>,
  work: (value: T, end: WorkEnd) => void,
  concurrency: number,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const rest = values[Symbol.iterator]();
    let running = 0;
    let isExhausted = false;
    let isBeginning = false;

    function begin(): void {
      // Work that has ended before it returned is followed in the loop: a call for each would fill the stack.
      if (isBeginning) return;
      isBeginning = true;
      while (!isExhausted && running < concurrency) {
        const next = rest.next();
        if (next.done === true) isExhausted = true;
        else {
          running++;
          work(next.value, end);
        }
      }
      isBeginning = false;
      if (isExhausted && running === 0) resolve();
    }

    const end: WorkEnd = {
      ended: () => {
        running--;
        begin();
      },
      failed: (thrown) => {
        isExhausted = true;
        reject(thrown);
      },
    };
    begin();
  });
