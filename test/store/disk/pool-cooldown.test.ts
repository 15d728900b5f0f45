/** With durability `os` a write is a copy into the system's memory, made at once; until it turns out to be a wait. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { value } from '../../../src/store/conformance/case.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { newRoot, removeRoot } from '../../support/stores/store-roots.ts';

let base: string;
beforeEach(() => {
  base = newRoot();
});
afterEach(() => removeRoot(base));

const chunk = new Uint8Array(1000);

async function twoWrites(busyFor: number): Promise<readonly boolean[]> {
  const fs = interceptedFileSystem({
    before: ({ name }) => {
      const until = performance.now() + busyFor;
      while (name === 'writev' && performance.now() < until);
      return undefined;
    },
  });
  const store = await value(openDiskStore(base, { durability: 'os', fs }));
  const sink = await value(store.put('a', { size: 2 * chunk.length }));
  const atOnce: boolean[] = [];
  for (let i = 0; i < 2; i++) {
    const answer = sink.write([chunk]);
    atOnce.push(!(answer instanceof Promise));
    await value(answer);
  }
  await value(sink.commit());
  await store.close();
  return atOnce;
}

it('writes run at once while they are fast', async () => {
  // On a busy machine the process may lose its turn in the middle of one, which looks like a wait: then once more.
  let atOnce: readonly boolean[] = [];
  for (let left = 20; left > 0 && !(atOnce[0] && atOnce[1]); left--) atOnce = await twoWrites(0);
  expect(atOnce).toEqual([true, true]);
});

it('after a slow write the next one uses the thread pool, and the event loop continues', async () => {
  expect(await twoWrites(15)).toEqual([true, false]);
});
