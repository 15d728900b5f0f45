/** Every store passes the one suite. */
import { describe, it } from 'vitest';
import { storeContract } from '../../src/store/conformance/suite.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { optionsOf, smallFilesByThread } from '../support/stores/disk-modes.ts';
import { interceptedFileSystem } from '../support/stores/fs-intercepted.ts';
import { newSharedStore } from '../support/stores/shared-root.ts';
import { newDiskStore } from '../support/stores/store-roots.ts';

storeContract('memory', (options) => ({ store: memoryStore(options) }), { describe, it });
storeContract('disk, fsync', (options) => newDiskStore(options), { describe, it });
// As on a system without /proc, where a descriptor cannot be named.
const withoutProc = interceptedFileSystem({
  before: ({ name }) => (name === 'readlink' ? 'ENOENT' : undefined),
});
storeContract('disk, without /proc', (options) => newDiskStore({ ...options, fs: withoutProc }), {
  describe,
  it,
});
storeContract('disk, os', (options) => newDiskStore({ ...options, durability: 'os' }), { describe, it });
storeContract(
  'disk, os, small files by a worker',
  (options) => newDiskStore({ ...options, ...optionsOf('os, small files by a worker') }),
  { describe, it },
);
storeContract(
  'disk, os, small files by a thread',
  async (options) => newDiskStore({ ...options, durability: 'os', smallFiles: await smallFilesByThread() }),
  { describe, it },
);
storeContract('disk, three processes on one root', (options) => newSharedStore(options), { describe, it });
storeContract(
  'disk, os, three processes on one root, small files by a worker',
  (options) => newSharedStore({ ...options, ...optionsOf('os, small files by a worker') }),
  { describe, it },
);
const ample = [
  { prefix: '', bytes: 1e9 },
  { prefix: 'a', bytes: 1e9 },
];
storeContract(
  'disk, three processes on one root, with quotas',
  (options) => newSharedStore({ ...options, durability: 'os' }, { quotas: () => ample }),
  { describe, it },
);
