/** Uploads over connections that break, against a real server in memory. */
import { createHash } from 'node:crypto';
import { fc, test as property } from '@fast-check/vitest';
import {
  defer,
  lastValueFrom,
  Observable,
  of,
  Subject,
  Subscription,
  takeUntil,
  tap,
  toArray,
  VirtualTimeScheduler,
} from 'rxjs';
import { describe, expect, test } from 'vitest';
import { bytesContent, type Content } from '../../../src/client/content/content.ts';
import type { Progress, Uploaded, UploadsOptions } from '../../../src/client/transfers/upload.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import type { MemoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { type CutOptions, cuttingLink } from '../../support/network/cutting-link.ts';
import { frame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';
import { type Answer, type Asked, scripted } from '../../support/sessions/scripted.ts';
import { pattern } from '../../transport/connection-helpers.ts';

/** Resumes from 10 kB on, and waits next to nothing between tries. */
function uploading(cut: CutOptions, options: Partial<UploadsOptions> = {}) {
  const link = cuttingLink(cut);
  const uploads = createUploads({
    connect: link.connect,
    resumeThreshold: 10_000,
    progress: 16_000,
    backoff: { initial: 1, maximum: 1 },
    ...options,
  });
  const retries: string[] = [];
  uploads.retries$.subscribe(({ fault, attempt }) => retries.push(`${fault.code} ${attempt}`));
  const contents = () => (link.store as MemoryStore).contents;
  return { ...link, uploads, retries, bytesOf: (name: string) => contents().get(name)?.bytes };
}

const outcome = <T>(source$: Observable<T>) =>
  lastValueFrom(source$, { defaultValue: null }).catch((fault) => fault);

const all = (upload$: Observable<Progress | Uploaded>) => lastValueFrom(upload$.pipe(toArray()));

describe('whatever the bytes after which connections break', () => {
  property.prop(
    [
      fc.integer({ min: 10_000, max: 400_000 }),
      fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 6 }),
    ],
    { numRuns: cases(60) },
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

  property.prop(
    [fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 8 }), fc.integer({ min: 1, max: 3 })],
    {
      numRuns: cases(30),
    },
  )('many contents, small and large, over several connections, are all stored', async (cuts, parallel) => {
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

/** The wire's names of a real interruption: how much each try did not have to send. */
const resumptions = (events: readonly (Progress | Uploaded)[]) => [
  ...new Set(events.map(({ attempt, resumedFrom }) => `${attempt}: ${resumedFrom}`)),
];

describe('a large content that was interrupted', () => {
  const bytes = pattern(300_000);

  test('a large content that was interrupted goes on behind the bytes that the server has, and reports that', async () => {
    const { uploads, bytesOf, sent, retries } = uploading({ cuts: [150_000] });
    const events = await all(uploads.upload('a', bytesContent(bytes)));
    const { resumedFrom, attempt } = events.at(-1)!;
    expect(attempt).toBe(2);
    expect(resumedFrom).toBeGreaterThan(0);
    expect(resumedFrom).toBeLessThanOrEqual(150_000);
    expect(sent()).toBeLessThan(150_000 + 300_000 - resumedFrom + 1000);
    expect(resumptions(events)).toEqual(['1: 0', `2: ${resumedFrom}`]);
    expect(retries).toEqual(['connection 1']);
    expect(Buffer.compare(bytesOf('a')!, bytes)).toBe(0);
  });

  test('a large content that was interrupted goes on in a later run', async () => {
    const store = memoryStore();
    const first = uploading({ cuts: [150_000], store }, { retries: 0 });
    const content = { ...bytesContent(bytes), mtime: 5 };
    expect(await outcome(first.uploads.upload('a', content))).toMatchObject({ code: 'connection' });
    const second = uploading({ store });
    const events = await all(second.uploads.upload('a', content));
    expect(events.at(-1)?.resumedFrom).toBeGreaterThan(0);
    expect(Buffer.compare(store.contents.get('a')!.bytes, bytes)).toBe(0);
  });

  test.each([
    ['in one run', [150_000, 100_000], 10_000, 5],
    ['in a later run', [150_000], 10_000, 0],
    ['sent again from the start each time', [150_000, 200_000], 1e9, 5],
  ])(
    'the progress of an upload that was interrupted is never faster than what its try has sent: %s',
    async (_, cuts, resumeThreshold, retries) => {
      const store = memoryStore();
      const content = { ...bytesContent(bytes), mtime: 5 };
      const events: (Progress | Uploaded)[] = [];
      for (const cut of [{ cuts, store }, { store }]) {
        const { uploads } = uploading(cut, { retries, resumeThreshold });
        await outcome(uploads.upload('a', content).pipe(tap((event) => events.push(event))));
        uploads.end();
      }
      const progress = events.filter((event) => event.type === 'progress');
      expect(Math.max(...progress.map(({ attempt }) => attempt))).toBe(retries > 0 ? 3 : 1);
      // Whatever the clock does: what is sent at once is told as if it had taken 200 ms.
      for (const { rate, sent, resumedFrom } of progress) {
        expect(rate).toBeLessThanOrEqual((sent - resumedFrom) / 0.2);
      }
    },
  );

  test.each([
    ['its modification time differs', { mtime: 6 }, {}],
    ['its bytes differ, and nothing else', { mtime: 5 }, {}],
    ['its bytes differ, under a name of the caller', {}, { upload: 'mine' }],
  ])(
    'a large content that was interrupted is sent anew when the source has changed meanwhile: %s',
    async (_, facts, settings) => {
      const store = memoryStore();
      const first = uploading({ cuts: [150_000], store }, { retries: 0 });
      await outcome(first.uploads.upload('a', { ...bytesContent(bytes), mtime: 5 }, settings));
      const changed = pattern(300_000, 1);
      const second = uploading({ store });
      const events = await all(second.uploads.upload('a', { ...bytesContent(changed), ...facts }, settings));
      expect(resumptions(events)).toEqual(['1: 0']);
      expect(Buffer.compare(store.contents.get('a')!.bytes, changed)).toBe(0);
    },
  );

  test('an interrupted content that has become shorter than the bytes on the server is sent from the start', async () => {
    const store = memoryStore();
    const first = uploading({ cuts: [250_000], store }, { retries: 0 });
    await outcome(first.uploads.upload('a', bytesContent(bytes), { upload: 'mine' }));
    const { uploads } = uploading({ store });
    await all(uploads.upload('a', bytesContent(pattern(20_000)), { upload: 'mine' }));
    expect(store.contents.get('a')!.bytes.length).toBe(20_000);
  });

  test('an interrupted content that changes between two tries leaves nothing of its old state on the server', async () => {
    let opened = 0;
    const { uploads, bytesOf, store } = uploading({ cuts: [150_000] });
    const content = (): Content => {
      opened++;
      return { ...bytesContent(pattern(300_000, opened)), mtime: opened };
    };
    const events = await all(uploads.upload('a', content));
    expect(resumptions(events)).toEqual(['1: 0', '2: 0']);
    // Once more at first, to find out that it is large.
    expect(opened).toBe(3);
    expect(Buffer.compare(bytesOf('a')!, pattern(300_000, 3))).toBe(0);
    expect(store.unfinished().count).toBe(0);
  });

  test('an interrupted content is not read again before its offset, but for the bytes behind the last checkpoint', async () => {
    const { uploads } = uploading({ cuts: [6_000_000] }, { progress: 1_000_000 });
    const big = pattern(8_000_000);
    let read = 0;
    const content: Content = {
      size: big.length,
      read: (offset, into) => {
        const piece = big.subarray(offset, offset + into.length);
        into.set(piece);
        read += piece.length;
        return piece.length;
      },
    };
    const events = await all(uploads.upload('a', content));
    const resumed = events.at(-1)!.resumedFrom;
    expect(resumed).toBeGreaterThan(2_000_000);
    // What was sent in two tries, at most 1 MiB before the connection took it, and one checkpoint's distance.
    expect(read).toBeLessThan(6_000_000 + (8_000_000 - resumed) + 3 * 1024 * 1024);
  });

  test('an interrupted content with resume: false is sent again from the start', async () => {
    const { uploads } = uploading({ cuts: [150_000] });
    const events = await all(uploads.upload('a', bytesContent(bytes), { resume: false }));
    expect(resumptions(events)).toEqual(['1: 0', '2: 0']);
  });
});

describe('an answer that was lost', () => {
  test.each([
    ['large', 300_000],
    ['small, and must not replace', 3000],
  ])('an answer that was lost is found out by asking: %s', async (_, size) => {
    const { uploads, sent, bytesOf } = uploading({ deaf: (connection) => connection === 0 });
    const content = { ...bytesContent(pattern(size)), mtime: 5 };
    const stored = await outcome(uploads.upload('a', content, { ifAbsent: size < 10_000 }));
    expect(stored).toMatchObject({ type: 'stored', size, attempt: 2 });
    expect(bytesOf('a')?.length).toBe(size);
    expect(sent()).toBeLessThan(size + 5000);
  });

  test('a refusal is not taken for a lost answer when the stored file is another one', async () => {
    const store = memoryStore();
    const { uploads } = uploading({ cuts: [40], store });
    const other = uploading({ store }).uploads;
    await all(other.upload('a', bytesContent(pattern(3000, 1))));
    const fault = await outcome(uploads.upload('a', bytesContent(pattern(3000)), { ifAbsent: true }));
    expect(fault).toMatchObject({ code: 'refused', error: { code: 'exists' } });
  });
});

/** Answers as a server that has nothing and stores everything. */
const storing = ({ header, body }: Asked): Answer =>
  header.cmd === 'resume'
    ? { ack: 'resume', upload: header.upload, offset: 0, crc32: 0 }
    : { ack: 'put', filename: header.filename, size: body.length, crc32: crc32(body), durable: true };

/** In virtual time: what happened when, in milliseconds. */
function timed(connect: () => Observable<never>, options: Partial<UploadsOptions>) {
  const scheduler = new VirtualTimeScheduler();
  const uploads = createUploads({ connect, scheduler, random: () => 1, ...options });
  const times: number[] = [];
  uploads.retries$.subscribe(() => times.push(scheduler.now()));
  let fault: unknown = null;
  uploads.upload('a', bytesContent(pattern(10))).subscribe({
    error: (thrown) => {
      times.push(scheduler.now());
      fault = thrown;
    },
  });
  scheduler.flush();
  return { times, fault: () => fault };
}

describe('tries', () => {
  const broken = () =>
    new Observable<never>((subscriber) => subscriber.error({ code: 'reset', message: 'no' }));

  test('tries are further and further apart, up to a bound, and end', () => {
    const { times, fault } = timed(broken, { retries: 9 });
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
    expect(fault()).toMatchObject({
      code: 'connection',
      cause: { code: 'reset', message: 'no' },
      sent: false,
    });
  });

  test('tries are at random times up to the bound, so that clients do not all come back at once', () => {
    const { times } = timed(broken, { retries: 2, random: () => 0.25 });
    expect(times).toEqual([0, 50, 150]);
  });

  test('where nobody listens no try comes before half of twice that time, so that a server can start again', () => {
    const nobody = () =>
      new Observable<never>((subscriber) => subscriber.error({ code: 'refused', message: 'no' }));
    expect(timed(nobody, { retries: 2, random: () => 0 }).times).toEqual([0, 200, 600]);
    expect(timed(nobody, { retries: 2 }).times).toEqual([0, 400, 1200]);
  });

  test('an untrusted server is not tried again', () => {
    const untrusted = () =>
      new Observable<never>((subscriber) => subscriber.error({ code: 'untrusted', message: 'no' }));
    expect(timed(untrusted, {}).times).toEqual([0]);
  });

  test('the count of tries starts over after progress', async () => {
    // Each connection stores one file more, and breaks.
    const begun = new Set<number>();
    const server = scripted((asked) => {
      if (begun.has(asked.connection)) return 'end';
      begun.add(asked.connection);
      return storing(asked);
    });
    const uploads = createUploads({ connect: server.connect, backoff: { initial: 1 }, retries: 4 });
    const names = Array.from({ length: 10 }, (_, i) => `f${i}`);
    const done = await Promise.all(
      names.map((name) => outcome(uploads.upload(name, bytesContent(pattern(5))))),
    );
    expect(done.map(({ type }) => type)).toEqual(names.map(() => 'stored'));
    expect(server.connections()).toBeGreaterThan(5);
  });

  test('the tries of an upload that breaks every connection end, while the others are stored', async () => {
    const server = scripted((asked) => (asked.header.filename === 'poison' ? 'break' : storing(asked)));
    const uploads = createUploads({
      connect: server.connect,
      backoff: { initial: 1 },
      retries: 3,
      window: 4,
    });
    const names = ['a', 'poison', ...Array.from({ length: 40 }, (_, i) => `f${i}`)];
    const done = await Promise.all(
      names.map((name) => outcome(uploads.upload(name, bytesContent(pattern(5))))),
    );
    expect(done.map(({ type, code }) => type ?? code)).toEqual([
      'stored',
      'connection',
      ...Array(40).fill('stored'),
    ]);
  });
});

describe('what is to blame', () => {
  test('an upload that breaks its connection does not keep the others from being stored, although it came first', async () => {
    const server = scripted((asked) => (asked.header.filename === 'poison' ? 'break' : storing(asked)));
    const uploads = createUploads({
      connect: server.connect,
      backoff: { initial: 1 },
      retries: 1,
      window: 4,
    });
    const done = await Promise.all(
      ['poison', 'a', 'b', 'c'].map((name) => outcome(uploads.upload(name, bytesContent(pattern(5))))),
    );
    expect(done.map(({ type, code }) => type ?? code)).toEqual(['connection', 'stored', 'stored', 'stored']);
  });

  test('a server that turns every connection away is not asked for ever', async () => {
    let tries = 0;
    const away = frame({ error: { code: 'too-many-connections', message: 'full' } });
    const connect = () =>
      defer(() => {
        tries++;
        const [here, there] = memoryPair();
        there.write([away], () => there.end());
        return of(here);
      });
    const uploads = createUploads({ connect, backoff: { initial: 1 }, retries: 3 });
    const fault = await outcome(uploads.upload('a', bytesContent(pattern(5))));
    expect(['protocol', 'connection']).toContain(fault.code);
    expect(tries).toBe(4);
  });
});

describe('a refusal', () => {
  const refusing = async (code: string, retries = 2) => {
    const server = scripted(() => ({ error: { code, message: code } }));
    const uploads = createUploads({ connect: server.connect, backoff: { initial: 1 }, retries });
    const fault = await outcome(uploads.upload('a', bytesContent(pattern(5))));
    expect(fault).toMatchObject({ code: 'refused', error: { code } });
    return server.asked.length;
  };

  test.each(['io-error', 'shutting-down', 'too-many-open-files', 'internal'])(
    'an upload that is refused with %s is tried again, since that may be over after a while',
    async (code) => expect(await refusing(code)).toBe(3),
  );
  test.each([
    'disk-full',
    'read-only',
    'permission-denied',
    'exists',
    'upload-taken',
    'forbidden',
    'too-large',
  ])('an upload that is refused with %s is not tried again', async (code) =>
    expect(await refusing(code)).toBe(1),
  );

  test('a refusal of the token is final, and nothing is sent before it is accepted', async () => {
    const server = scripted(() => ({ error: { code: 'bad-token', message: 'no' } }));
    const uploads = createUploads({ connect: server.connect, token: 'secret' });
    const faults = await Promise.all(
      ['a', 'b'].map((name) => outcome(uploads.upload(name, bytesContent(pattern(5))))),
    );
    expect(faults).toMatchObject([{ error: { code: 'bad-token' } }, { error: { code: 'bad-token' } }]);
    expect(server.asked.map(({ header }) => header)).toEqual([{ cmd: 'hello', token: 'secret', id: 1 }]);
  });

  test('after a refusal of the offset the server is asked once more', async () => {
    const bytes = pattern(20_000);
    let has = 5000;
    const server = scripted(({ header, body }: Asked): Answer => {
      if (header.cmd === 'resume') {
        return { ack: 'resume', upload: header.upload, offset: has, crc32: crc32(bytes.subarray(0, has)) };
      }
      if (header.offset === 5000) {
        has = 7000;
        return { error: { code: 'bad-offset', message: 'no', offset: has } };
      }
      const whole = Buffer.concat([bytes.subarray(0, has), body]);
      return { ack: 'put', filename: 'a', size: whole.length, crc32: crc32(whole), durable: true };
    });
    const uploads = createUploads({ connect: server.connect, resumeThreshold: 10_000 });
    expect(await outcome(uploads.upload('a', bytesContent(bytes)))).toMatchObject({
      size: 20_000,
      resumedFrom: 7000,
    });
    const commands = server.asked.map(({ header }) => `${header.cmd} ${header.offset ?? ''}`);
    expect(commands).toEqual(['resume ', 'put 5000', 'resume ', 'put 7000']);
  });

  test('content that is sent again after a refusal is another try, so that what a try has sent never falls', async () => {
    const bytes = pattern(20_000);
    let has = 5000;
    const server = scripted(({ header }: Asked): Answer => {
      if (header.cmd === 'resume') {
        return { ack: 'resume', upload: header.upload, offset: has, crc32: crc32(bytes.subarray(0, has)) };
      }
      if (header.offset === 5000) {
        has = 7000;
        return { error: { code: 'bad-offset', message: 'no', offset: has } };
      }
      return { ack: 'put', filename: 'a', size: 20_000, crc32: crc32(bytes), durable: true };
    });
    const uploads = createUploads({ connect: server.connect, resumeThreshold: 10_000 });
    const events = await all(uploads.upload('a', bytesContent(bytes)));
    expect(events).toMatchObject([
      { attempt: 1, resumedFrom: 5000, sent: 5000 },
      { attempt: 1, resumedFrom: 5000, sent: 20_000 },
      { attempt: 2, resumedFrom: 7000, sent: 7000 },
      { attempt: 2, resumedFrom: 7000, sent: 20_000 },
      { attempt: 2, resumedFrom: 7000, type: 'stored' },
    ]);
  });

  test('a refusal of the whole because of earlier bytes has the content sent from the start, once', async () => {
    const bytes = pattern(20_000);
    let has = 5000;
    const server = scripted(({ header, body }: Asked): Answer => {
      if (header.cmd === 'resume') {
        return { ack: 'resume', upload: header.upload, offset: has, crc32: crc32(bytes.subarray(0, has)) };
      }
      if (header.cmd === 'cancel') {
        has = 0;
        return { ack: 'cancel', upload: header.upload };
      }
      if (header.offset !== undefined) return { error: { code: 'sha256-mismatch', message: 'no' } };
      return { ack: 'put', filename: 'a', size: body.length, crc32: crc32(body), durable: true };
    });
    const uploads = createUploads({ connect: server.connect, resumeThreshold: 10_000 });
    expect(await outcome(uploads.upload('a', bytesContent(bytes)))).toMatchObject({
      size: 20_000,
      resumedFrom: 0,
    });
  });
});

describe('what is sent', () => {
  test('small content is sent as a put alone; large content with a resume before it, a name and progress', async () => {
    const server = scripted(storing);
    const uploads = createUploads({ connect: server.connect, resumeThreshold: 10_000, progress: 4096 });
    await all(uploads.upload('small', bytesContent(pattern(9999))));
    await all(uploads.upload('large', bytesContent(pattern(10_000)), { upload: 'u' }));
    expect(server.asked.map(({ header: { id: _, ...fields } }) => fields)).toEqual([
      { cmd: 'put', filename: 'small', filesize: 9999 },
      { cmd: 'resume', upload: 'u' },
      { cmd: 'put', filename: 'large', filesize: 10_000, upload: 'u', progress: 4096 },
    ]);
  });

  test.each([100, 20_000])('a put of %i bytes has their SHA-256 when it is to be verified', async (size) => {
    const server = scripted(storing);
    const uploads = createUploads({ connect: server.connect, resumeThreshold: 10_000 });
    await all(uploads.upload('a', bytesContent(pattern(size)), { verify: 'sha256' }));
    expect(server.asked.at(-1)?.header.sha256).toBe(createHash('sha256').update(pattern(size)).digest('hex'));
  });

  test('an upload has the same name for the same source, and another for any other', async () => {
    const server = scripted(storing);
    const uploads = createUploads({ connect: server.connect, resumeThreshold: 1 });
    const content = { ...bytesContent(pattern(10)), mtime: 1 };
    await all(uploads.upload('a', content, { source: '/a' }));
    await all(uploads.upload('a', { ...content }, { source: '/a' }));
    await all(uploads.upload('b', content, { source: '/a' }));
    await all(uploads.upload('a', content, { source: '/b' }));
    await all(uploads.upload('a', { ...content, mtime: 2 }, { source: '/a' }));
    await all(uploads.upload('a', { ...bytesContent(pattern(11)), mtime: 1 }, { source: '/a' }));
    const names = server.asked
      .filter(({ header }) => header.cmd === 'put')
      .map(({ header }) => header.upload);
    expect(names[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(names[1]).toBe(names[0]);
    expect(new Set(names).size).toBe(5);
  });

  test('large contents are spread over the connections, and then go two at a time on each', async () => {
    const server = scripted(({ header }) =>
      header.cmd === 'resume' ? { ack: 'resume', upload: header.upload, offset: 0, crc32: 0 } : null,
    );
    const uploads = createUploads({ connect: server.connect, parallel: 2, resumeThreshold: 10 });
    const uploading = new Subscription();
    for (let i = 0; i < 6; i++) uploading.add(uploads.upload(`f${i}`, bytesContent(pattern(20))).subscribe());
    await expect.poll(() => server.asked.filter(({ header }) => header.cmd === 'put').length).toBe(4);
    const puts = server.asked.filter(({ header }) => header.cmd === 'put');
    expect(puts.map(({ connection }) => connection).sort()).toEqual([0, 0, 1, 1]);
    expect(server.connections()).toBe(2);
    // This server never answers: none of them may wait until the uploads give it up.
    uploading.unsubscribe();
    uploads.destroy();
  });
});

describe('a server that takes everything and answers nothing', () => {
  test('a server that takes everything and answers nothing counts as broken after the timeout', async () => {
    const server = scripted(() => null);
    const uploads = createUploads({
      connect: server.connect,
      timeout: 20,
      retries: 1,
      backoff: { initial: 1 },
    });
    const fault = await outcome(uploads.upload('a', bytesContent(pattern(10))));
    expect(fault).toMatchObject({ code: 'connection', cause: { code: 'timeout' }, sent: true });
    expect(server.connections()).toBe(2);
  });

  test('the time that our own content takes does not count for the timeout', async () => {
    const server = scripted(storing);
    const scheduler = new VirtualTimeScheduler();
    const uploads = createUploads({ connect: server.connect, timeout: 20, retries: 0, scheduler });
    const slow: Content = {
      size: 2,
      read: async (offset, into) => {
        await new Promise((resolve) => setImmediate(resolve));
        scheduler.maxFrames = scheduler.now() + 50;
        scheduler.schedule(() => {}, 50);
        scheduler.flush();
        return bytesContent(pattern(2)).read(offset, into.subarray(0, 1));
      },
    };
    expect(await outcome(uploads.upload('a', slow))).toMatchObject({ type: 'stored' });
  });
});

describe('unsubscribing', () => {
  test('unsubscribing in the middle of a body stops it, and the others are stored', async () => {
    const { uploads, bytesOf } = uploading({});
    const stop$ = new Subject<void>();
    const endless: Content = {
      size: 1e12,
      read: async (_, into) => {
        await new Promise((resolve) => setImmediate(resolve));
        return into.length;
      },
    };
    const others = ['a', 'b'].map((name) => outcome(uploads.upload(name, bytesContent(pattern(500)))));
    let seen = 0;
    const given = outcome(
      uploads.upload('endless', endless).pipe(
        tap(({ type }) => {
          if (type === 'progress' && ++seen === 3) stop$.next();
        }),
        takeUntil(stop$),
      ),
    );
    const later = outcome(uploads.upload('c', bytesContent(pattern(500))));
    expect((await given).type).toBe('progress');
    expect((await Promise.all([...others, later])).map(({ type }) => type)).toEqual([
      'stored',
      'stored',
      'stored',
    ]);
    expect(bytesOf('endless')).toBeUndefined();
  });

  test('unsubscribing while an upload waits for a connection abandons the attempt to connect', () => {
    let open = 0;
    const uploads = createUploads({
      connect: () =>
        new Observable(() => {
          open++;
          return () => open--;
        }),
    });
    const one = uploads.upload('a', bytesContent(pattern(1))).subscribe();
    const two = uploads.upload('b', bytesContent(pattern(1))).subscribe();
    one.unsubscribe();
    expect(open).toBe(1);
    two.unsubscribe();
    expect(open).toBe(0);
  });

  test('unsubscribing closes content that was opened, at every stage', async () => {
    for (const cut of [1, 20_000, 100_000, 500_000]) {
      const { uploads } = uploading({});
      let open = 0;
      const content = (): Content => {
        open++;
        return { ...bytesContent(pattern(300_000)), close: () => open-- };
      };
      let sent = 0;
      await outcome(
        uploads.upload('a', content).pipe(
          tap((event) => {
            if (event.type === 'progress') sent = event.sent;
          }),
          takeUntil(
            new Observable(
              (subscriber) =>
                void setImmediate(function look() {
                  if (sent >= cut || cut > 300_000) subscriber.next(null);
                  else setImmediate(look);
                }),
            ),
          ),
        ),
      );
      await expect.poll(() => open).toBe(0);
    }
  });
});

test('content that was opened for the comparison is closed when the comparison fails', async () => {
  const server = scripted(() => 'break');
  const uploads = createUploads({
    connect: server.connect,
    backoff: { initial: 1 },
    retries: 2,
    resumeThreshold: 1,
  });
  let open = 0;
  const content = (): Content => {
    open++;
    return { ...bytesContent(pattern(10)), close: () => open-- };
  };
  expect(await outcome(uploads.upload('a', content))).toMatchObject({ code: 'connection' });
  expect(server.connections()).toBe(3);
  expect(open).toBe(0);
});

test('end waits for the running uploads, and destroy fails them', async () => {
  const { uploads, bytesOf } = uploading({});
  const one = outcome(uploads.upload('a', bytesContent(pattern(50_000))));
  uploads.end();
  expect(await one).toMatchObject({ type: 'stored' });
  expect(bytesOf('a')?.length).toBe(50_000);
  const silent = createUploads({ connect: scripted(() => null).connect });
  const two = ['x', 'y'].map((name) => outcome(silent.upload(name, bytesContent(pattern(5)))));
  await Promise.resolve();
  silent.destroy();
  expect(await Promise.all(two)).toMatchObject([{ code: 'connection' }, { code: 'connection' }]);
  expect(await outcome(silent.upload('z', bytesContent(pattern(5))))).toMatchObject({ code: 'connection' });
});
