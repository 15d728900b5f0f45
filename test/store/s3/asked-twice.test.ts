/**
 * The store keeps its contract though every statement is run twice, and only its second answer is heard: as when the answer
 * of the first is lost each time.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { storeContract } from '../../../src/store/conformance/suite.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { type Engines, newSchema, openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('every statement is run twice', () => {
  const original = pg.Pool.prototype.query as (...args: unknown[]) => Promise<unknown>;
  beforeAll(() => {
    pg.Pool.prototype.query = async function twice(this: pg.Pool, ...args: unknown[]) {
      await Reflect.apply(original, this, args);
      return await Reflect.apply(original, this, args);
    } as typeof pg.Pool.prototype.query;
  });
  afterAll(() => {
    pg.Pool.prototype.query = original as typeof pg.Pool.prototype.query;
  });

  let engines: Promise<Engines> | undefined;
  const open = async (options: { readonly maxUploads?: number }) => {
    engines ??= sharedEngines();
    // Small segments, so that contents have several, and appends are among the statements.
    const store = await openNode(await engines, newSchema(), { segmentBytes: 256 * 1024, ...options });
    return { store };
  };
  storeContract('S3', open, { describe, it: it.concurrent });
});
