/** Cooperative work: a generator yields after each piece, and the caller decides what runs in between. */

/** Resolves in the next turn of the event loop. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs the work without a pause. */
export function runToEnd<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs one piece in each turn of the event loop, so that other work never waits longer than one piece takes.
 *
 * @param waitForTurn awaited between two pieces; for tests.
 * @example const read = await runCooperatively(strictJson(text));
 */
export async function runCooperatively<T>(
  work: Generator<void, T>,
  waitForTurn: () => Promise<void> = nextTurn,
): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await waitForTurn();
  }
}
