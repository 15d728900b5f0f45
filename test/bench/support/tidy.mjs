// Leaves nothing behind: directories and processes go when the benchmark ends, however it ends.
import { rmSync } from 'node:fs';

const directories = new Set();
const children = new Set();

export function removeAtExit(dir) {
  directories.add(dir);
  return dir;
}

export function killAtExit(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const dir of directories) rmSync(dir, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
