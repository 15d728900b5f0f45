import { Observable, of, type Subscriber } from 'rxjs';
import { expect, test } from 'vitest';
import { mergeLazily } from '../../../src/cli/transfer/merge-lazily.ts';

/** Work that ends when the test says so. */
function worker() {
  const begun: number[] = [];
  const underWay = new Map<number, Subscriber<number>>();
  const work = (value: number) =>
    new Observable<number>((subscriber) => {
      begun.push(value);
      underWay.set(value, subscriber);
      return () => underWay.delete(value);
    });
  return { begun, underWay, work, end: (value: number) => underWay.get(value)!.complete() };
}

test('as many values as allowed are worked on at once, in order, and the next begins when any ends', () => {
  const { begun, end, work } = worker();
  let ended = false;
  mergeLazily([1, 2, 3, 4], work, 2).subscribe({
    complete: () => {
      ended = true;
    },
  });
  expect(begun).toEqual([1, 2]);
  end(2);
  expect(begun).toEqual([1, 2, 3]);
  end(1);
  end(3);
  expect(begun).toEqual([1, 2, 3, 4]);
  expect(ended).toBe(false);
  end(4);
  expect(ended).toBe(true);
});

test('values that end early begin no further work, and the work under way is finished', () => {
  const { begun, end, underWay, work } = worker();
  let [given, stopped, ended] = [0, false, false];
  function* values() {
    while (!stopped) yield ++given;
  }
  mergeLazily(values(), work, 3).subscribe({
    complete: () => {
      ended = true;
    },
  });
  end(1);
  stopped = true;
  end(3);
  end(2);
  expect(begun).toEqual([1, 2, 3, 4]);
  expect([...underWay.keys()]).toEqual([4]);
  expect(ended).toBe(false);
  end(4);
  expect(ended).toBe(true);
});

test('work that ends at once makes room at once, and no values at all are no work', () => {
  const results: number[] = [];
  mergeLazily([1, 2, 3, 4, 5], (value) => of(value), 2).subscribe((value) => results.push(value));
  expect(results).toEqual([1, 2, 3, 4, 5]);
  let ended = false;
  mergeLazily([], () => of(0), 2).subscribe({
    complete: () => {
      ended = true;
    },
  });
  expect(ended).toBe(true);
});

test('giving the work up gives up what is under way, and begins no more', () => {
  const { begun, underWay, work } = worker();
  const running = mergeLazily([1, 2, 3], work, 2).subscribe();
  running.unsubscribe();
  expect(underWay.size).toBe(0);
  expect(begun).toEqual([1, 2]);
});
