/** The memory store in what the contract suite does not ask: its counts, and the sweep of its uploads. */
import { expect, it } from 'vitest';
import { bytes, put, refused, value } from '../../../src/store/conformance/case.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';

it('the sweep of a memory store runs while uploads are stored, and stops with the last one', async () => {
  let now = 0;
  const sweeps = new Set<() => void>();
  const clock = {
    now: () => now,
    every(_: number, sweep: () => void) {
      sweeps.add(sweep);
      return () => void sweeps.delete(sweep);
    },
  };
  const store = memoryStore({ keepPartial: 100, clock });
  const breakOff = async (upload: string) => {
    const sink = await value(store.put('file', { size: 10, upload }));
    await value(sink.write([bytes('abc')]));
    await sink.abort();
  };
  const sweepAt = (time: number) => {
    now = time;
    for (const sweep of sweeps) sweep();
  };
  await breakOff('old');
  now = 50;
  await breakOff('young');
  sweepAt(101);
  expect(store.unfinished()).toEqual({ count: 1, bytes: 3 });
  expect(sweeps.size).toBe(1);
  sweepAt(151);
  expect(store.unfinished()).toEqual({ count: 0, bytes: 0 });
  expect(sweeps.size).toBe(0);
  await breakOff('late');
  expect(sweeps.size).toBe(1);
  await store.close();
  expect(sweeps.size).toBe(0);
});

it('a memory store counts the puts and the opened files, and has none after its close', async () => {
  const store = memoryStore();
  await value(put(store, 'a', 'content'));
  const first = await value(store.open('a'));
  const second = await value(store.open('a'));
  const sink = await value(store.put('b', { size: 1 }));
  expect([store.sinks, store.sources]).toEqual([1, 2]);
  await first.close();
  expect(store.sources).toBe(1);
  await store.close();
  expect([store.sinks, store.sources]).toEqual([0, 0]);
  await refused(second.read(0, 1), 'shutting-down');
  await refused(sink.commit(), 'shutting-down');
});
