/** Uploads over connections that break, against a real server in memory. */
import { createHash } from 'node:crypto';
import { fc, test as property } from '@fast-check/vitest';
import { lastValueFrom, type Observable, tap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { bytesContent, type Content } from '../../src/client/content.ts';
import {
  createUploads,
  type Progress,
  type Uploaded,
  type UploadsOptions,
} from '../../src/client/uploads.ts';
import { crc32 } from '../../src/store/crc32.ts';
import type { MemoryStore } from '../../src/store/memory-store.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import { type CutOptions, cuttingLink } from '../support/cutting-link.ts';
import { pattern } from '../transport/connection-helpers.ts';

/** Resumes from 10 kB on, and waits next to nothing between tries. */
function uploading(cut: CutOptions, options: Partial<UploadsOptions> = {}) {
  const link = cuttingLink(cut);
  const uploads = createUploads({
    connect: link.connect,
    crc32,
    resumeFrom: 10_000,
    progress: 16_000,
    backoff: { base: 1, most: 1 },
    ...options,
  });
  const retries: string[] = [];
  uploads.retries$.subscribe(({ fault, attempt }) => retries.push(`${fault.type} ${attempt}`));
  const contents = () => (link.store as MemoryStore).contents;
  return { ...link, uploads, retries, bytesOf: (name: string) => contents().get(name)?.bytes };
}

const outcome = <T>(source$: Observable<T>) =>
  lastValueFrom(source$, { defaultValue: null }).catch((fault) => fault);

const all = (upload$: Observable<Progress | Uploaded>) => lastValueFrom(upload$.pipe(toArray()));

describe('whatever the bytes after which connections break', () => {
  property.prop(
    [fc.integer({ min: 10_000, max: 400_000 }), fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 6 })],
    { numRuns: 60 },
  )('a large content is stored as it is, and what was durable is not sent again', async (size, cuts) => {
    const { uploads, bytesOf } = uploading({ cuts }, { retries: 10 });
    const bytes = pattern(size);
    let durable = 0;
    const events = await all(
      uploads.upload('a', bytesContent(bytes), { mtime: 7 }).pipe(
        tap((event) => {
          expect(event.resumedFrom).toBeGreaterThanOrEqual(event.attempt === 1 ? 0 : Math.min(durable, 0));
          if (event.type !== 'progress') return;
          if (event.attempt > 1) expect(event.durable).toBeGreaterThanOrEqual(event.resumedFrom);
          durable = Math.max(durable, event.durable);
          expect(event.durable).toBe(durable);
        }),
      ),
    );
    expect(events.at(-1)).toMatchObject({ type: 'stored', size, crc32: crc32(bytes) });
    expect(Buffer.compare(bytesOf('a')!, bytes)).toBe(0);
    uploads.destroy();
  });

  property.prop([fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 8 }), fc.integer({ min: 1, max: 3 })], {
    numRuns: 60,
  })('many contents, small and large, over several connections, are all stored', async (cuts, parallel) => {
    const { uploads, bytesOf } = uploading({ cuts }, { retries: 10, parallel, window: 8 });
    const sizes = Array.from({ length: 40 }, (_, i) => (i % 9 === 0 ? 30_000 : (i * 131) % 4000));
    const stored = await Promise.all(
      sizes.map((size, i) => outcome(uploads.upload(`f${i}`, bytesContent(pattern(size, i))))),
    );
    expect(stored.map((it) => it.size)).toEqual(sizes);
    for (const [i, size] of sizes.entries()) {
      expect(Buffer.compare(bytesOf(`f${i}`)!, pattern(size, i))).toBe(0);
    }
    uploads.destroy();
  });
});
