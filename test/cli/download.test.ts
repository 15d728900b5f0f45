import { concat, defer, NEVER, of } from 'rxjs';
import { expect, test } from 'vitest';
import { download } from '../../src/cli/download.ts';
import type { LocalFile, LocalFileOptions } from '../../src/cli/local-file.ts';
import type { Report } from '../../src/cli/report.ts';
import type { Transfer } from '../../src/cli/transfer.ts';
import { createDownloads } from '../../src/client/downloads.ts';
import { serve } from '../../src/server/serve.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { pattern } from '../transport/connection-helpers.ts';

/** Disks that fail: while the file arrives, at its end, and both. */
test.each([
  ['while it arrives', true, false],
  ['when it is finished', false, true],
  ['first the one and then the other', true, true],
])(
  'a file that cannot be written %s is told once and let go of, and the others are received',
  async (_, early, late) => {
    const store = memoryStore();
    const names = ['a', 'bad', 'b', 'c'];
    for (const name of names) {
      const sink = await store.put(name, { size: 400_000 });
      if (!sink.ok) throw new Error(sink.error.message);
      await sink.value.write([pattern(400_000)]);
      await sink.value.commit();
    }
    const told: string[] = [];
    const report: Report = {
      expect: () => {},
      progress: () => {},
      done: ({ filename }) => told.push(`${filename} done`),
      failed: ({ filename }, { message }) => told.push(`${filename}: ${message}`),
      warn: () => {},
      retry: () => {},
      abandon: () => {},
      end: () => {},
    };
    let aborted = 0;
    const begin = ({ path, written, failed }: LocalFileOptions): LocalFile => ({
      write: ({ length }) => {
        written(length);
        if (early && path === 'bad') failed(new Error('disk is full'));
      },
      finish: async () => {
        if (!late || path !== 'bad') return 'placed';
        failed(new Error('disk is full'));
        throw new Error('disk is full');
      },
      abort: () => aborted++,
    });
    const connect = () =>
      defer(() => {
        const [here, there] = memoryPair();
        const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
        serve({ connections$, store, limits: { linger: 100 } }).subscribe();
        return of(here);
      });
    const transfers = names.map((name) => ({ path: name, filename: name, size: 400_000 }));
    const downloads = createDownloads({ connect, retries: 0 });
    const world = { downloads, report, begin, ahead: 64, keepsParts: false, kept: new Set<Transfer>() };
    const got = await download(transfers, { ...world, gone: () => false });
    downloads.end();
    expect(got).toEqual({ files: 3, bytes: 1_200_000, failed: 1, lost: null });
    expect(told.sort()).toEqual(['a done', 'b done', 'bad: disk is full', 'c done']);
    expect(aborted).toBeGreaterThan(0);
  },
);
