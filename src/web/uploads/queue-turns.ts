/** Whose turn it is: how many files are under way at once. */
import { type Entry, isLarge, isRunning } from './entry.ts';
import type { Step } from './queue-state.ts';

/** Small files at once: they leave without waiting for one another's answers. */
const SMALL_MAX = 32;
/** Bytes of small files at once, which a browser that does not say what waits in its sockets may all hold. */
const SMALL_BYTES_MAX = 8 * 1024 * 1024;
/** Large files at once, each of which has a connection and a window of its own. */
export const LARGE_MAX = 2;

/** Begins as many files as may be under way, in the order of the list. */
export function startMore(step: Step): void {
  const { entries } = step.state;
  let [small, smallBytes, large] = [0, 0, 0];
  let isAnyWaiting = false;
  for (const entry of entries) {
    if (entry.status === 'waiting') isAnyWaiting = true;
    if (!isRunning(entry)) continue;
    if (isLarge(entry)) large++;
    else {
      small++;
      smallBytes += entry.size;
    }
  }
  if (!isAnyWaiting) return;
  const started = new Map<number, Entry>();
  for (let at = 0; at < entries.length && (large < LARGE_MAX || small < SMALL_MAX); at++) {
    const entry = entries[at]!;
    if (entry.status !== 'waiting') continue;
    if (isLarge(entry)) {
      if (large === LARGE_MAX) continue;
      large++;
    } else {
      if (small === SMALL_MAX || smallBytes + entry.size > SMALL_BYTES_MAX) continue;
      small++;
      smallBytes += entry.size;
    }
    started.set(at, { ...entry, status: entry.verify ? 'hashing' : 'sending' });
  }
  if (started.size === 0) return;
  const next = [...entries];
  for (const [at, entry] of started) {
    next[at] = entry;
    step.effects.push({ type: 'send', entry });
  }
  step.state = { ...step.state, entries: next };
}
