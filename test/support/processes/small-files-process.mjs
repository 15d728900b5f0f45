/**
 * A process that stores bursts of small files until a worker has stored some, and then has nothing else to do:
 * `node small-files-process.mjs ROOT`. Prints how many files it has stored. It closes nothing. Needs a build.
 */
import { openDiskStore } from '../../../dist/server.js';

const { value: store } = await openDiskStore(process.argv[2], { durability: 'os' });
let stored = 0;

async function put(name) {
  const sink = (await store.put(name, { size: 3 })).value;
  await sink.write([Buffer.from('abc')]);
  const isLater = sink.commit();
  const byWorker = isLater instanceof Promise;
  const { ok } = await isLater;
  if (ok) stored++;
  return byWorker;
}

for (let burst = 0, byWorker = 0; byWorker === 0; burst++) {
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => put(`${burst}-${i}`)));
  byWorker = answers.filter(Boolean).length;
  // The thread begins between two turns of the event loop.
  await new Promise(setImmediate);
}
process.on('exit', () => console.log(stored));
