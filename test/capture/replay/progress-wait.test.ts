import { asyncScheduler, VirtualTimeScheduler } from 'rxjs';
import { expect, test } from 'vitest';
import { createProgressWaits } from '../../../src/capture/replay/progress-wait.ts';

test('a wait ends when nothing has come for as long as it may take', async () => {
  const scheduler = new VirtualTimeScheduler();
  const wait = createProgressWaits(scheduler, 500).until(
    () => false,
    () => 0,
  );
  scheduler.flush();
  expect(await wait).toBe(false);
  expect(scheduler.now()).toBe(500);
});

test('a wait goes on for as long as there is progress, and ends when there is none', async () => {
  const scheduler = new VirtualTimeScheduler();
  let came = 0;
  for (let at = 400; at <= 2000; at += 400) scheduler.schedule(() => came++, at);
  const wait = createProgressWaits(scheduler, 500).until(
    () => false,
    () => came,
  );
  scheduler.flush();
  expect(await wait).toBe(false);
  expect(scheduler.now()).toBeGreaterThanOrEqual(2500);
  expect(scheduler.now()).toBeLessThanOrEqual(2600);
});

test('a process that did not run for longer than a wait may take still sees what has come meanwhile', async () => {
  const waits = createProgressWaits(asyncScheduler, 100);
  let hasCome = false;
  const wait = waits.until(
    () => hasCome,
    () => 0,
  );
  setTimeout(() => {
    hasCome = true;
    waits.recheck();
  }, 150);
  // As the system would, this keeps the process from running.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  expect(await wait).toBe(true);
});
