import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  fstatSync,
  futimesSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Content } from '../../../src/client/content/content.ts';
import { fileContent } from '../../../src/client/content/file-content.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { pattern } from '../../transport/connection-helpers.ts';

async function readAll(content: Content, piece: number, between: (at: number) => void = () => {}) {
  const all = new Uint8Array(content.size);
  try {
    for (let at = 0; at < content.size; ) {
      const got = await content.read(at, all.subarray(at, at + piece));
      if (got === 0) return 'short';
      at += got;
      between(at);
    }
  } finally {
    content.close?.();
  }
  return all;
}

describe.each([10_000, 500_000])('a file of %i bytes', (size) => {
  const made = () => {
    const path = join(tempFolder(), 'file');
    writeFileSync(path, pattern(size));
    return path;
  };

  test('a file is read whole, through a link', async () => {
    const path = made();
    symlinkSync(path, `${path}-link`);
    const content = fileContent(`${path}-link`);
    expect(content.size).toBe(size);
    expect(content.mtime).toBe(Math.floor(statSync(path).mtimeMs));
    expect(Buffer.compare((await readAll(content, 4096)) as Uint8Array, pattern(size))).toBe(0);
  });

  test('a file that grows, shrinks or is written to while it is read is not sent as a mixture', async () => {
    const grown = made();
    await expect(
      readAll(fileContent(grown), 4096, (at) => at === 4096 && appendFileSync(grown, 'x')),
    ).rejects.toThrow('changed while it was being sent');
    const shrunk = made();
    await expect(
      readAll(fileContent(shrunk), 4096, (at) => at === 4096 && truncateSync(shrunk, 4096)),
    ).rejects.toThrow('changed while it was being sent');
  });
});

describe.each([10_000, 500_000])('a file of %i bytes that is written to in its middle', (size) => {
  /** Rewrites it with as many other bytes, and gives it its old time back. */
  function rewriteUnseen(path: string): void {
    const { mtime, ctimeMs } = statSync(path);
    const fd = openSync(path, 'r+');
    // The clock of the file system may be coarse: written again until it has gone on.
    while (fstatSync(fd).ctimeMs === ctimeMs) {
      writeSync(fd, Buffer.alloc(size - 5000, 'x'), 0, size - 5000, 5000);
      futimesSync(fd, mtime, mtime);
    }
    closeSync(fd);
  }

  test('a file that is written to in its middle is not sent as a mixture, although its size and modification time are unchanged', async () => {
    const path = join(tempFolder(), 'file');
    writeFileSync(path, pattern(size));
    utimesSync(path, 1000, 1000);
    const content = fileContent(path);
    const reading = readAll(content, 4096, (at) => at === 4096 && rewriteUnseen(path));
    await expect(reading).rejects.toThrow('changed while it was being sent');
    expect(statSync(path)).toMatchObject({ size, mtimeMs: 1_000_000 });
  });

  test('a file that was written to is other content when it is opened again', () => {
    const path = join(tempFolder(), 'file');
    writeFileSync(path, pattern(size));
    const opened = fileContent(path);
    rewriteUnseen(path);
    const again = fileContent(path);
    expect(again).toMatchObject({ size: opened.size });
    expect(again.ctime).not.toBe(opened.ctime);
    for (const each of [opened, again]) each.close?.();
  });
});

describe('a file of the kernel, whose size does not say what is in it', () => {
  test.each(['/proc/self/status', '/proc/cpuinfo'])(
    'a file of the kernel is read to its end: %s',
    async (path) => {
      expect(statSync(path).size).toBe(0);
      const content = fileContent(path);
      const bytes = (await readAll(content, 1000)) as Uint8Array;
      expect(bytes.length).toBe(content.size);
      // The lines after the first one change by themselves.
      const [line] = readFileSync(path, 'utf8').split('\n');
      expect(Buffer.from(bytes).toString().startsWith(`${line}\n`)).toBe(true);
      expect(content.mtime).toBeUndefined();
    },
  );

  test('a file of the kernel that is shorter than its size says is read as it is', async () => {
    const path = '/sys/class/net/lo/mtu';
    expect(statSync(path).size).toBeGreaterThan(100);
    const bytes = (await readAll(fileContent(path), 1000)) as Uint8Array;
    expect(Buffer.from(bytes).toString()).toBe(readFileSync(path, 'utf8'));
  });

  test('a file of the kernel without an end is refused, and its bytes are not kept', () => {
    const before = readdirSync('/proc/self/fd').length;
    expect(() => fileContent('/proc/self/pagemap')).toThrow('more than 16 MiB: send a copy of it');
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});

test('an empty file is empty, and has its time', async () => {
  const path = join(tempFolder(), 'file');
  writeFileSync(path, '');
  utimesSync(path, 1000, 1000);
  const content = fileContent(path);
  expect(content).toMatchObject({ size: 0, mtime: 1_000_000 });
  expect(await readAll(content, 10)).toEqual(new Uint8Array(0));
});

test('anything but a regular file is refused, and opening a FIFO does not wait for a writer', () => {
  const folder = tempFolder();
  expect(() => fileContent(folder)).toThrow('is not a regular file');
  expect(() => fileContent(join(folder, 'none'))).toThrow('ENOENT');
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  expect(() => fileContent(fifo)).toThrow('is not a regular file');
});
