/**
 * A process with a store open and a put under way: `node store-process.mjs ROOT OWNER`. Prints `ready` and the
 * names of its unfinished files, and then waits to be killed.
 */
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

// Does what a store does on its root, without a store, so that this file runs without a build.
const [root, owner] = process.argv.slice(2);
const own = join(root, '.sluice/tmp', owner.replace('PID', String(process.pid)));
mkdirSync(own, { recursive: true });
closeSync(openSync(join(own, '1'), 'wx'));
console.log(`ready ${readdirSync(own).join()}`);
setInterval(() => {}, 1000);
