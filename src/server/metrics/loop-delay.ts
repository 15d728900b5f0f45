/**
 * How late the event loop is: what a server that does too much at a time shows first.
 *
 * Node measures how far apart the ticks of a timer are; what is over the timer's own interval is delay.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds between two ticks: a hundred of them a second cost nothing to speak of. */
const RESOLUTION_MS = 10;

/** Seconds. All 0 before anything was measured. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoopDelayMeter {
  /** What was measured since the last call; so whoever reads needs a meter of its own. */
  readonly take: () => LoopDelay;
  readonly stop: () => void;
}

/**
 * Measures until it is stopped, and keeps no process alive.
 *
 * @example
 * const meter = meterLoopDelay();
 * meter.take().p99; // 0.0004
 * meter.stop();
 */
export function meterLoopDelay(): LoopDelayMeter {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
  return {
    take: () => {
      const taken = {
        p50: delay(histogram.percentile(50)),
        p99: delay(histogram.percentile(99)),
        max: delay(histogram.max),
      };
      histogram.reset();
      return taken;
    },
    stop: () => histogram.disable(),
  };
}
