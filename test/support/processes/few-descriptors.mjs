/** A process that has few descriptors, with a store: `ulimit -n 64; node few-descriptors.mjs ROOT`. Needs a build. */
import { closeSync, openSync } from 'node:fs';
import { openDiskStore } from '../../../dist/server.js';

const { value: store } = await openDiskStore(process.argv[2], { durability: 'os' });

async function put(name) {
  const sink = await store.put(name, { size: 0 });
  return sink.ok ? sink.value.commit() : sink;
}

let stored = 0;
/** The descriptors that this process takes: first some of them, then all that are left. */
const taken = [];
for (let i = 0; i < 200; i++) {
  if ((await put(`folder ${i}/file`)).ok) stored += 1;
  if (taken.length < 20) taken.push(openSync('/dev/null'));
}
try {
  for (;;) taken.push(openSync('/dev/null'));
} catch {
  // None is left. The store has some open that it does not use: enough for one put, but not for sixty at once.
}
const sinks = [];
let refusal;
while (refusal === undefined) {
  const sink = await store.put(`${sinks.length}`, { size: 0 });
  if (sink.ok) sinks.push(sink.value);
  else refusal = sink.error.code;
}
for (const sink of sinks) await sink.abort();
for (const fd of taken) closeSync(fd);
const after = (await put('after')).ok;
await store.close();
process.stdout.write(JSON.stringify({ refusal, stored, after }));
