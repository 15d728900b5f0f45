/** When things are recorded: nanoseconds, as two numbers where one would not be exact. */

export interface RecordClock {
  /** Nanoseconds since 1970 of when `now` was 0. */
  readonly origin: bigint;
  /** Nanoseconds since then, a number from 0. Must not fall. */
  readonly now: () => number;
}

/** This process's own clock, which neither jumps nor falls when the system's time is set. */
export const processClock: RecordClock = {
  origin: BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n,
  now: () => Math.round(performance.now() * 1e6),
};
