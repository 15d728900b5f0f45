import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createDeadline } from '../../../src/client/pipeline/deadline.ts';

/** A deadline of 100 ms, and what is done at which time. */
function missedAt(
  does: Readonly<Record<number, 'arm' | 'touch' | 'hold' | 'release' | 'stop' | 'answered'>>,
): readonly number[] {
  const scheduler = new VirtualTimeScheduler();
  const missed: number[] = [];
  let due = true;
  const deadline = createDeadline({
    timeout: 100,
    scheduler,
    due: () => due,
    missed: () => missed.push(scheduler.now()),
  });
  for (const [at, what] of Object.entries(does)) {
    scheduler.schedule(() => {
      if (what === 'answered') due = false;
      else deadline[what]();
    }, Number(at));
  }
  // Whatever goes on for ever would be seen here, and is bounded by the last of these.
  scheduler.maxFrames = 5000;
  scheduler.flush();
  return missed;
}

describe('a deadline', () => {
  test('a deadline is missed once, after its time of silence', () => {
    expect(missedAt({ 10: 'arm' })).toEqual([110]);
    expect(missedAt({ 10: 'arm', 50: 'arm' })).toEqual([110]);
  });

  test('a deadline restarts with every action of the peer', () => {
    expect(missedAt({ 0: 'arm', 90: 'touch', 180: 'touch' })).toEqual([280]);
  });

  test('a deadline does not run while we keep the peer waiting, for any number of reasons', () => {
    expect(missedAt({ 0: 'arm', 50: 'hold', 60: 'hold', 900: 'release', 1000: 'release' })).toEqual([1100]);
    expect(missedAt({ 0: 'arm', 50: 'hold' })).toEqual([]);
  });

  test('a deadline is not missed once everything is answered, or after it was stopped', () => {
    expect(missedAt({ 0: 'arm', 50: 'answered' })).toEqual([]);
    expect(missedAt({ 0: 'arm', 50: 'stop' })).toEqual([]);
    expect(missedAt({ 0: 'stop', 50: 'arm' })).toEqual([]);
  });
});
