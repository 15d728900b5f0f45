/** Which checksums a program gets: the native ones in Node, those in plain JavaScript anywhere else. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as chosen from '#checksums';
import * as node from '../../../src/client/checksums/node.ts';
import * as portable from '../../../src/client/checksums/portable.ts';

const root = resolve(import.meta.dirname, '../../..');
const CLIENT = `
  import { blobContent, bytesContent, createClient, createDownloads, createUnacknowledgedSender, createUploads }
    from './dist/client.js';
  use(blobContent, bytesContent, createClient, createDownloads, createUnacknowledgedSender, createUploads);`;
/** That of CRC-32, which only the portable one has. */
const POLYNOMIAL = String(0xedb88320);

/** The client as it is built, bundled for one platform: which modules of Node it imports, and the CRC-32 that is in it. */
async function bundled(options: {
  readonly platform: 'browser' | 'neutral' | 'node';
  readonly conditions?: string[];
}) {
  const { outputFiles } = await build({
    stdin: { contents: CLIENT, resolveDir: root },
    bundle: true,
    format: 'esm',
    mainFields: ['module', 'main'],
    // The project's own would lead to the sources.
    tsconfigRaw: {},
    write: false,
    logLevel: 'silent',
    ...options,
  });
  const { text } = outputFiles[0]!;
  const ofNode = [...text.matchAll(/["'](node:\w+|@node-rs\/\w+)["']/g)].map(([, name]) => name!);
  return { ofNode: [...new Set(ofNode)].sort(), isPortable: text.includes(POLYNOMIAL) };
}

describe('a program that imports the client and is bundled', () => {
  // What Vite and webpack ask for is among them.
  test.each([
    { platform: 'browser' as const },
    { platform: 'browser' as const, conditions: ['module', 'browser', 'production'] },
    { platform: 'neutral' as const },
    { platform: 'neutral' as const, conditions: ['worker', 'browser'] },
  ])('for $platform with the conditions $conditions, it has nothing of Node in it', async (options) => {
    expect(await bundled(options)).toEqual({ ofNode: [], isPortable: true });
  });

  test('for Node, it has the native checksums and not the others', async () => {
    const { ofNode, isPortable } = await bundled({ platform: 'node' });
    expect(ofNode).toEqual(['@node-rs/crc32', 'node:crypto', 'node:module', 'node:zlib']);
    expect(isPortable).toBe(false);
  });
});

test('a program in Node runs the native checksums without being bundled', () => {
  const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [specifier, { node: path }] of Object.entries<{ readonly node: string }>(imports)) {
    const found = createRequire(join(root, 'dist/index.js')).resolve(specifier);
    expect(found).toBe(join(root, path));
  }
  expect(Object.keys(imports)).toEqual(['#checksums']);
});

test('the checksums of Node can be called as the portable ones, and say the same', () => {
  expectTypeOf(node).toExtend<typeof portable>();
  const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at * at);
  const results = [node, portable].map(({ crc32, sha256 }) => {
    const hasher = sha256();
    hasher.update(bytes);
    return [crc32(bytes), crc32(bytes, 7), hasher.digest()];
  });
  expect(results[0]).toEqual(results[1]);
  expect(Object.keys(node).sort()).toEqual(Object.keys(portable).sort());
  // These tests too run those of Node.
  expect(chosen.sha256).toBe(node.sha256);
});
