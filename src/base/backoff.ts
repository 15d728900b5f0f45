/** How long to wait before a further try. */

/**
 * How long uploads and downloads wait before a further try: a random time up to a bound that doubles each time, so that
 * many clients of one server do not all come back at once. Where nobody listens the bounds are twice as large, and five
 * times where a name cannot be looked up, and no wait is shorter than half of its bound: both come back in some seconds.
 */
export interface Backoff {
  /** The bound of the first wait, in milliseconds, 0 to 2^31 - 1; default 200. */
  readonly initial?: number;
  /** The bound of every wait, in milliseconds, 0 to 2^31 - 1; default 30,000. */
  readonly maximum?: number;
}

/**
 * Answers the milliseconds to wait before a further try: a random time up to the bound ("full jitter"), so that many
 * clients of one server do not all come back at the same moment.
 *
 * @param failures tries that have failed in a row, from 1.
 * @param random a number from 0 to below 1.
 */
export const backoffDelay = (failures: number, backoff: Backoff, random: number): number =>
  Math.round(random * boundOf(failures, backoff));

const boundOf = (failures: number, { initial = 200, maximum = 30_000 }: Backoff): number =>
  Math.min(maximum, initial * 2 ** Math.min(failures - 1, 50));
