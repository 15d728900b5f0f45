/** A received file gets its name at once, and with `clobber: false` only if nothing has it. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { beginLocalFile, type LocalFileOptions } from '../../../src/cli/transfer/local-file.ts';
import { readTree, tempFolder } from '../../support/stores/temp-folder.ts';

/** What the file system answers to a hard link, and what others do just before. */
const links = vi.hoisted(() => ({ code: null as string | null, before: () => {} }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const linkSync: typeof real.linkSync = (from, to) => {
    links.before();
    if (links.code !== null)
      throw Object.assign(new Error(links.code), { code: links.code, syscall: 'link' });
    real.linkSync(from, to);
  };
  return { ...real, linkSync };
});
beforeEach(() => {
  links.code = null;
  links.before = () => {};
});

async function receive(path: string, text: string, more: Partial<LocalFileOptions> = {}) {
  const bytes = Buffer.from(text);
  const held = { bytes: bytes.length };
  const file = beginLocalFile({
    ...{ path, size: bytes.length, mtime: 1000, again: false, ...more },
    written: (count) => {
      held.bytes -= count;
    },
    failed: () => {},
  });
  file.write(bytes);
  try {
    return await file.finish();
  } finally {
    expect(held.bytes).toBe(0);
  }
}

const large = 'x'.repeat(300_000);

describe.each([
  ['with hard links', null],
  ['without them', 'EPERM'],
  ['that does not know of them', 'ENOTSUP'],
])('on a file system %s', (kind, code) => {
  beforeEach(() => {
    links.code = code;
  });

  test.each([['new'], [large]])(
    `a file is placed under a name that is free on a file system ${kind}`,
    async (text) => {
      const folder = tempFolder();
      expect(await receive(join(folder, 'd/a'), text, { clobber: false })).toBe('placed');
      expect(readTree(folder)).toEqual({ 'd/a': text });
      expect(fs.statSync(join(folder, 'd/a')).mtimeMs).toBe(1000);
    },
  );

  test.each([['new'], [large]])(
    `what has the name stays, though it came at the last moment, on a file system ${kind}`,
    async (text) => {
      const folder = tempFolder();
      const path = join(folder, 'a');
      links.before = () => fs.writeFileSync(path, 'old');
      expect(await receive(path, text, { clobber: false })).toBe('there');
      expect(readTree(folder)).toEqual({ a: 'old' });
    },
  );

  test(`a link that leads nowhere has its name too on a file system ${kind}`, async () => {
    const folder = tempFolder();
    fs.symlinkSync('nowhere', join(folder, 'a'));
    expect(await receive(join(folder, 'a'), 'new', { clobber: false })).toBe('there');
    expect(fs.readdirSync(folder)).toEqual(['a']);
  });

  test(`a folder of that name is an error, and not the file, on a file system ${kind}`, async () => {
    const folder = tempFolder();
    fs.mkdirSync(join(folder, 'a'));
    await expect(receive(join(folder, 'a'), 'new', { clobber: false })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(fs.readdirSync(folder)).toEqual(['a']);
  });

  test(`by default what is there is replaced on a file system ${kind}`, async () => {
    const folder = tempFolder();
    fs.writeFileSync(join(folder, 'a'), 'old');
    expect(await receive(join(folder, 'a'), 'new')).toBe('placed');
    expect(readTree(folder)).toEqual({ a: 'new' });
  });
});

test.each<[string, (path: string) => void]>([
  ['a pipe', (path) => execFileSync('mkfifo', [path])],
  ['a link to a pipe', (path) => [execFileSync('mkfifo', [`${path}-pipe`]), fs.symlinkSync('a-pipe', path)]],
  ['a link to a device', (path) => fs.symlinkSync('/dev/null', path)],
  ['a link to what the process has open', (path) => fs.symlinkSync('/proc/self/fd/0', path)],
])('%s that has the name is not replaced, and nothing is written', async (_, make) => {
  const folder = tempFolder();
  const path = join(folder, 'a');
  make(path);
  const before = [fs.lstatSync(path).ino, fs.readdirSync(folder)];
  for (const clobber of [true, false]) {
    await expect(receive(path, 'new', { clobber })).rejects.toThrow('neither a file nor a folder');
  }
  expect([fs.lstatSync(path).ino, fs.readdirSync(folder)]).toEqual(before);
});

test('a link to a file, or to nothing, is replaced as a file is', async () => {
  const folder = tempFolder();
  fs.writeFileSync(join(folder, 'f'), 'old');
  for (const [name, target] of [
    ['a', 'f'],
    ['b', 'nowhere'],
  ] as const) {
    fs.symlinkSync(target, join(folder, name));
    expect(await receive(join(folder, name), 'new')).toBe('placed');
  }
  expect(readTree(folder)).toEqual({ a: 'new', b: 'new', f: 'old' });
});

test('another failure of the link is told, and leaves nothing', async () => {
  links.code = 'EIO';
  const folder = tempFolder();
  await expect(receive(join(folder, 'a'), 'new', { clobber: false })).rejects.toMatchObject({ code: 'EIO' });
  expect(fs.readdirSync(folder)).toEqual([]);
});
