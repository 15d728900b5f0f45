/**
 * How long writes use the pool after one that was slow.
 *
 * A slow write says that the disk is slower than the peer; or that another process had the processor meanwhile, which
 * is over at once. They cannot be told apart by one write. So the first one costs little: it sends the writes of a
 * tenth of a second to the pool, where a file takes longer. Each further one costs four times as much.
 *
 *   a write took          and the last cooldown          then the pool has the writes of
 *   up to 10 ms                                          no time
 *   more                  is long over                   100 ms
 *   more                  has ended within a second      four times the last one, up to 2 s
 *   100 ms or more                                       2 s: no process has the processor for so long
 *
 * So a slow disk keeps the event loop waiting for three writes of a burst, and then for one in two seconds. The lookups of
 * lists have a cooldown of their own, by the same rule but for what is slow.
 */

/** A write that took longer was not a mere copy into the system's memory. */
const SLOW_MS = 10;
/** A write that took so long has waited for the disk. */
const VERY_SLOW_MS = 100;
const [FIRST_MS, LONGEST_MS] = [100, 2_000];
const GROWTH = 4;
/** A cooldown that ended within so many milliseconds before a slow write counts for the next one. */
const REMEMBERED_MS = 1_000;

/** The time until which writes use the pool, and how long that is in all; both in milliseconds. */
export interface Cooldown {
  readonly until: number;
  readonly length: number;
}

export const NO_COOLDOWN: Cooldown = { until: Number.NEGATIVE_INFINITY, length: 0 };

/** The cooldown after a write on the event loop. */
export const afterWrite = (last: Cooldown, began: number, ended: number): Cooldown =>
  ended - began <= SLOW_MS ? last : afterSlow(last, began, ended);

/** The cooldown after a call on the event loop that was slow for what it is. */
export function afterSlow(last: Cooldown, began: number, ended: number): Cooldown {
  const took = ended - began;
  const grown = began - last.until <= REMEMBERED_MS ? last.length * GROWTH : FIRST_MS;
  const length = took >= VERY_SLOW_MS ? LONGEST_MS : Math.min(grown, LONGEST_MS);
  return { until: ended + length, length };
}
