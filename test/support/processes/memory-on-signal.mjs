/**
 * For `node --import`: at each SIGWINCH the process collects its garbage, and says on stdout how much memory it is left
 * with: `memory 1: 5242880` the first time, in bytes, of the heap and of the buffers outside it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
let times = 0;
process.on('SIGWINCH', () => {
  collect();
  // What the first collection has finalized is free after the second.
  setImmediate(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    process.stdout.write(`memory ${++times}: ${heapUsed + external}\n`);
  });
});
