import { readFileSync } from 'node:fs';
import { describe, it } from 'vitest';
import { value } from '../../../src/store/conformance/case.ts';
import { storeContract } from '../../../src/store/conformance/suite.ts';
import { openS3Store } from '../../../src/store/s3/open-s3-store.ts';

const s3 = JSON.parse(readFileSync('/tmp/h/eng/ceph/facts.json', 'utf8'));
const pg = JSON.parse(readFileSync('/tmp/h/eng/pg/facts.json', 'utf8'));
let n = 0;
for (const segmentBytes of [8 * 1024 ** 2, 256 * 1024]) {
  storeContract(
    `S3, segments of ${segmentBytes}`,
    async (options) => {
      const schema = `t${process.pid}_${n++}`;
      const store = await value(
        openS3Store({
          s3: {
            endpoint: s3.endpoint,
            bucket: s3.bucket,
            accessKeyId: s3.accessKey,
            secretAccessKey: s3.secretKey,
          },
          postgres: { url: pg.url, schema, connections: 4 },
          segmentBytes,
          memoryBytes: segmentBytes,
          ...options,
        }),
      );
      return { store };
    },
    { describe, it },
  );
}
