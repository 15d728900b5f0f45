/** When changes have come to rest, in virtual time. */
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { settled } from '../../../src/cli/sync/watch/settled.ts';

const told = (changes: string, most: number) => {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  const frames: number[] = [];
  scheduler.run(({ hot }) => {
    hot(changes)
      .pipe(settled({ quiet: 3, most }, scheduler))
      .subscribe(() => frames.push(scheduler.now()));
  });
  return frames;
};

describe('changes have settled', () => {
  test('once they are over for a while, however many they were', () => {
    expect(told('a--------', 100)).toEqual([3]);
    expect(told('a-b-c-----------', 100)).toEqual([7]);
    expect(told('(ab)-----', 100)).toEqual([3]);
  });

  test('after the longest time, though more come', () => {
    // A change of the same moment is one of those that are over.
    expect(told('a-b-c-d-e-f-g-h------', 6)).toEqual([6, 14]);
    expect(told('a-b-c-d-e-f-g-h-i----', 6)).toEqual([6, 14, 19]);
  });

  test('again with the next change, and never without one', () => {
    expect(told('-a-------b-------', 100)).toEqual([4, 12]);
    expect(told('---------', 100)).toEqual([]);
  });
});
