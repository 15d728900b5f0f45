/**
 * How late the event loop is. A server with too much to do shows it here first.
 *
 * Node measures the time between the ticks of a timer; what exceeds the timer's interval is the delay.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds between two ticks. A hundred ticks a second cost next to nothing. */
const RESOLUTION_MS = 10;

/** In seconds. All are 0 before the first measurement. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoopDelayMeter {
  /** The delays since the last call. Each reader needs a meter of its own. */
  readonly take: () => LoopDelay;
  readonly stop: () => void;
}

/**
 * Measures until it is stopped, and keeps no process alive.
 *
 * @example
 * const meter = createLoopDelayMeter();
 * meter.take().p99; // 0.0004
 * meter.stop();
 */
export function createLoopDelayMeter(): LoopDelayMeter {
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
