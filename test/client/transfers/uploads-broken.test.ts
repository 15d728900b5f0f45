import { fc, test as property } from '@fast-check/vitest';
import { finalize, NEVER, type Observable, of, throwError, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ClientFault } from '../../../src/client/client-fault.ts';
import { bytesContent, type Content } from '../../../src/client/content/content.ts';
import type { Retry } from '../../../src/client/pool/pool-options.ts';
import type { Progress, Uploaded, UploadsOptions } from '../../../src/client/transfers/upload.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { openAccess } from '../../../src/files/effects/access.ts';
import { anonymous } from '../../../src/files/protocol/access.ts';
import { type ErrorCode, serviceFault } from '../../../src/files/protocol/errors.ts';
import type { FileStore, Sink } from '../../../src/store/contract.ts';
import { crc32 } from '../../../src/store/crc32.ts';
import { ok } from '../../../src/store/outcome.ts';
import type { ConnectionFault } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { cases } from '../../support/random/cases.ts';
import { pattern } from '../../transport/connection-helpers.ts';
import { connectionFault, type Flaky, type FlakyOptions, flaky } from '../flaky.ts';

/** Bytes from which on content is resumed, in these tests, and between two tellings of what is durable. */
const resumeThreshold = 100_000;
const progress = 50_000;

function world(options: FlakyOptions = {}, given: Partial<UploadsOptions> = {}) {
  const net = flaky(options);
  const uploads = createUploads({
    connect: net.connect,
    ...{ resumeThreshold, progress, backoff: { initial: 0 } },
    ...given,
  });
  const retries: Retry[] = [];
  uploads.retries$.subscribe((retry) => retries.push(retry));
  return { net, uploads, retries };
}

interface Outcome {
  readonly events: (Progress | Uploaded)[];
  readonly fault: ClientFault | null;
}

const outcome = (upload$: Observable<Progress | Uploaded>): Promise<Outcome> =>
  new Promise((resolve) => {
    const events: (Progress | Uploaded)[] = [];
    upload$.subscribe({
      next: (event) => events.push(event),
      error: (fault) => resolve({ events, fault }),
      complete: () => resolve({ events, fault: null }),
    });
  });

const storedIn = (net: Flaky, name: string) => Buffer.from(net.store.contents.get(name)?.bytes ?? 'nothing');
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
const progressOf = ({ events }: Outcome) => events.filter((event) => event.type === 'progress');
const refused = (code: ErrorCode) => ({ code: 'refused', error: { code } });
const requests = (net: Flaky, cmd: string) =>
  net.events.filter((event) => (event.type === 'served' || event.type === 'refused') && event.cmd === cmd)
    .length;

/** A store whose puts are refused, the first so many times. */
const refusing = (code: ErrorCode, times: number) => (store: FileStore) => {
  let left = times;
  const put: FileStore['put'] = (name, options) =>
    left-- > 0 ? { ok: false, error: serviceFault(code) } : store.put(name, options);
  return new Proxy(store, { get: (it, key) => (key === 'put' ? put : it[key as keyof FileStore]) });
};

/** A store in which a put that comes late takes an upload from those that are chosen, and is broken off. */
const takenByLatePuts = (isTaken: (put: number) => boolean, writesBefore = 0) => {
  let puts = 0;
  return (store: FileStore): FileStore => {
    const put: FileStore['put'] = async (name, options) => {
      const taken = isTaken(puts++);
      const sink = await store.put(name, options);
      if (!taken || !sink.ok) return sink;
      let writes = 0;
      const write: Sink['write'] = async (chunks) => {
        if (writes++ < writesBefore) return sink.value.write(chunks);
        const late = await store.put(name, options);
        if (late.ok) await late.value.abort();
        return sink.value.write(chunks);
      };
      return ok({ ...sink.value, write });
    };
    return new Proxy(store, { get: (it, key) => (key === 'put' ? put : it[key as keyof FileStore]) });
  };
};

function expectInOrder({ events, fault }: Outcome, total: number): void {
  expect(fault).toBeNull();
  expect(events.filter(({ type }) => type === 'stored').length).toBe(1);
  expect(events.at(-1)).toMatchObject({ type: 'stored', size: total });
  let before: Progress | null = null;
  for (const event of events) {
    if (event.type !== 'progress') continue;
    expect(event.total).toBe(total);
    expect(event.durable).toBeLessThanOrEqual(event.sent);
    expect(event.sent).toBeLessThanOrEqual(total);
    if (before?.attempt === event.attempt) {
      expect(event.sent).toBeGreaterThanOrEqual(before.sent);
      expect(event.durable).toBeGreaterThanOrEqual(before.durable);
      expect(event.resumedFrom).toBe(before.resumedFrom);
    } else if (before !== null) expect(event.attempt).toBeGreaterThan(before.attempt);
    expect(event.durable).toBeGreaterThanOrEqual(event.resumedFrom);
    before = event;
  }
}

describe('connections that break', () => {
  test('small content is sent again from its beginning', async () => {
    const { net, uploads, retries } = world({ plan: (n) => (n === 0 ? { up: 30_000 } : {}) });
    const bytes = pattern(60_000);
    const it = await outcome(uploads.upload('a', bytesContent(bytes)));
    expectInOrder(it, 60_000);
    expect(it.events.at(-1)).toMatchObject({ attempt: 2, resumedFrom: 0, crc32: crc32(bytes, 0) });
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
    expect(retries).toMatchObject([{ fault: { code: 'connection' }, attempt: 1, retries: 5 }]);
    expect(requests(net, 'resume')).toBe(0);
  });

  test('many small contents are all stored, and only those without an answer are sent again', async () => {
    const { net, uploads } = world({ plan: (n) => (n < 3 ? { up: 200_000 } : {}) });
    const bytes = (i: number) => pattern(4000 + i, i);
    const all = await Promise.all(
      Array.from({ length: 150 }, (_, i) => outcome(uploads.upload(`f${i}`, bytesContent(bytes(i))))),
    );
    all.forEach((it, i) => {
      expectInOrder(it, 4000 + i);
      expect(same(storedIn(net, `f${i}`), bytes(i))).toBe(true);
    });
    expect(net.made.length).toBe(4);
  });

  test('large content goes on where the server says, and only what had not arrived is sent again', async () => {
    const { net, uploads } = world({ plan: (n) => (n < 3 ? { up: 700_000 } : {}) });
    const bytes = pattern(2_000_000);
    const it = await outcome(uploads.upload('a', bytesContent(bytes)));
    expectInOrder(it, 2_000_000);
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
    const last = it.events.at(-1) as Uploaded;
    expect(last.resumedFrom).toBeGreaterThan(1_000_000);
    // What was in a buffer on either side when a connection broke, and headers.
    expect(net.sent()).toBeLessThan(2_000_000 + 3 * 400_000);
    for (const event of progressOf(it)) expect(event.durable).toBeGreaterThanOrEqual(event.resumedFrom);
    expect(net.store.unfinished().count).toBe(0);
  });

  test('bytes that arrived count as progress although the server never reported them, so the retries start over', async () => {
    const { net, uploads } = world({ plan: () => ({ up: 300_000 }) }, { retries: 4, progress: 100_000_000 });
    const bytes = pattern(3_000_000);
    const it = await outcome(uploads.upload('a', bytesContent(bytes)));
    expectInOrder(it, 3_000_000);
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
    expect(net.made.length).toBeGreaterThan(6);
  });

  test('an upload gives up after its further tries without progress, with the last fault', async () => {
    const { net, uploads, retries } = world({ plan: () => ({ up: 20 }) }, { retries: 3 });
    const { fault } = await outcome(uploads.upload('a', bytesContent(pattern(300_000))));
    expect(fault).toMatchObject({ code: 'connection', sent: true });
    expect(net.made.length).toBe(4);
    expect(retries.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    const again = world({ plan: () => ({ refuse: true }) }, { retries: 0 });
    expect(await outcome(again.uploads.upload('a', bytesContent(pattern(3))))).toMatchObject({
      events: [],
      fault: { code: 'connection', cause: connectionFault('refused'), sent: false },
    });
    expect(again.retries).toEqual([]);
  });

  test('new uploads are tried after others have given up', async () => {
    const { net, uploads } = world({ plan: (n) => ({ refuse: n < 2 }) }, { retries: 1 });
    expect((await outcome(uploads.upload('a', bytesContent(pattern(3))))).fault).not.toBeNull();
    expect((await outcome(uploads.upload('a', bytesContent(pattern(3))))).fault).toBeNull();
    expect(storedIn(net, 'a').length).toBe(3);
  });

  test('an upload whose ack was lost is not refused as there already', async () => {
    for (const size of [1000, 400_000]) {
      // The first connection delivers everything and breaks before the ack; what it answers to `resume` arrives.
      const { net, uploads } = world({
        plan: (n) => (n === 0 ? { down: size > resumeThreshold ? 60 : 1 } : {}),
      });
      const settings = { ifAbsent: true };
      const it = await outcome(uploads.upload('a', bytesContent(pattern(size)), settings));
      expect(it.fault).toBeNull();
      expect(it.events.at(-1)).toMatchObject({ type: 'stored', size, crc32: crc32(pattern(size), 0) });
      expect(same(storedIn(net, 'a'), pattern(size))).toBe(true);
      const other = await outcome(uploads.upload('a', bytesContent(pattern(size, 9)), settings));
      expect(other.fault).toMatchObject(refused('exists'));
      uploads.end();
    }
  });

  test('an upload whose own put of a broken connection arrives late and takes it over goes on', async () => {
    const around = takenByLatePuts((put) => put === 1);
    const { net, uploads, retries } = world({ plan: (n) => (n === 0 ? { up: 150_000 } : {}), around });
    const bytes = pattern(400_000);
    const it = await outcome(uploads.upload('a', bytesContent(bytes)));
    expectInOrder(it, 400_000);
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
    expect(retries).toMatchObject([{ fault: { code: 'connection' } }, { fault: refused('upload-taken') }]);
    uploads.end();
  });

  test.each([400_000, 5_000_000])(
    'an upload of %i bytes that is taken over more often than connections broke is left to who has it',
    async (size) => {
      const around = takenByLatePuts((put) => put > 0);
      const { net, uploads } = world({ plan: (n) => (n === 0 ? { up: 150_000 } : {}), around });
      const { fault } = await outcome(uploads.upload('a', bytesContent(pattern(size))));
      expect(fault).toMatchObject(refused('upload-taken'));
      expect(requests(net, 'put')).toBe(3);
      uploads.end();
    },
  );

  test('uploads that make progress, and break their connection for one another as they are taken over, are left to who has them', async () => {
    const around = takenByLatePuts((put) => put > 0, 2);
    const { net, uploads } = world({ plan: (n) => (n === 0 ? { up: 150_000 } : {}), around });
    const bytes = pattern(8_000_000);
    const ends = await Promise.all(
      ['a', 'b'].map((name) => outcome(uploads.upload(name, bytesContent(bytes), { upload: name }))),
    );
    for (const { fault } of ends) expect(fault).toMatchObject(refused('upload-taken'));
    expect(requests(net, 'put')).toBeLessThan(20);
    uploads.end();
  });

  const cut = fc.oneof(
    fc.constant({ refuse: true }),
    fc.record({ up: fc.nat(400_000) }),
    fc.record({ up: fc.nat(300) }),
    fc.record({ down: fc.nat(300) }),
  );
  const upload = fc.record({
    size: fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: 900_000 })),
    verify: fc.boolean(),
    resume: fc.boolean(),
    parallel: fc.integer({ min: 1, max: 3 }),
  });
  property.prop([fc.array(cut, { maxLength: 5 }), fc.array(upload, { minLength: 1, maxLength: 3 })], {
    numRuns: cases(80),
  })(
    'an upload stores the content wherever connections break, and what is told is in order',
    async (cuts, many) => {
      const [{ parallel }] = many as [(typeof many)[0]];
      const { net, uploads } = world({ plan: (n) => cuts[n] }, { retries: 6, parallel });
      await Promise.all(
        many.map(async ({ size, verify, resume }, i) => {
          const bytes = pattern(size, i);
          const settings = { resume, ...(verify ? { verify: 'sha256' as const } : {}) };
          const it = await outcome(uploads.upload(`f${i}`, () => bytesContent(bytes), settings));
          expectInOrder(it, size);
          expect(same(storedIn(net, `f${i}`), bytes)).toBe(true);
        }),
      );
      expect(net.mostOpen()).toBeLessThanOrEqual(parallel);
      uploads.end();
      await expect.poll(net.open).toBe(0);
      expect(net.store.unfinished().count).toBe(0);
      expect(net.store.sinks).toBe(0);
    },
  );
});

describe('a source that changed between two tries', () => {
  /** One content at the first opening, another one later. */
  const changing = (first: Content, then: Content) => {
    // That it is large is found out by opening it as a small one.
    let before = first.size >= resumeThreshold ? 2 : 1;
    return () => (before-- > 0 ? first : then);
  };
  const at = (bytes: Uint8Array, mtime?: number): Content => ({
    ...bytesContent(bytes),
    ...(mtime === undefined ? {} : { mtime }),
  });

  test.each([
    ['by its size', 1_500_000, 1, 1_200_000, 1, {}],
    ['by its time', 1_500_000, 1, 1_500_000, 2, {}],
    ['by its time, under an upload of its own name', 1_500_000, 1, 1_500_000, 2, { upload: 'mine' }],
    ['and has no time', 1_500_000, undefined, 1_500_000, undefined, {}],
    ['and is too small now', 1_500_000, 1, 50_000, 2, {}],
    ['and is verified', 1_500_000, 1, 1_500_000, 2, { upload: 'mine', verify: 'sha256' as const }],
    [
      'and has no time, and is verified',
      1_500_000,
      undefined,
      1_500_000,
      undefined,
      { verify: 'sha256' as const },
    ],
  ])(
    'a source that changed between two tries is sent anew: %s',
    async (_, size, mtime, sizeThen, mtimeThen, settings) => {
      const { net, uploads } = world({ plan: (n) => (n === 0 ? { up: 1_300_000 } : {}) });
      const then = pattern(sizeThen, 7);
      const content = changing(at(pattern(size), mtime), at(then, mtimeThen));
      const it = await outcome(uploads.upload('a', content, settings));
      expect(it.fault).toBeNull();
      expect(it.events.at(-1)).toMatchObject({ attempt: 2, resumedFrom: 0, crc32: crc32(then, 0) });
      expect(same(storedIn(net, 'a'), then)).toBe(true);
      expect(net.store.unfinished().count).toBe(0);
    },
  );

  test('a source that changed with its size and time unchanged is sent from the start', async () => {
    const { net, uploads } = world({ plan: (n) => (n === 0 ? { up: 3_500_000 } : {}) });
    // Other bytes where what was read before would be taken to be known.
    const then = pattern(4_000_000).fill(7, 0, 1000);
    const content = changing({ ...at(pattern(4_000_000), 1), ctime: 1 }, { ...at(then, 1), ctime: 2 });
    const it = await outcome(uploads.upload('a', content));
    expect(it.events.at(-1)).toMatchObject({ attempt: 2, resumedFrom: 0, crc32: crc32(then, 0) });
    expect(same(storedIn(net, 'a'), then)).toBe(true);
  });

  test('a source that became large is resumed from then on', async () => {
    const { net, uploads } = world({ plan: (n) => (n < 2 ? { up: [20_000, 500_000][n]! } : {}) });
    const then = pattern(800_000, 7);
    const it = await outcome(uploads.upload('a', changing(at(pattern(40_000)), at(then, 3))));
    expect(it.events.at(-1)).toMatchObject({ type: 'stored', size: 800_000 });
    expect((it.events.at(-1) as Uploaded).resumedFrom).toBeGreaterThan(100_000);
    expect(same(storedIn(net, 'a'), then)).toBe(true);
  });

  test.each([
    ['other bytes', 300_000],
    ['more than there is', 900_000],
  ])('bytes that the server has under the same name are dropped: %s', async (_, there) => {
    const { net, uploads } = world();
    const sink = await net.store.put('b', { size: 1_000_000, upload: 'mine' });
    if (!sink.ok) throw new Error(sink.error.message);
    await sink.value.write([pattern(there, 3)]);
    await sink.value.abort();
    const bytes = pattern(500_000);
    const it = await outcome(uploads.upload('a', bytesContent(bytes), { upload: 'mine' }));
    expectInOrder(it, 500_000);
    expect(it.events.at(-1)).toMatchObject({ attempt: 1, resumedFrom: 0 });
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
    expect(requests(net, 'cancel')).toBe(1);
  });

  test('an upload that an earlier run has left is resumed', async () => {
    const bytes = pattern(1_000_000);
    const { net, uploads } = world({ plan: (n) => (n === 0 ? { up: 700_000 } : {}) }, { retries: 0 });
    expect((await outcome(uploads.upload('a', at(bytes, 5)))).fault).not.toBeNull();
    await expect.poll(() => net.store.unfinished().bytes).toBeGreaterThan(300_000);
    const later = createUploads({ connect: net.connect, resumeThreshold });
    const it = await outcome(later.upload('a', at(bytes, 5)));
    expectInOrder(it, 1_000_000);
    expect((it.events.at(-1) as Uploaded).resumedFrom).toBeGreaterThan(300_000);
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
    expect(net.sent()).toBeLessThan(1_400_000);
    const other = await outcome(later.upload('a', at(bytes, 5), { resume: false }));
    expect(other.events.at(-1)).toMatchObject({ resumedFrom: 0 });
  });
});

describe('refusals', () => {
  const final: ErrorCode[] = [
    'disk-full',
    'forbidden',
    'upload-taken',
    'quota-exceeded',
    'read-only',
    'not-a-file',
  ];
  test.each(final)('the refusal %s is final: nothing is tried again', async (code) => {
    for (const size of [10, 200_000]) {
      const { net, uploads, retries } = world({ around: refusing(code, 100) });
      const { fault } = await outcome(uploads.upload('a', bytesContent(pattern(size))));
      expect(fault).toMatchObject(refused(code));
      expect(retries).toEqual([]);
      expect(requests(net, 'put')).toBe(1);
    }
  });

  const passing: ErrorCode[] = [
    'shutting-down',
    'busy',
    'io-error',
    'too-many-uploads',
    'too-many-open-files',
    'internal',
  ];
  test.each(passing)(
    'the refusal %s passes: the upload is tried again on the same connection',
    async (code) => {
      for (const size of [10, 200_000]) {
        const { net, uploads, retries } = world({ around: refusing(code, 2) });
        const it = await outcome(uploads.upload('a', bytesContent(pattern(size))));
        expectInOrder(it, size);
        expect(it.events.at(-1)).toMatchObject({ attempt: 3 });
        expect(retries).toMatchObject([
          { fault: refused(code), attempt: 1 },
          { fault: refused(code), attempt: 2 },
        ]);
        expect(net.made.length).toBe(1);
      }
    },
  );

  test('a transient refusal that stays is final, and leaves the other uploads alone', async () => {
    const around = (store: FileStore) => {
      const put: FileStore['put'] = (name, options) =>
        name === 'bad' ? { ok: false, error: serviceFault('io-error') } : store.put(name, options);
      return new Proxy(store, { get: (it, key) => (key === 'put' ? put : it[key as keyof FileStore]) });
    };
    const { uploads, retries } = world({ around }, { retries: 2 });
    const [bad, good] = await Promise.all([
      outcome(uploads.upload('bad', bytesContent(pattern(5)))),
      outcome(uploads.upload('good', bytesContent(pattern(5)))),
    ]);
    expect(bad.fault).toMatchObject(refused('io-error'));
    expect(good.fault).toBeNull();
    expect(retries.length).toBe(2);
  });

  test('content that cannot be read is final, and costs the others nothing', async () => {
    const { net, uploads, retries } = world();
    const broken = (at: number, size: number): Content => ({
      size,
      read: (offset, into) => {
        if (offset >= at) throw new Error('cannot be read');
        return bytesContent(pattern(size)).read(offset, into.subarray(0, at - offset));
      },
    });
    const all = await Promise.all([
      outcome(uploads.upload('unopened', () => Promise.reject(new Error('gone')))),
      outcome(uploads.upload('small', broken(30_000, 60_000))),
      outcome(uploads.upload('large', broken(300_000, 600_000))),
      outcome(uploads.upload('large unopened', { ...broken(0, 600_000) })),
      outcome(uploads.upload('good', bytesContent(pattern(70_000)))),
      outcome(uploads.upload('large good', bytesContent(pattern(700_000)))),
    ]);
    for (const { fault } of all.slice(0, 4)) expect(fault).toMatchObject({ code: 'content' });
    expect(all.slice(4).map(({ fault }) => fault)).toEqual([null, null]);
    expect([...net.store.contents.keys()].sort()).toEqual(['good', 'large good']);
    expect(retries).toEqual([]);
  });

  test('a SHA-256 is sent along: right ones are stored, and what changed after it was computed is not', async () => {
    for (const size of [2000, 300_000]) {
      const { net, uploads } = world();
      const bytes = pattern(size);
      const it = await outcome(uploads.upload('a', bytesContent(bytes), { verify: 'sha256' }));
      expectInOrder(it, size);
      let reads = 0;
      const changing: Content = {
        size,
        read: (offset, into) => {
          if (offset === 0) reads++;
          return bytesContent(pattern(size, reads)).read(offset, into);
        },
      };
      const { fault } = await outcome(uploads.upload('b', changing, { verify: 'sha256' }));
      expect(fault).toMatchObject(refused('sha256-mismatch'));
      expect([...net.store.contents.keys()]).toEqual(['a']);
    }
  });
});

describe('time', () => {
  test('the wait between tries doubles each time, with full jitter, up to its bound', () => {
    const scheduler = new VirtualTimeScheduler();
    const randoms = [0, 0.5, 0.25, 1 - 1e-9, 0.5];
    const made: number[] = [];
    const connect = () => {
      made.push(scheduler.now());
      return throwError(() => connectionFault('reset'));
    };
    const backoff = { initial: 100, maximum: 500 };
    const uploads = createUploads({ connect, backoff, scheduler, random: () => randoms.shift()! });
    const delays: number[] = [];
    uploads.retries$.subscribe(({ delay }) => delays.push(delay));
    let fault: ClientFault | null = null;
    uploads.upload('a', bytesContent(pattern(1))).subscribe({
      error: (it) => {
        fault = it;
      },
    });
    scheduler.flush();
    expect(delays).toEqual([0, 100, 100, 500, 250]);
    expect(made).toEqual([0, 0, 100, 200, 700, 950]);
    expect(fault).toMatchObject({ code: 'connection', cause: { code: 'reset' } });
  });

  /** What is waited for when each connection fails so, and how often one is made. */
  function failing(codes: readonly ConnectionFault['code'][], random: number) {
    const scheduler = new VirtualTimeScheduler();
    const [delays, faults]: [number[], ClientFault[]] = [[], []];
    let made = 0;
    const connect = () => throwError(() => connectionFault(codes[made++] ?? codes.at(-1)!));
    const uploads = createUploads({ connect, scheduler, random: () => random });
    uploads.retries$.subscribe(({ delay }) => delays.push(delay));
    uploads.upload('a', bytesContent(pattern(1))).subscribe({ error: (fault) => faults.push(fault) });
    scheduler.flush();
    return { delays, made, faults };
  }

  test('an unknown host is not tried again, however often others are', () => {
    const { delays, made, faults } = failing(['unknown-host'], 0.5);
    expect({ delays, made }).toEqual({ delays: [], made: 1 });
    expect(faults).toMatchObject([{ code: 'connection', cause: { code: 'unknown-host' } }]);
  });

  property.prop([fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })])(
    'a resolver that is away is given 15 to 31 s in all, and a server where nobody listens 6 to 12 s; each wait is at least half of what it may be',
    (random) => {
      for (const [code, first] of [
        ['no-resolver', 1000],
        ['refused', 400],
      ] as const) {
        const { delays, made } = failing([code], random);
        expect(made).toBe(6);
        for (const [i, delay] of delays.entries()) {
          expect(delay).toBeGreaterThanOrEqual((first * 2 ** i) / 2);
          expect(delay).toBeLessThanOrEqual(first * 2 ** i);
        }
      }
    },
  );

  test('an unknown host that was connected to before is tried again, since its name is lost with the network', async () => {
    const net = flaky({ plan: (n) => (n === 0 ? { up: 30_000 } : {}) });
    let made = 0;
    const connect = () => (made++ === 1 ? throwError(() => connectionFault('unknown-host')) : net.connect());
    const uploads = createUploads({ connect, backoff: { initial: 0 } });
    const it = await outcome(uploads.upload('a', bytesContent(pattern(50_000))));
    expect(it.fault).toBeNull();
    expect(made).toBe(3);
    uploads.end();
  });

  test('an upload given up while it waits is not tried again, and its timer is removed', () => {
    const scheduler = new VirtualTimeScheduler();
    let made = 0;
    const connect = () => {
      made++;
      return throwError(() => connectionFault('refused'));
    };
    const uploads = createUploads({ connect, scheduler, random: () => 0.5 });
    const uploading = uploads.upload('a', bytesContent(pattern(1))).subscribe({ error: () => {} });
    uploading.unsubscribe();
    scheduler.flush();
    expect(made).toBe(1);
  });

  test('a connection that no upload needs any more is abandoned while it is being made', () => {
    let abandoned = 0;
    const connect = () => NEVER.pipe(finalize(() => abandoned++));
    const uploads = createUploads({ connect });
    const uploading = uploads.upload('a', bytesContent(pattern(1))).subscribe();
    expect(abandoned).toBe(0);
    uploading.unsubscribe();
    expect(abandoned).toBe(1);
  });

  test('a peer that never answers is a broken connection', async () => {
    let made = 0;
    const connect = () => {
      made++;
      const [here, there] = memoryPair();
      there.chunks$.subscribe({ error: () => {} });
      return of(here);
    };
    for (const [size, token] of [
      [10, undefined],
      [300_000, undefined],
      [10, 'secret'],
    ] as const) {
      made = 0;
      const uploads = createUploads({
        connect,
        token,
        resumeThreshold,
        timeout: 20,
        retries: 1,
        backoff: { initial: 0 },
      });
      const { fault } = await outcome(uploads.upload('a', bytesContent(pattern(size))));
      expect(fault).toMatchObject({ code: 'connection', cause: { code: 'timeout' } });
      expect(made).toBe(2);
    }
  });
});

describe('who we are', () => {
  const access = {
    ...openAccess,
    initial: () => null,
    byToken: (token: string) => (token === 'right' ? anonymous : null),
  };

  test('the token is sent on every connection before anything else', async () => {
    const { net, uploads } = world(
      { access, plan: (n) => (n < 2 ? { up: 200_000 } : {}) },
      { token: 'right', parallel: 2 },
    );
    const all = await Promise.all(
      [0, 1, 2].map((i) => outcome(uploads.upload(`f${i}`, bytesContent(pattern(400_000, i))))),
    );
    for (const it of all) expectInOrder(it, 400_000);
    expect(net.made.length).toBeGreaterThan(2);
    const first = new Map<string, string>();
    for (const event of net.events) {
      if (event.type === 'served' && !first.has(event.connection)) first.set(event.connection, event.cmd);
    }
    expect(new Set(first.values())).toEqual(new Set(['hello']));
  });

  test('a wrong token fails everything at once', async () => {
    const { net, uploads, retries } = world({ access }, { token: 'wrong', parallel: 3 });
    const all = await Promise.all(
      [10, 10, 300_000, 20].map((size, i) => outcome(uploads.upload(`f${i}`, bytesContent(pattern(size))))),
    );
    for (const { fault } of all) expect(fault).toMatchObject(refused('bad-token'));
    expect(retries).toEqual([]);
    expect(net.made.length).toBeLessThanOrEqual(3);
    expect(net.store.contents.size).toBe(0);
  });

  test('a missing token where one is needed is final', async () => {
    const { uploads, retries } = world({ access });
    const { fault } = await outcome(uploads.upload('a', bytesContent(pattern(5))));
    expect(fault).toMatchObject(refused('not-authenticated'));
    expect(retries).toEqual([]);
  });
});

describe('several connections', () => {
  test('as many connections as allowed are used at once, and no more', async () => {
    const { net, uploads } = world({}, { parallel: 4 });
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const size = i % 6 === 0 ? 200_000 : 5000;
        return outcome(uploads.upload(`f${i}`, () => bytesContent(pattern(size, i))));
      }),
    );
    expect(all.every(({ fault }) => fault === null)).toBe(true);
    expect(net.mostOpen()).toBe(4);
    expect(net.made.length).toBe(4);
    for (const { sent } of net.made) expect(sent).toBeGreaterThan(100_000);
  });

  test('one file takes one connection', async () => {
    const { net, uploads } = world({}, { parallel: 4 });
    await outcome(uploads.upload('a', bytesContent(pattern(300_000))));
    expect(net.made.length).toBe(1);
  });

  test('when one connection gives up the others carry on', async () => {
    const { net, uploads } = world(
      { plan: (n) => (n === 0 || n > 2 ? {} : { refuse: true }) },
      { parallel: 2, retries: 1 },
    );
    const all = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        outcome(uploads.upload(`f${i}`, bytesContent(pattern(300_000, i)))),
      ),
    );
    expect(all.map(({ fault }) => fault)).toEqual(Array(5).fill(null));
    expect(net.store.contents.size).toBe(5);
  });
});

describe('giving up', () => {
  test('an upload given up at any moment sends nothing more, and the others go on', async () => {
    for (const when of [0, 1, 2, 3, 5, 7]) {
      const { net, uploads } = world({}, { parallel: 1 });
      const bytes = pattern(2_000_000);
      const others = Promise.all([
        outcome(uploads.upload('small', bytesContent(pattern(50_000)))),
        outcome(uploads.upload('large', bytesContent(pattern(900_000)))),
      ]);
      let reads = 0;
      let closed = 0;
      let over = false;
      const content: Content = {
        size: bytes.length,
        read: (offset, into) => {
          expect(over).toBe(false);
          if (++reads === when) stop();
          return bytesContent(bytes).read(offset, into);
        },
        close: () => closed++,
      };
      let opened = 0;
      const uploading = uploads
        .upload('given up', () => {
          opened++;
          return content;
        })
        .subscribe();
      const stop = () => {
        uploading.unsubscribe();
        over = true;
      };
      if (when === 0) stop();
      const both = await others;
      await expect.poll(() => over).toBe(true);
      expect(both.map(({ fault }) => fault)).toEqual([null, null]);
      const after = await outcome(uploads.upload('after', bytesContent(pattern(5))));
      expect(after.fault).toBeNull();
      expect([...net.store.contents.keys()].sort()).toEqual(['after', 'large', 'small']);
      expect(closed).toBe(opened);
      uploads.end();
      await expect.poll(net.open).toBe(0);
    }
  });

  test('an upload given up during the comparison leaves its bytes on the server', async () => {
    const { net, uploads } = world();
    const bytes = pattern(3_000_000);
    const sink = await net.store.put('a', { size: bytes.length, upload: 'mine' });
    if (!sink.ok) throw new Error(sink.error.message);
    await sink.value.write([bytes.subarray(0, 2_500_000)]);
    await sink.value.abort();
    let closed = 0;
    const first: Content = {
      ...bytesContent(bytes),
      read: (offset, into) => {
        uploading.unsubscribe();
        return bytesContent(bytes).read(offset, into);
      },
      close: () => closed++,
    };
    const uploading = uploads.upload('a', () => first, { upload: 'mine' }).subscribe();
    await expect.poll(() => closed).toBe(1);
    await outcome(uploads.upload('behind', bytesContent(pattern(1))));
    expect(net.store.unfinished().bytes).toBe(2_500_000);
    const it = await outcome(uploads.upload('a', bytesContent(bytes), { upload: 'mine' }));
    expect(it.events.at(-1)).toMatchObject({ resumedFrom: 2_500_000 });
    expect(same(storedIn(net, 'a'), bytes)).toBe(true);
  });

  test('an upload given up before its content is open makes no request', async () => {
    const { net, uploads } = world();
    let open = (_: Content) => {};
    let closed = 0;
    let asked = () => {};
    const opening = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const uploading = uploads
      .upload('a', () => {
        asked();
        return new Promise<Content>((resolve) => {
          open = resolve;
        });
      })
      .subscribe();
    await opening;
    uploading.unsubscribe();
    open({ ...bytesContent(pattern(200_000)), close: () => closed++ });
    await expect.poll(() => closed).toBe(1);
    expect((await outcome(uploads.upload('b', bytesContent(pattern(1))))).fault).toBeNull();
    expect(requests(net, 'resume') + requests(net, 'cancel')).toBe(0);
    expect([...net.store.contents.keys()]).toEqual(['b']);
  });
});

describe('the end', () => {
  test('the connections end in good order once there is nothing to do', async () => {
    const { net, uploads } = world({}, { parallel: 2 });
    const all = Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        outcome(uploads.upload(`f${i}`, bytesContent(pattern(200_000, i)))),
      ),
    );
    uploads.end();
    expect((await all).every(({ fault }) => fault === null)).toBe(true);
    await expect.poll(() => net.events.filter(({ type }) => type === 'closed').length).toBe(2);
    for (const event of net.events) if (event.type === 'closed') expect(event.fault).toBeNull();
    expect(net.open()).toBe(0);
    // Jobs are still taken.
    expect((await outcome(uploads.upload('late', bytesContent(pattern(1))))).fault).toBeNull();
    await expect.poll(net.open).toBe(0);
  });

  test('destroy fails running, waiting and later uploads, and leaves no connection', async () => {
    const { net, uploads } = world({}, { parallel: 2 });
    const all = Promise.all(
      Array.from({ length: 8 }, (_, i) => {
        const { size, read } = bytesContent(pattern(1_000_000, i));
        const content: Content = {
          size,
          read: (offset, into) => {
            if (offset > 300_000) uploads.destroy();
            return read(offset, into);
          },
        };
        return outcome(uploads.upload(`f${i}`, content));
      }),
    );
    const those = await all;
    const late = await outcome(uploads.upload('late', bytesContent(pattern(1))));
    for (const { fault } of [...those, late]) {
      expect(fault).toMatchObject({ code: 'connection', cause: { code: 'destroyed' } });
    }
    await expect.poll(net.open).toBe(0);
    expect(net.store.contents.size).toBe(0);
  });

  test('a connection that breaks while idle is made again for the next upload, and no retry is reported', async () => {
    const { net, uploads, retries } = world();
    await outcome(uploads.upload('a', bytesContent(pattern(1))));
    net.made[0]!.cut();
    await expect.poll(net.open).toBe(0);
    expect((await outcome(uploads.upload('b', bytesContent(pattern(1))))).fault).toBeNull();
    expect(net.made.length).toBe(2);
    expect(retries).toEqual([]);
  });
});
