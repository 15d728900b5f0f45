// The slow disk: something that takes so many bytes a second, and no more.
import { setTimeout as delay } from 'node:timers/promises';

/** Answers a function that resolves when that many more bytes would have been taken. */
export function pace(bytesPerSecond) {
  let free = 0;
  return (bytes) => {
    // Counted from when the last write ends, not from now, so that what a timer is late does not add up.
    free = Math.max(free, performance.now()) + (bytes / bytesPerSecond) * 1000;
    return delay(free - performance.now());
  };
}
