/** Uploads over a connection that says of everything that it was taken, however little the server reads. */
import { fc, test as property } from '@fast-check/vitest';
import { concat, lastValueFrom, NEVER, of, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { bytesContent } from '../../../src/client/content/content.ts';
import type { UploadsOptions } from '../../../src/client/transfers/upload.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { serve } from '../../../src/server/serve.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { cases } from '../../support/random/cases.ts';
import { gatedStore } from '../../support/web/gated-store.ts';
import { pattern } from '../../transport/connection-helpers.ts';

/** The headers and what else is no content. */
const OVERHEAD_BYTES = 1000;

function lying(options: Partial<UploadsOptions>) {
  const store = gatedStore();
  const connections: { given: number; readonly here: Connection }[] = [];
  const connect = () => {
    const [here, there] = memoryPair();
    const made = { given: 0, here };
    connections.push(made);
    const arriving$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
    serve({ connections$: arriving$, store, limits: { linger: 100 } }).subscribe();
    const write: Connection['write'] = (chunks, settled) => {
      made.given += chunks.reduce((sum, { length }) => sum + length, 0);
      here.write(
        chunks.map((chunk) => Uint8Array.from(chunk)),
        () => {},
      );
      queueMicrotask(() => settled());
    };
    return of({ ...here, write });
  };
  const uploads = createUploads({
    connect,
    resumeThreshold: 1,
    backoff: { initial: 1, maximum: 1 },
    ...options,
  });
  return { store, uploads, connections };
}

/** Lets everything happen that does not wait for the store. */
async function settled(): Promise<void> {
  for (let i = 0; i < 25; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a send window', () => {
  property.prop(
    [
      fc.integer({ min: 1, max: 300_000 }),
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 5_000, max: 60_000 }),
    ],
    { numRuns: cases(8) },
  )(
    'bounds what is given to the connection beyond the last report, and all arrives in the end',
    async (size, extra, progress) => {
      const sendWindow = progress + extra;
      const { store, uploads, connections } = lying({ progress, sendWindow });
      store.takeUpTo(0);
      const stored = lastValueFrom(uploads.upload('a', bytesContent(pattern(size))).pipe(toArray()));
      for (let most = 0; most < size; most += 70_000) {
        store.takeUpTo(most);
        await settled();
        // The server has reported no more than it has written.
        expect(connections[0]!.given).toBeLessThanOrEqual(store.written() + sendWindow + OVERHEAD_BYTES);
      }
      store.takeUpTo(Number.POSITIVE_INFINITY);
      expect((await stored).at(-1)).toMatchObject({ type: 'stored', size });
      expect(Buffer.compare(store.contents.get('a')!.bytes, pattern(size))).toBe(0);
      uploads.destroy();
    },
  );

  test('without one such a connection is given all of the content at once', async () => {
    const { store, uploads, connections } = lying({});
    store.takeUpTo(0);
    const giving = uploads.upload('a', bytesContent(pattern(3_000_000))).subscribe();
    await settled();
    expect(connections[0]!.given).toBeGreaterThan(3_000_000);
    giving.unsubscribe();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    uploads.destroy();
  });

  test('an upload that waits for its window can be given up, and one whose connection breaks goes on', async () => {
    const { store, uploads, connections } = lying({ progress: 10_000, sendWindow: 20_000 });
    store.takeUpTo(1);
    const given = uploads.upload('given-up', bytesContent(pattern(100_000))).subscribe();
    await settled();
    given.unsubscribe();
    await settled();
    const stored = lastValueFrom(uploads.upload('kept', bytesContent(pattern(100_000))));
    await settled();
    connections.at(-1)!.here.destroy();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    expect(await stored).toMatchObject({ type: 'stored', size: 100_000 });
    expect([...store.contents.keys()]).toEqual(['kept']);
    uploads.destroy();
  });

  test('one that is less than the distance of two reports is refused, since nothing would ever be reported', () => {
    const connect = () => NEVER;
    expect(() => createUploads({ connect, progress: 11, sendWindow: 10 })).toThrow(
      'createUploads: sendWindow (10) is less than progress (11)',
    );
    expect(() => createUploads({ connect, sendWindow: 1_000_000 })).toThrow('less than progress (4194304)');
  });
});

describe('uploads', () => {
  test('cancel has the server drop what it keeps, and completes also when there is nothing', async () => {
    const { store, uploads } = lying({ progress: 10_000, sendWindow: 20_000 });
    store.takeUpTo(1);
    const upload = 'upload-1';
    const given = uploads.upload('a', bytesContent(pattern(100_000)), { upload }).subscribe();
    await settled();
    given.unsubscribe();
    store.takeUpTo(Number.POSITIVE_INFINITY);
    await settled();
    expect(store.unfinished().count).toBe(1);
    await lastValueFrom(uploads.cancel(upload), { defaultValue: null });
    expect(store.unfinished().count).toBe(0);
    await lastValueFrom(uploads.cancel(upload), { defaultValue: null });
    uploads.destroy();
  });

  test.each([1, Number.POSITIVE_INFINITY])(
    'a SHA-256 that is known is what the server compares with (resumed from %d bytes on)',
    async (resumeThreshold) => {
      const { store, uploads } = lying({ resumeThreshold });
      const right = '936a185caaa266bb9cbe981e9e05c78cd732b0b3280eb944412bb6f8f8f07af'.padEnd(64, '7');
      const wrong = uploads.upload('a', bytesContent(new Uint8Array(10)), { sha256: right });
      await expect(lastValueFrom(wrong)).rejects.toMatchObject({ error: { code: 'sha256-mismatch' } });
      const zeros = '01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca';
      const stored = uploads.upload('a', bytesContent(new Uint8Array(10)), { sha256: zeros });
      expect(await lastValueFrom(stored)).toMatchObject({ type: 'stored' });
      expect(store.puts.at(-1)).toMatchObject({ sha256: zeros });
      expect(() =>
        uploads.upload('a', bytesContent(new Uint8Array(1)), { sha256: zeros, verify: 'sha256' }),
      ).toThrow('verify computes the SHA-256');
      uploads.destroy();
    },
  );
});
