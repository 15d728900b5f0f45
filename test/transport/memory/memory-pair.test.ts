import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { connectionContract } from '../connection-contract.ts';
import { pattern, read, turns } from '../connection-helpers.ts';

connectionContract('the memory pair', async () => memoryPair());

describe('the memory pair', () => {
  test('the memory pair settles as much as fits its high-water mark, and the rest as it is taken', async () => {
    const [left, right] = memoryPair({ highWaterMark: 100 });
    const settled: number[] = [];
    for (const [at, size] of [60, 40, 1, 99, 500].entries())
      left.write([pattern(size)], () => settled.push(at));
    await turns(2);
    expect(settled).toEqual([0, 1]);
    read(right, (chunk) => {
      if (chunk.length === 60) expect(settled).toEqual([0, 1]);
      if (chunk.length === 40) expect(settled).toEqual([0, 1, 2]);
      if (chunk.length === 99) expect(settled).toEqual([0, 1, 2, 3]);
    });
    await turns(2);
    expect(settled).toEqual([0, 1, 2, 3, 4]);
  });

  test('the memory pair without a buffer settles nothing before it is taken', async () => {
    const [left, right] = memoryPair({ highWaterMark: 0 });
    let settled = false;
    left.write([pattern(1)], () => {
      settled = true;
    });
    await turns(2);
    expect(settled).toBe(false);
    const reading = read(right, () => expect(settled).toBe(false));
    await reading.reached(1);
    await turns(2);
    expect(settled).toBe(true);
  });

  test('the memory pair drops what was unsettled when the writer is destroyed, and delivers what had settled', async () => {
    const [left, right] = memoryPair({ highWaterMark: 100 });
    left.write([pattern(100)], () => {});
    left.write([pattern(100)], () => {});
    await turns(2);
    left.destroy();
    const reading = read(right);
    expect((await reading.done)?.code).toBe('reset');
    expect(reading.length()).toBe(100);
  });

  test('the memory pair takes its names from the options', () => {
    const [left, right] = memoryPair({ ids: ['client', 'server'] });
    expect([left.id, left.local, left.remote]).toEqual(['client', 'client', 'server']);
    expect(right.remote).toBe('client');
  });

  test('the memory pair runs in virtual time', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    scheduler.run(({ cold, expectObservable }) => {
      const [left, right] = memoryPair({ scheduler });
      cold('--a-b--|', { a: pattern(1), b: pattern(2) }).subscribe({
        next: (chunk) => left.write([chunk], () => {}),
        complete: () => left.end(),
      });
      cold('-------x').subscribe(() => right.end());
      expectObservable(right.chunks$).toBe('--a-b--|', { a: pattern(1), b: pattern(2) });
      expectObservable(left.chunks$).toBe('-------|');
      expectObservable(left.closed$).toBe('-------(x|)', { x: null });
    });
  });
});
