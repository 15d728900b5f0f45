/** Uploads of content that can be read only once, over connections that break. */
import { fc, test as property } from '@fast-check/vitest';
import { lastValueFrom, tap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { streamContent } from '../../../src/client/content/stream-content.ts';
import type { Retry } from '../../../src/client/pool/pool-options.ts';
import type { UploadsOptions } from '../../../src/client/transfers/upload.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { cases } from '../../support/random/cases.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { type FlakyOptions, flaky } from '../flaky.ts';

const SIZE = 300_000;
const bytes = pattern(SIZE);

/** A stream of those bytes, and what was done with it. */
function streamed(cut = 40_000) {
  const log = { taken: 0, cancelled: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (log.taken === SIZE) return controller.close();
        const chunk = bytes.subarray(log.taken, log.taken + cut);
        log.taken += chunk.length;
        controller.enqueue(chunk);
      },
      cancel: () => {
        log.cancelled++;
      },
    },
    { highWaterMark: 0 },
  );
  return { log, stream, content: streamContent(stream, { size: SIZE }) };
}

function world(options: FlakyOptions = {}, given: Partial<UploadsOptions> = {}) {
  const net = flaky(options);
  const uploads = createUploads({
    connect: net.connect,
    resumeThreshold: 1000,
    backoff: { initial: 0 },
    ...given,
  });
  const retries: Retry[] = [];
  uploads.retries$.subscribe((retry) => retries.push(retry));
  const stored = (name: string) => net.store.contents.get(name)?.bytes;
  const asked = (cmd: string) => net.events.filter((event) => 'cmd' in event && event.cmd === cmd).length;
  return { net, uploads, retries, stored, asked };
}

const fault = (result: Promise<unknown>) =>
  result.then(
    () => null,
    (thrown) => thrown,
  );

/** A store whose puts are refused, the first so many times. */
const busy = (times: number) => (store: FileStore) => {
  let left = times;
  const put: FileStore['put'] = (name, options) =>
    left-- > 0 ? { ok: false, error: serviceFault('busy') } : store.put(name, options);
  return new Proxy(store, { get: (it, key) => (key === 'put' ? put : it[key as keyof FileStore]) });
};

const NOT_AGAIN = /; the content can be read only once, and so is not sent again$/;

describe('an upload of a stream', () => {
  test('a stream of any size is sent by one put, of which the server keeps nothing for later', async () => {
    const { uploads, stored, asked, net } = world();
    const { content, log } = streamed();
    const events = await lastValueFrom(uploads.upload('a', content).pipe(toArray()));
    expect(events.at(-1)).toMatchObject({ type: 'stored', size: SIZE, attempt: 1, resumedFrom: 0 });
    expect(Buffer.compare(stored('a')!, bytes)).toBe(0);
    expect(log).toEqual({ taken: SIZE, cancelled: 0 });
    expect(asked('resume')).toBe(0);
    expect(net.store.unfinished().count).toBe(0);
    uploads.end();
  });

  property.prop([fc.nat({ max: SIZE + 1000 }), fc.integer({ min: 1, max: 100_000 })], { numRuns: cases(40) })(
    'a stream that was begun is not sent again when the connection breaks, wherever it does',
    async (up, cut) => {
      const { uploads, stored, retries, net } = world({ plan: (n) => (n === 0 ? { up } : {}) });
      const { content, log } = streamed(cut);
      const failed = await fault(lastValueFrom(uploads.upload('a', content)));
      if (failed === null) {
        // It was sent whole at once; or nothing of it was read before the break.
        expect(Buffer.compare(stored('a')!, bytes)).toBe(0);
        expect(log).toEqual({ taken: SIZE, cancelled: 0 });
      } else {
        expect(failed).toMatchObject({ code: 'connection', message: expect.stringMatching(NOT_AGAIN) });
        expect(log.cancelled).toBe(log.taken < SIZE ? 1 : log.cancelled);
        expect(net.made.length).toBe(1);
        expect(net.store.unfinished().count).toBe(0);
      }
      for (const retry of retries) expect(JSON.stringify(retry)).not.toMatch(/only once/);
      uploads.destroy();
    },
  );

  property.prop([fc.array(fc.nat({ max: SIZE + 1000 }), { maxLength: 4 })], { numRuns: cases(20) })(
    'a function that opens a new stream for each try has the content stored, however often the connection breaks',
    async (cuts) => {
      const { uploads, stored } = world({ plan: (n) => (n < cuts.length ? { up: cuts[n]! } : {}) });
      const opened: ReturnType<typeof streamed>[] = [];
      const open = () => {
        opened.push(streamed());
        return opened.at(-1)!.content;
      };
      expect(await lastValueFrom(uploads.upload('a', open))).toMatchObject({ type: 'stored', size: SIZE });
      expect(Buffer.compare(stored('a')!, bytes)).toBe(0);
      for (const { log } of opened.slice(0, -1)) expect(log.taken === SIZE || log.cancelled === 1).toBe(true);
      uploads.end();
    },
  );

  test('a stream of which nothing was read is sent over a later connection', async () => {
    const { uploads, stored, retries } = world({ plan: (n) => (n < 2 ? { refuse: true } : {}) });
    const { content } = streamed();
    expect(await lastValueFrom(uploads.upload('a', content))).toMatchObject({ type: 'stored' });
    expect(Buffer.compare(stored('a')!, bytes)).toBe(0);
    expect(retries.length).toBe(2);
    uploads.end();
  });

  test('a stream that the server refuses for now is not sent again, and the fault says both', async () => {
    const { uploads, stored, retries } = world({ around: busy(1) });
    const { content, log } = streamed();
    const failed = await fault(lastValueFrom(uploads.upload('a', content)));
    expect(failed).toMatchObject({ code: 'refused', error: { code: 'busy' } });
    expect(failed.message).toMatch(NOT_AGAIN);
    expect(stored('a')).toBeUndefined();
    expect(log.taken === SIZE || log.cancelled === 1).toBe(true);
    expect(retries).toEqual([]);
    // What another try would not help is said as it is.
    const refused = await fault(lastValueFrom(uploads.upload('../a', streamed().content)));
    expect(refused).toMatchObject({ code: 'refused', error: { code: 'bad-filename' } });
    expect(refused.message).not.toMatch(NOT_AGAIN);
    uploads.end();
  });

  test('a stream is cancelled when its upload is given up, also before it has a connection', async () => {
    const late = streamed();
    const { uploads } = world();
    uploads.upload('late', late.content).subscribe().unsubscribe();
    await expect.poll(() => late.log.cancelled).toBe(1);
    const begun = streamed();
    const uploading = uploads
      .upload('a', begun.content)
      .pipe(
        tap(() => {
          uploading.unsubscribe();
        }),
      )
      .subscribe();
    await expect.poll(() => begun.log.cancelled || begun.log.taken === SIZE).toBeTruthy();
    uploads.destroy();
  });

  test.each([-1, 0, 1_700_000_000_000])('an upload may have the time %i, before 1970 too', async (mtime) => {
    const { uploads, net } = world();
    await lastValueFrom(uploads.upload('given', streamed().content, { mtime }));
    await lastValueFrom(uploads.upload('own', streamContent(streamed().stream, { size: SIZE, mtime })));
    for (const name of ['given', 'own']) expect(net.store.contents.get(name)?.mtime).toBe(mtime);
    uploads.end();
  });

  test('a stream cannot be verified, since it would be read twice', async () => {
    const { uploads, stored } = world();
    const [given, opened] = [streamed(), streamed()];
    expect(() => uploads.upload('a', given.content, { verify: 'sha256' })).toThrow(
      /^upload: verify: 'sha256' reads the content once before it sends it/,
    );
    expect(
      await fault(lastValueFrom(uploads.upload('a', () => opened.content, { verify: 'sha256' }))),
    ).toMatchObject({ code: 'content', cause: { code: 'read-once' } });
    await expect.poll(() => opened.log.cancelled).toBe(1);
    expect(stored('a')).toBeUndefined();
    uploads.end();
  });
});
