/**
 * Swaps a folder for a link and back, again and again, as fast as it can: `node swap-folder.mjs FOLDER TARGET`. Says
 * `swapping` when it has begun, and ends when its input does.
 */
import { renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';

const [folder, target] = process.argv.slice(2);
const away = `${folder}.away`;
let ending = false;
process.stdin.on('end', () => (ending = true)).resume();
process.stdout.write('swapping\n');

/** Whoever else is at work there may have been quicker: then the step is left out. */
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
  // There when a new folder was made in the meantime.
  tried(() => rmSync(away, { recursive: true, force: true }));
  if (!ending) setImmediate(toLink);
}

toLink();
