/** What is kept of large files that are being fetched. */
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { partPath, takePart } from '../../src/cli/part-file.ts';
import { crc32 } from '../../src/store/crc32.ts';
import { tempFolder } from '../support/temp-folder.ts';

const version = { size: 100, mtime: 5, crc32: 7 };
const bytes = Buffer.from('the beginning');

/** A folder with what another process has left; `pid` is of one that is gone. */
async function left(of = version, pid?: number) {
  const folder = tempFolder();
  const target = join(folder, 'a');
  const gone = await new Promise<number>((resolve) => {
    const child = spawn(process.execPath, ['-e', '']);
    child.on('exit', () => resolve(child.pid!));
  });
  const path = partPath(target, 'd/a', of).replace(`-${process.pid}.part`, `-${pid ?? gone}.part`);
  writeFileSync(path, bytes);
  return { folder, target, path };
}

test('what a process that is gone has left is taken over, with its CRC-32', async () => {
  const { folder, target } = await left();
  const kept = await takePart(target, 'd/a', version);
  expect(kept).toEqual({
    path: partPath(target, 'd/a', version),
    had: { ...version, offset: bytes.length, crc32Before: crc32(bytes) },
  });
  expect(readdirSync(folder).length).toBe(1);
});

test('a CRC-32 that is not known on one side does not matter', async () => {
  const { target } = await left({ size: 100, mtime: 5 } as typeof version);
  expect(await takePart(target, 'd/a', version)).not.toBe(null);
});

test.each([
  ['size', { size: 101 }],
  ['modification time', { mtime: 6 }],
  ['CRC-32', { crc32: 8 }],
])('of another %s it is removed', async (_, facts) => {
  const { folder, target } = await left();
  expect(await takePart(target, 'd/a', { ...version, ...facts })).toBe(null);
  expect(readdirSync(folder)).toEqual([]);
});

test('what a live process is at is left to it', async () => {
  const { folder, target } = await left(version, process.ppid);
  expect(await takePart(target, 'd/a', version)).toBe(null);
  expect(readdirSync(folder).length).toBe(1);
});

test('what is of another file, or is none of ours, is left alone', async () => {
  const { folder, target } = await left();
  writeFileSync(join(folder, '.sluice-0123456789abcdef.part'), '');
  expect(await takePart(target, 'd/b', version)).toBe(null);
  expect(await takePart(join(folder, 'b'), 'd/a', version)).toBe(null);
  expect(readdirSync(folder).length).toBe(2);
});

test('what is longer than the file is of no use', async () => {
  const { target, path } = await left({ ...version, size: 5 });
  expect(path).toContain('-5-5-');
  expect(await takePart(target, 'd/a', { ...version, size: 5 })).toBe(null);
});

test('a folder that is not there has nothing', async () => {
  expect(await takePart(join(tempFolder(), 'none/a'), 'd/a', version)).toBe(null);
});
