/** The store over S3 and PostgreSQL keeps the contract of every store, over engines that differ in all but the basics. */
import { describe, it } from 'vitest';
import { storeContract } from '../../../src/store/conformance/suite.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { type Engines, newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

const KiB = 1024;
/** Segments of a usual size, and some so small, with so little memory, that every content has several. */
const SIZES = { ceph: [8 * KiB * KiB, 256 * KiB], swift: [8 * KiB * KiB] } as const;

for (const name of ['ceph', 'swift'] as const) {
  describe.skipIf(!needEngine(name) || !needEngine('postgres'))(`over ${name}`, () => {
    // Each case has a schema of its own.
    let engines: Promise<Engines> | undefined;
    for (const segmentBytes of SIZES[name]) {
      const open = async (options: { readonly maxUploads?: number }) => {
        engines ??= sharedEngines(name);
        const own = { segmentBytes, memoryBytes: segmentBytes, ...options };
        return { store: await openNode(await engines, newSchema(), own) };
      };
      storeContract(`S3, segments of ${segmentBytes / KiB} KiB`, open, { describe, it: it.concurrent });
    }
  });
}
