/** The store over S3 and PostgreSQL keeps the contract of every store, over engines that differ in all but the basics. */
import { describe, it } from 'vitest';
import { storeContract } from '../../../src/store/conformance/suite.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { type Engines, newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

for (const name of ['ceph', 'swift'] as const) {
  describe.skipIf(!needEngine(name) || !needEngine('postgres'))(`over ${name}`, () => {
    // Each case has a schema of its own.
    let engines: Promise<Engines> | undefined;
    const open = async (options: { readonly maxUploads?: number }) => {
      engines ??= sharedEngines(name);
      return { store: await openNode(await engines, newSchema(), options) };
    };
    storeContract('S3', open, { describe, it: it.concurrent });
  });
}
