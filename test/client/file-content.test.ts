import { execFileSync } from 'node:child_process';
import { appendFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Content } from '../../src/client/content.ts';
import { fileContent } from '../../src/client/file-content.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { pattern } from '../transport/connection-helpers.ts';

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

  test('is read whole, through a link', async () => {
    const path = made();
    symlinkSync(path, `${path}-link`);
    const content = fileContent(`${path}-link`);
    expect(content.size).toBe(size);
    expect(Math.abs(content.mtime! - Date.now())).toBeLessThan(60_000);
    expect(Buffer.compare((await readAll(content, 4096)) as Uint8Array, pattern(size))).toBe(0);
  });

  test('that grows, shrinks or is written to meanwhile is not sent as a mixture', async () => {
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

test('what is no regular file is refused, and a FIFO is not waited for', () => {
  const folder = tempFolder();
  expect(() => fileContent(folder)).toThrow('is not a regular file');
  expect(() => fileContent(join(folder, 'none'))).toThrow('ENOENT');
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  expect(() => fileContent(fifo)).toThrow('is not a regular file');
});
