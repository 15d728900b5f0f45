/** Work in pieces: a generator yields after each, and whoever runs it says what comes in between. */

/** The end of this turn of the event loop. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs it without a break. */
export function runToEnd<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Runs one piece in each turn of the event loop, so that nobody else waits for longer than a piece takes.
 *
 * @param waitForTurn what is waited for between two pieces; for tests.
 * @example const read = await inTurns(strictJson(text));
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
