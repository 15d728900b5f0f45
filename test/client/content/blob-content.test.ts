import { fc, test as property } from '@fast-check/vitest';
import { lastValueFrom } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { blobContent } from '../../../src/client/content/content.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { cases } from '../../support/random/cases.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { flaky } from '../flaky.ts';
import { served } from '../served.ts';

describe('a Blob as content', () => {
  property.prop(
    [
      fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1000, max: 200_000 }), { maxLength: 3 }),
      fc.boolean(),
    ],
    { numRuns: cases(30) },
  )(
    'an upload of a Blob of any parts goes on where it was interrupted, and is verified',
    async (lengths, cuts, verified) => {
      const parts = lengths.map((length, at) => pattern(length, at));
      const net = flaky({ plan: (n) => (n < cuts.length ? { up: cuts[n]! } : {}) });
      const options = { resumeThreshold: 20_000, progress: 10_000, backoff: { initial: 0 } };
      const uploads = createUploads({ connect: net.connect, ...options });
      const settings = verified ? { verify: 'sha256' as const } : {};
      await lastValueFrom(uploads.upload('a', blobContent(new Blob(parts)), settings));
      expect(Buffer.compare(net.store.contents.get('a')!.bytes, Buffer.concat(parts))).toBe(0);
      uploads.end();
    },
  );

  test('a stored file has the time of its File, and that of a Blob is the time of the put', async () => {
    const { client, store } = served();
    const file = Object.assign(new Blob([pattern(10)]), { lastModified: 1_700_000_000_123 });
    await lastValueFrom(client.put('file', blobContent(file)));
    await lastValueFrom(client.put('named', blobContent(file), { mtime: 5 }));
    expect(await store.stat('file')).toMatchObject({ value: { mtime: 1_700_000_000_123 } });
    expect(await store.stat('named')).toMatchObject({ value: { mtime: 5 } });
    expect(blobContent(new Blob([]))).not.toHaveProperty('mtime');
  });

  test('a File whose file has changed is an error with what the browser says, and nothing of it is stored', async () => {
    const { client, store } = served();
    const gone = new DOMException('the file could not be read', 'NotReadableError');
    const file = {
      size: 10,
      slice: () => ({ arrayBuffer: () => Promise.reject(gone) }),
      stream: () => {},
    };
    const failed = await lastValueFrom(client.put('a', blobContent(file))).catch((thrown) => thrown);
    expect(failed).toMatchObject({
      code: 'content',
      message: 'the blob cannot be read: the file could not be read',
      cause: { code: 'unreadable', cause: gone },
    });
    expect(await store.stat('a')).toMatchObject({ ok: false });
  });
});
