import { expect, test } from 'vitest';
import { type WorkEnd, workLazily } from '../../../src/cli/transfer/work-lazily.ts';

/** Work that ends when the test says so. */
function worker() {
  const begun: number[] = [];
  const ends = new Map<number, WorkEnd>();
  const work = (value: number, end: WorkEnd) => {
    begun.push(value);
    ends.set(value, end);
  };
  return {
    begun,
    work,
    end: (value: number) => ends.get(value)!.ended(),
    fail: (value: number) => ends.get(value)!.failed(`${value} failed`),
  };
}

/** Whether a promise has settled by the next turn of the event loop. */
const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(() => true),
    new Promise<false>((resolve) => setImmediate(() => resolve(false))),
  ]);

test('as many values as allowed are worked on at once, in order, and the next begins when any ends', async () => {
  const { begun, end, work } = worker();
  const all = workLazily([1, 2, 3, 4], work, 2);
  expect(begun).toEqual([1, 2]);
  end(2);
  expect(begun).toEqual([1, 2, 3]);
  end(1);
  end(3);
  expect(begun).toEqual([1, 2, 3, 4]);
  expect(await isSettled(all)).toBe(false);
  end(4);
  await all;
});

test('values that end early begin no further work, and the work under way is finished', async () => {
  const { begun, end, work } = worker();
  let [given, stopped] = [0, false];
  function* values() {
    while (!stopped) yield ++given;
  }
  const all = workLazily(values(), work, 3);
  end(1);
  stopped = true;
  end(3);
  end(2);
  expect(begun).toEqual([1, 2, 3, 4]);
  expect(await isSettled(all)).toBe(false);
  end(4);
  await all;
});

test('work that ends before it returns makes room at once, for any number of values, and no values are no work', async () => {
  const values = Array.from({ length: 100_000 }, (_, i) => i);
  const done: number[] = [];
  const work = (value: number, { ended }: WorkEnd) => {
    done.push(value);
    ended();
  };
  await workLazily(values, work, 2);
  expect(done).toEqual(values);
  await workLazily([], work, 2);
  expect(done).toHaveLength(values.length);
});

test('a failure is that of the whole, and no further work begins, although other work ends', async () => {
  const { begun, end, fail, work } = worker();
  const all = workLazily([1, 2, 3], work, 2);
  fail(2);
  await expect(all).rejects.toBe('2 failed');
  end(1);
  expect(begun).toEqual([1, 2]);
});
