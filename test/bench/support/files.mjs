// The files that are sent, and the check that they arrived whole.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const MiB = 1024 * 1024;
export const fileName = (i) => `f${String(i).padStart(5, '0')}`;

/** Makes `count` files of `size` bytes in a new directory, each with its own number in it, and answers what it is. */
export function makeFiles(dir, count, size) {
  mkdirSync(dir, { recursive: true });
  const block = randomBytes(Math.min(size, MiB));
  for (let i = 0; i < count; i++) {
    const fd = openSync(join(dir, fileName(i)), 'w');
    for (let at = 0; at < size; at += block.length) {
      // So that no two blocks are alike, and a swapped or repeated one shows.
      block.writeUInt32LE(i, 0);
      block.writeUInt32LE(at / block.length, 4);
      writeSync(fd, block, 0, Math.min(block.length, size - at));
    }
    closeSync(fd);
  }
  return { dir, count, size };
}

const folderName = (i) => `d${String(i).padStart(3, '0')}`;

/** Makes a tree of `folders` folders of `each` files of `size` bytes, and answers what it is. */
export function makeTree(dir, folders, each, size) {
  const parts = Array.from({ length: folders }, (_, i) => ({
    name: folderName(i),
    files: makeFiles(join(dir, folderName(i)), each, size),
  }));
  return { dir, parts, count: folders * each, size };
}

/** Throws unless each folder of the tree is in `root`, with what `verify` asks for. */
export function verifyTree({ parts }, root) {
  for (const { name, files } of parts) verify(files, join(root, name));
}

/** One file that is all hole: as long as wished, and no memory behind it. */
export function makeHole(dir, size) {
  mkdirSync(dir, { recursive: true });
  const fd = openSync(join(dir, fileName(0)), 'w');
  ftruncateSync(fd, size);
  closeSync(fd);
  return { dir, count: 1, size };
}

export function empty(dir) {
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
}

/** Throws unless every file is in `root` with its size, and the first, the last and some between with their content. */
export function verify({ dir, count, size }, root) {
  const step = Math.max(1, Math.floor(count / 100));
  for (let i = 0; i < count; i++) {
    const there = join(root, fileName(i));
    const found = statSync(there).size;
    if (found !== size) throw new Error(`${there} has ${found} bytes, not ${size}`);
    if (i % step !== 0 && i !== count - 1) continue;
    const here = join(dir, fileName(i));
    if (size > MiB) execFileSync('cmp', [here, there]);
    else if (!readFileSync(here).equals(readFileSync(there))) throw new Error(`${there} has other content`);
  }
}

/**
 * Takes so much memory in this tmpfs and gives it back, so that the next write finds pages at hand. A virtual machine
 * that returned its free memory to the host pays for the first touch; without this the peer whose turn comes after a
 * pause would.
 */
export function warmPages(dir, bytes) {
  const path = join(dir, 'warm');
  const fd = openSync(path, 'w');
  const block = Buffer.alloc(MiB);
  for (let at = 0; at < bytes; at += MiB) writeSync(fd, block);
  closeSync(fd);
  rmSync(path);
}
