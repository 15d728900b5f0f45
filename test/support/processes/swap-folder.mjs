/**
 * A process that swaps a folder for a link and back, again and again: `node swap-folder.mjs FOLDER TARGET`. Prints
 * `swapping` when it begins, and ends when its input ends.
 */
import { renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';

const [folder, target] = process.argv.slice(2);
const away = `${folder}.away`;
let ending = false;
process.stdin.on('end', () => (ending = true)).resume();
process.stdout.write('swapping\n');

/** Skips the step when another process was faster and the step is impossible now. */
function tried(step) {
  try {
    step();
  } catch (error) {
    if (error.syscall === undefined) throw error;
  }
}

function toLink() {
  tried(() => renameSync(folder, away));
  tried(() => symlinkSync(target, folder));
  setImmediate(toFolder);
}

function toFolder() {
  tried(() => unlinkSync(folder));
  tried(() => renameSync(away, folder));
  // It exists when the server has made a new folder meanwhile.
  tried(() => rmSync(away, { recursive: true, force: true }));
  if (!ending) setImmediate(toLink);
}

toLink();
