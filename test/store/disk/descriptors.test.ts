/** A process without free descriptors: the store first closes the folders that it only caches. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { put, refused, textOf, value } from '../../../src/store/conformance/case.ts';
import { CALLS_IN_FOLDERS_MAX } from '../../../src/store/disk/disk.ts';
import { openDiskStore } from '../../../src/store/disk/disk-store.ts';
import { interceptedFileSystem } from '../../support/stores/fs-intercepted.ts';
import { openBelow, rootForEachTest } from '../../support/stores/store-roots.ts';

let root: string;
rootForEachTest((path) => {
  root = path;
});

for (const durability of ['fsync', 'os'] as const) {
  for (const errno of ['EMFILE', 'ENFILE']) {
    it(`after ${errno} the store (${durability}) closes unused folders and tries once more`, async () => {
      let openMax = Number.POSITIVE_INFINITY;
      const fs = interceptedFileSystem({
        before: ({ name }) =>
          (name === 'open' || name === 'readdir') && openBelow(root).length >= openMax ? errno : undefined,
      });
      const store = await value(openDiskStore(root, { durability, fs }));
      for (let i = 0; i < 10; i++) await value(put(store, `folder ${i}/file`, `${i}`));
      openMax = openBelow(root).length;
      expect(openMax).toBeGreaterThan(10);
      await value(put(store, 'folder 0/other', 'x'));
      expect(openBelow(root).length).toBeLessThan(5);
      openMax = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 10; i++) await value(store.stat(`folder ${i}/file`));
      openMax = openBelow(root).length;
      expect((await value(store.list({ limit: 20 }))).files).toHaveLength(11);
      // Nothing is left that could be closed.
      openMax = 0;
      await refused(store.put('a', { size: 1 }), 'too-many-open-files');
      await refused(store.open('folder 1/file'), 'too-many-open-files');
      openMax = Number.POSITIVE_INFINITY;
      expect(await textOf(store, 'folder 1/file')).toBe('1');
      await store.close();
    });
  }
}

it('a process with few descriptors keeps working, and recovers when some are free again', async () => {
  const script = new URL('../../support/processes/few-descriptors.mjs', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    'ulimit -n 64 && exec "$0" "$@"',
    process.execPath,
    script,
    root,
  ]);
  expect(JSON.parse(stdout)).toEqual({ refusal: 'too-many-open-files', stored: 200, after: true });
});

for (const what of ['stat', 'open', 'remove', 'rename', 'put'] as const) {
  it(`however many calls of ${what} are under way in as many folders, few folders are open`, async () => {
    const count = 150;
    let most = 0;
    const fs = interceptedFileSystem({
      before: () => {
        most = Math.max(most, openBelow(root).length);
        return undefined;
      },
    });
    const store = await value(openDiskStore(root, { fs }));
    const names = Array.from({ length: count }, (_, i) => `folder ${i}/file`);
    if (what !== 'put') for (const name of names) await value(put(store, name, 'x'));
    most = 0;
    const calls = {
      stat: (name: string) => value(store.stat(name)),
      open: async (name: string) => void (await (await value(store.open(name))).close()),
      remove: (name: string) => value(store.remove(name)),
      rename: (name: string) => value(store.rename(name, `${name} moved`)),
      put: (name: string) => value(put(store, name, 'x')),
    };
    await Promise.all(names.map((name) => calls[what](name)));
    // A file that is opened or put has a descriptor of its own; the callers bound these.
    const own = what === 'open' || what === 'put' ? count : 0;
    expect(most - own).toBeLessThanOrEqual(3 * CALLS_IN_FOLDERS_MAX + 16 + 2);
    await store.close();
  });
}
