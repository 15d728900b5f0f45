/** `stat` with `checksum`: the store reads a file of which it knows no CRC-32. */
import { appendFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { value } from '../../../../src/store/conformance/case.ts';
import { crc32 } from '../../../../src/store/crc32.ts';
import { openDiskStore } from '../../../../src/store/disk/disk-store.ts';
import { bytesFrom } from '../../../support/random/seeded.ts';
import { tempFolder } from '../../../support/stores/temp-folder.ts';

async function storeWith(files: Readonly<Record<string, Uint8Array>>) {
  const root = tempFolder();
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(root, name), bytes);
  const store = await value(openDiskStore(root));
  onTestFinished(() => store.close());
  const sum = async (name: string, signal?: AbortSignal) => {
    const outcome = await store.stat(name, { checksum: true, signal });
    return outcome.ok ? outcome.value.crc32 : outcome.error.code;
  };
  return { root, store, sum };
}

/** More than two pieces, and no whole number of them. */
const large = bytesFrom(1, 2 * 1024 * 1024 + 5);

describe('the checksum of a file that came before the store', () => {
  test('is not known, and is found when it is asked for, of an empty file too', async () => {
    const { store, sum } = await storeWith({ large, empty: Buffer.alloc(0) });
    expect(await store.stat('large')).toMatchObject({ ok: true, value: { size: large.length } });
    expect(await store.stat('large')).not.toHaveProperty('value.crc32');
    expect(await sum('large')).toBe(crc32(large));
    expect(await sum('empty')).toBe(0);
    expect(await sum('none')).toBe('not-found');
  });

  test('is that of the file as it is now, each time', async () => {
    const { root, sum } = await storeWith({ a: large });
    expect(await sum('a')).toBe(crc32(large));
    appendFileSync(join(root, 'a'), 'x');
    utimesSync(join(root, 'a'), 1, 1);
    expect(await sum('a')).toBe(crc32(Buffer.from('x'), crc32(large)));
  });

  test('is left out when nobody wants it any more', async () => {
    const { sum } = await storeWith({ large });
    expect(await sum('large', AbortSignal.abort())).toBeUndefined();
  });

  test('does not hold up a store that closes', async () => {
    const { store, sum } = await storeWith({ large });
    const asked = Array.from({ length: 10 }, () => sum('large'));
    await store.close();
    const answers = await Promise.all(asked);
    expect(answers).toContain('shutting-down');
    expect(await sum('large')).toBe('shutting-down');
  });

  test('is found for many files at once', async () => {
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, bytesFrom(i, 1000 * i)]));
    const { sum } = await storeWith(files);
    expect(await Promise.all(Object.keys(files).map((name) => sum(name)))).toEqual(
      Object.values(files).map((bytes) => crc32(bytes)),
    );
  });
});
