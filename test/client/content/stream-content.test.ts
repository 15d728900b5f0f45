import { Readable } from 'node:stream';
import { fc, test as property } from '@fast-check/vitest';
import { firstValueFrom, lastValueFrom, Subject, tap } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { Content } from '../../../src/client/content/content.ts';
import { bytesContent } from '../../../src/client/content/content.ts';
import { ContentError } from '../../../src/client/content/content-error.ts';
import { streamContent } from '../../../src/client/content/stream-content.ts';
import type { ByteStream } from '../../../src/client/content/stream-source.ts';
import { createUnacknowledgedSender } from '../../../src/client/pipeline/unacknowledged-sender.ts';
import type { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { cases } from '../../support/random/cases.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { played, served } from '../served.ts';

/** A stream that a test makes: what it gives, in order, and how it ends. */
interface Script {
  readonly chunks: readonly Uint8Array[];
  /** How it ends behind them: null in good order, or with this error; `'never'`: it does not. */
  readonly end?: Error | null | 'never';
}

/** What was done with the stream. */
interface Log {
  /** How many chunks were taken from it. */
  taken: number;
  cancelled: number;
}

const forever = () => new Promise<never>(() => {});

/** The same stream as each platform would have it. */
const kinds: Readonly<Record<string, (script: Script, log: Log) => ByteStream>> = {
  'a ReadableStream': ({ chunks, end = null }, log) =>
    new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          const chunk = chunks[log.taken];
          if (chunk !== undefined) {
            log.taken++;
            controller.enqueue(chunk);
            return;
          }
          if (end === 'never') return forever();
          if (end === null) controller.close();
          else controller.error(end);
          return;
        },
        cancel: () => {
          log.cancelled++;
        },
      },
      { highWaterMark: 0 },
    ),
  'a Readable of Node': ({ chunks, end = null }, log) =>
    new Readable({
      highWaterMark: 1,
      read() {
        const chunk = chunks[log.taken];
        if (chunk !== undefined) {
          log.taken++;
          // A Readable stops at an empty chunk until there is more.
          if (chunk.length === 0) this.read(0);
          else this.push(chunk);
          if (chunk.length === 0) this._read(1);
        } else if (end === null) this.push(null);
        else if (end !== 'never') this.destroy(end);
      },
      destroy(error, done) {
        if (error === null && !this.readableEnded) log.cancelled++;
        done(error);
      },
    }),
  'an async generator': ({ chunks, end = null }, log) =>
    (async function* () {
      let hasEnded = false;
      try {
        for (const chunk of chunks) {
          log.taken++;
          yield chunk;
        }
        if (end === 'never') await forever();
        hasEnded = true;
        if (end !== null) throw end;
      } finally {
        if (!hasEnded) log.cancelled++;
      }
    })(),
};

/** A generator that has not begun, or that waits, does not hear that it is not wanted any more. */
const hearsOfIt = (kind: string) => kind !== 'an async generator';

const newLog = (): Log => ({ taken: 0, cancelled: 0 });
const sizeOf = (chunks: readonly Uint8Array[]) => chunks.reduce((sum, { length }) => sum + length, 0);
const fault = (result: Promise<unknown>) =>
  result.then(
    () => null,
    (thrown) => thrown,
  );
const storedIn = (store: unknown) => (store as MemoryStore).contents;
const chunksOf = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });

/** Chunks that together are longer than what a connection takes at once, and that are cut at any place. */
const longChunks = fc
  .array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 6 })
  .map((lengths) => lengths.map((length, at) => pattern(length, at)));

describe.each(Object.entries(kinds))('%s as content', (kind, make) => {
  property.prop([fc.oneof(chunksOf, longChunks), fc.option(fc.nat(), { nil: undefined })], {
    numRuns: cases(40),
  })(
    'a stream is stored as it is, in whatever pieces it comes, and the requests around it are served',
    async (chunks, mtime) => {
      const { client, store } = served();
      const log = newLog();
      const size = sizeOf(chunks);
      const content = streamContent(make({ chunks }, log), {
        size,
        ...(mtime === undefined ? {} : { mtime }),
      });
      const results = await Promise.all([
        lastValueFrom(client.put('before', bytesContent(pattern(10)))),
        lastValueFrom(client.put('a', content)),
        lastValueFrom(client.put('after', bytesContent(pattern(10)))),
      ]);
      expect(results[1]).toMatchObject({ type: 'stored', size });
      const stored = storedIn(store).get('a')!;
      expect(Buffer.compare(stored.bytes, Buffer.concat(chunks))).toBe(0);
      if (mtime !== undefined) expect(stored.mtime).toBe(mtime);
      expect(storedIn(store).size).toBe(3);
      expect(log).toEqual({ taken: chunks.length, cancelled: 0 });
    },
  );

  property.prop([chunksOf, fc.integer({ min: 1, max: 50 })], { numRuns: cases(40) })(
    'a stream with fewer bytes than its size says is an error with both numbers, and is not stored',
    async (chunks, missing) => {
      const { client, store } = served();
      const size = sizeOf(chunks) + missing;
      const failed = await fault(
        lastValueFrom(client.put('a', streamContent(make({ chunks }, newLog()), { size }))),
      );
      expect(failed).toMatchObject({ code: 'content', cause: { code: 'shortened' } });
      expect(failed.cause).toBeInstanceOf(ContentError);
      expect(failed.message).toBe(
        `the stream has ended after ${size - missing} bytes, and its size says ${size}`,
      );
      expect(storedIn(store).size).toBe(0);
    },
  );

  property.prop([chunksOf.filter((chunks) => sizeOf(chunks) > 0), fc.nat()], { numRuns: cases(40) })(
    'a stream with more bytes than its size says is an error with both numbers, is not stored, and is cancelled',
    async (chunks, choice) => {
      const { client, store } = served();
      const log = newLog();
      const size = choice % sizeOf(chunks);
      const content = streamContent(make({ chunks, end: 'never' }, log), { size });
      const failed = await fault(lastValueFrom(client.put('a', content)));
      expect(failed).toMatchObject({ code: 'content', cause: { code: 'lengthened' } });
      const [, has, says] = /^the stream has at least (\d+) bytes, and its size says (\d+)$/.exec(
        failed.message,
      )!;
      expect(Number(has)).toBeGreaterThan(size);
      expect(Number(has)).toBeLessThanOrEqual(sizeOf(chunks));
      expect(Number(says)).toBe(size);
      expect(storedIn(store).size).toBe(0);
      await expect.poll(() => log.cancelled).toBe(1);
    },
  );

  property.prop([fc.oneof(chunksOf, longChunks), fc.nat({ max: 500 })], { numRuns: cases(40) })(
    'a stream that fails is an error with its own error as the cause, wherever it fails, and is not stored',
    async (chunks, missing) => {
      const { client, store } = served();
      const broken = new Error('the disk is gone');
      const size = sizeOf(chunks) + missing;
      const content = streamContent(make({ chunks, end: broken }, newLog()), { size });
      const failed = await fault(lastValueFrom(client.put('a', content)));
      expect(failed).toMatchObject({ code: 'content', message: 'the stream failed: the disk is gone' });
      expect(failed.cause).toMatchObject({ code: 'unreadable', cause: broken });
      expect(storedIn(store).size).toBe(0);
    },
  );

  test('a stream that fails before its first bytes costs nothing but its own put', async () => {
    const { client, store } = served();
    const before = lastValueFrom(client.put('before', bytesContent(pattern(10))));
    const failing = make({ chunks: [], end: new Error('no') }, newLog());
    expect(await fault(lastValueFrom(client.put('a', streamContent(failing, { size: 9 }))))).toMatchObject({
      code: 'content',
    });
    await lastValueFrom(client.put('after', bytesContent(pattern(10))));
    await before;
    expect([...storedIn(store).keys()]).toEqual(['before', 'after']);
  });

  test('a stream is cancelled when its put is given up: before its turn, before its first bytes, and in its middle', async () => {
    const turn$ = new Subject<void>();
    const slow: () => Promise<Content> = async () => {
      await firstValueFrom(turn$, { defaultValue: undefined });
      return bytesContent(pattern(3));
    };
    const waiting = newLog();
    const first = served();
    const ahead = lastValueFrom(first.client.put('ahead', slow));
    const stream = make({ chunks: [pattern(10)], end: 'never' }, waiting);
    first.client
      .put('a', streamContent(stream, { size: 10 }))
      .subscribe()
      .unsubscribe();
    if (hearsOfIt(kind)) await expect.poll(() => waiting.cancelled).toBe(1);
    expect(waiting.taken).toBe(0);
    turn$.complete();
    await ahead;

    for (const chunks of [[], [pattern(10)]]) {
      const log = newLog();
      const { client, store } = served();
      const content = streamContent(make({ chunks, end: 'never' }, log), { size: 20 });
      const putting = client.put('a', content).subscribe();
      await expect.poll(() => log.taken).toBe(chunks.length);
      // It waits for the next chunk.
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      putting.unsubscribe();
      if (hearsOfIt(kind)) await expect.poll(() => log.cancelled).toBe(1);
      if (chunks.length === 0) await lastValueFrom(client.put('after', bytesContent(pattern(10))));
      else expect(await firstValueFrom(client.closed$)).toMatchObject({ code: 'destroyed' });
      expect(storedIn(store).has('a')).toBe(false);
    }
  });

  test('a stream is cancelled when the server refuses it or the connection breaks while it gives nothing', async () => {
    for (const breaks of [true, false]) {
      const log = newLog();
      const { client, there, begun, reply } = played();
      const size = 100;
      const stream = make({ chunks: [pattern(10)], end: 'never' }, log);
      const putting = fault(lastValueFrom(client.put('a', streamContent(stream, { size }))));
      await begun(1);
      if (breaks) there.destroy();
      else reply({ error: { code: 'exists', message: 'no' }, id: 1 });
      expect(await putting).toMatchObject({ code: breaks ? 'connection' : 'refused' });
      if (hearsOfIt(kind)) await expect.poll(() => log.cancelled).toBe(1);
      if (breaks) continue;
      // The frame is completed with zeros, so that the connection can go on.
      const pinged = lastValueFrom(client.ping(), { defaultValue: 'answered' });
      await begun(2);
      reply({ ack: 'ping', id: 2 });
      expect(await pinged).toBe('answered');
    }
  });

  test('a stream is taken from only as the connection takes its bytes', async () => {
    const log = newLog();
    const chunks = Array.from({ length: 200 }, (_, at) => pattern(65_536, at));
    const size = sizeOf(chunks);
    const [here, there] = memoryPair();
    there.pause();
    const sender = createUnacknowledgedSender(here);
    let taken = 0;
    const putting = lastValueFrom(
      sender.put('a', streamContent(make({ chunks }, log), { size })).pipe(
        tap((event) => {
          taken = event.type === 'progress' ? event.sent : taken;
        }),
      ),
    );
    let before = -1;
    await expect
      .poll(() => {
        const stood = log.taken === before;
        before = log.taken;
        return stood && log.taken > 0;
      })
      .toBe(true);
    // 1 MiB of buffers, what lies in the connection, and a chunk or two at hand.
    expect(log.taken * 65_536).toBeLessThan(taken + 1024 * 1024 + 4 * 65_536);
    expect(log.taken).toBeLessThan(chunks.length / 2);
    there.chunks$.subscribe({ error: () => {} });
    there.resume();
    expect(await putting).toMatchObject({ type: 'sent', size });
    expect(log.taken).toBe(chunks.length);
  });

  test('a stream cannot be sent twice', async () => {
    const { client, store } = served();
    const content = streamContent(make({ chunks: [pattern(10)] }, newLog()), { size: 10 });
    await lastValueFrom(client.put('a', content));
    expect(await fault(lastValueFrom(client.put('b', content)))).toMatchObject({
      code: 'content',
      message: 'a stream can be read only once, and was read before',
      cause: { code: 'read-once' },
    });
    expect([...storedIn(store).keys()]).toEqual(['a']);
  });
});

describe('streamContent', () => {
  test('nothing is taken from a stream before there is room for it', async () => {
    const [pair] = memoryPair();
    const chunks: number[] = [];
    // Nothing that is written is ever taken.
    const stuck = { ...pair, write: (written: readonly Uint8Array[]) => void chunks.push(sizeOf(written)) };
    const SLABS = 4;
    const SLAB_BYTES = 256 * 1024;
    const size = 100 * SLAB_BYTES;
    const head = 4 + JSON.stringify({ cmd: 'put', filename: 'a', filesize: size }).length;
    const log = newLog();
    // The first chunks end where a buffer ends, and so do all that follow.
    const first = [pattern(SLAB_BYTES - head), ...Array.from({ length: 20 }, () => pattern(SLAB_BYTES))];
    const stream = kinds['an async generator']!({ chunks: first, end: 'never' }, log);
    const putting = createUnacknowledgedSender(stuck).put('a', streamContent(stream, { size })).subscribe();
    await expect.poll(() => chunks.length).toBe(SLABS);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(log.taken).toBe(SLABS);
    expect(chunks).toEqual(Array.from({ length: SLABS }, () => SLAB_BYTES));
    putting.unsubscribe();
  });

  test('a stream that is slow does not hold up the requests before it, and may come of their answers', async () => {
    const { client, store } = served();
    await lastValueFrom(client.put('a', bytesContent(pattern(100_000))));
    const asked = lastValueFrom(client.stat('a'));
    const ofAnswer = (async function* () {
      yield pattern((await asked).size);
    })();
    await lastValueFrom(client.put('b', streamContent(ofAnswer, { size: 100_000 })));
    expect(storedIn(store).get('b')!.bytes.length).toBe(100_000);
  });

  test('a stream whose chunks are text fails its put, and says what to do', async () => {
    const { client } = served();
    const stream = Readable.from(['text']);
    expect(await fault(lastValueFrom(client.put('a', streamContent(stream, { size: 4 }))))).toMatchObject({
      code: 'content',
      message: expect.stringMatching(/a chunk of the stream must be bytes .* encode it with TextEncoder/),
    });
  });

  test('a ReadableStream that somebody else reads fails its put', async () => {
    const { client } = served();
    const stream = new ReadableStream<Uint8Array>();
    stream.getReader();
    expect(await fault(lastValueFrom(client.put('a', streamContent(stream, { size: 4 }))))).toMatchObject({
      code: 'content',
      cause: { code: 'unreadable' },
    });
  });

  test('a Readable that fails long before its turn does not end the program', async () => {
    const { client } = served();
    const stream = new Readable({ read() {} });
    const content = streamContent(stream, { size: 4 });
    stream.destroy(new Error('no such file'));
    await new Promise((resolve) => stream.once('close', resolve));
    expect(await fault(lastValueFrom(client.put('a', content)))).toMatchObject({
      code: 'content',
      message: 'the stream failed: no such file',
    });
  });

  test('a put cannot go on in the middle of a stream', async () => {
    const { client } = served();
    const content = streamContent(Readable.from([pattern(10)]), { size: 10 });
    const settings = { upload: 'u', resumeAt: { offset: 5, crc32: 0 } };
    expect(await fault(lastValueFrom(client.put('a', content, settings)))).toMatchObject({
      code: 'content',
      message: 'a stream can be read only once, from its start',
    });
  });
});
