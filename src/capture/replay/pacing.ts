/** When a replay does what was recorded: from times in the recording to times after its start. */
import { ANYTHING, inWords, type RulesFor } from '../../wire/argument.ts';
import type { StreamEvent } from '../stream-event.ts';

/** As fast as possible, as recorded, or so many times as fast (2 takes half the time). */
export type Speed = 'asap' | 'recorded' | number;

/** When a replay does what was recorded. All may be left out. */
export interface PacingOptions {
  /**
   * `asap` (the default): as fast as possible. `recorded`: as it was. A number over 0: so many times as fast (2 takes
   * half the time).
   */
  readonly speed?: Speed;
  /**
   * The longest time in which nothing happens, in milliseconds of the recording, 0 or more: longer ones are cut to it.
   * Default no bound.
   */
  readonly maxIdle?: number;
}

/** For the checks of functions that take these among others. `createPacing` checks their values. */
export const PACING_RULES: RulesFor<PacingOptions> = { speed: ANYTHING, maxIdle: ANYTHING };

/**
 * Says how many milliseconds after the start of the replay something is due that was recorded at this time
 * (nanoseconds). Never falls, and is 0 at the first; always 0 as fast as possible.
 *
 * It counts from the start, so that what is late once does not make all that follows later.
 */
export type Pacing = (recordedAt: bigint) => number;

/**
 * @throws RangeError when an option is out of its bounds.
 * @example
 * const due = createPacing({ speed: 2 });
 * due(5_000_000_000n); // 0
 * due(6_000_000_000n); // 500
 */
export function createPacing({ speed = 'asap', maxIdle }: PacingOptions): Pacing {
  const factor = speed === 'recorded' ? 1 : speed;
  if (factor !== 'asap' && !(Number.isFinite(factor) && factor > 0)) {
    throw new RangeError(`the speed is a number above 0, not ${inWords(speed)}`);
  }
  if (maxIdle !== undefined && !(typeof maxIdle === 'number' && maxIdle >= 0)) {
    throw new RangeError(`the longest idle time is 0 ms or more, not ${inWords(maxIdle)}`);
  }
  if (factor === 'asap') return () => 0;
  const maxIdleNanos = maxIdle === undefined || maxIdle === Number.POSITIVE_INFINITY ? null : nanos(maxIdle);
  let first: bigint | null = null;
  let last = 0n;
  let skipped = 0n;
  return (recordedAt) => {
    if (first === null) {
      first = recordedAt;
      last = recordedAt;
    }
    if (recordedAt > last) {
      const idle = recordedAt - last;
      if (maxIdleNanos !== null && idle > maxIdleNanos) skipped += idle - maxIdleNanos;
      last = recordedAt;
    }
    return Number(last - first - skipped) / 1e6 / factor;
  };
}

const nanos = (millis: number): bigint => BigInt(Math.round(millis * 1e6));

/** When a recorded event is due, in nanoseconds since 1970; null for an event without a time, which follows the one before it. */
export function recordedTime(event: StreamEvent): bigint | null {
  switch (event.type) {
    case 'open':
      return event.conversation.startedAt;
    case 'chunk':
    case 'end':
    case 'reset':
      return event.deliverableAt;
    default:
      return null;
  }
}
