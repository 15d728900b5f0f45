/** With durability `os` a write runs at once, until one shows that the disk is slow. */
import { expect, it } from 'vitest';
import { value } from '../../../src/store/conformance/case.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { rootForEachTest } from '../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});

const chunk = new Uint8Array(1000);

/** Returns of each of two writes whether it ran at once. Each takes at least `busyMs`. */
async function twoWrites(busyMs: number): Promise<readonly boolean[]> {
  const fs = interceptedFileSystem({
    before: ({ name }) => {
      const until = performance.now() + busyMs;
      while (name === 'writev' && performance.now() < until);
      return undefined;
    },
  });
  // The first store writes the format of the root, so that of the second writes no more than the chunks.
  await (await value(openDiskStore(root))).close();
  const store = await value(openDiskStore(root, { durability: 'os', fs }));
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
  // On a busy machine the process may lose the processor during a write, which then looks slow. So it tries again.
  let atOnce: readonly boolean[] = [];
  for (let left = 20; left > 0 && !(atOnce[0] && atOnce[1]); left--) atOnce = await twoWrites(0);
  expect(atOnce).toEqual([true, true]);
});

it('after a slow write the next one uses the thread pool, and the event loop continues', async () => {
  expect(await twoWrites(15)).toEqual([true, false]);
});
