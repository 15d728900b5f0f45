/** `request`: commands of one's own, with bodies in both directions, against a real server that has them. */
import { fc, test as property } from '@fast-check/vitest';
import { firstValueFrom, lastValueFrom, mergeMap, type Observable, toArray } from 'rxjs';
import { match, P } from 'ts-pattern';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { bytesContent } from '../../src/client/content/content.ts';
import { streamContent } from '../../src/client/content/stream-content.ts';
import type { ArrivingAnswer, RequestSettings, WholeAnswer } from '../../src/client/request.ts';
import type { Ack } from '../../src/files/protocol/reply.ts';
import { acknowledge, refuse } from '../../src/files/session/answers.ts';
import { defineCommand } from '../../src/files/session/command.ts';
import { crc32 } from '../../src/store/crc32.ts';
import { cases } from '../support/random/cases.ts';
import { pattern } from '../transport/connection-helpers.ts';
import { played, served } from './served.ts';

/** Answers the body backwards. */
const backwards = defineCommand({
  pattern: { cmd: 'backwards', filesize: P.number },
  touches: {},
  bodyLength: ({ filesize }) => (typeof filesize === 'number' ? filesize : "'filesize' is missing"),
  start: () => ({ state: Buffer.alloc(0) }),
  on: (state: Buffer, event) =>
    match(event)
      .with({ type: 'data' }, ({ bytes }) => ({ state: Buffer.concat([state, bytes]) }))
      .with({ type: 'end' }, () => acknowledge(state, { size: state.length }, state.toReversed()))
      .otherwise(() => ({ state })),
});

/** Answers the CRC-32 of the body. */
const sum = defineCommand({
  pattern: { cmd: 'sum', salt: P.number },
  touches: {},
  bodyLength: ({ filesize }) => (typeof filesize === 'number' ? filesize : "'filesize' is missing"),
  start: ({ salt }) => ({ state: salt }),
  on: (state: number, event) =>
    match(event)
      .with({ type: 'data' }, ({ bytes }) => ({ state: crc32(bytes, state) }))
      .with({ type: 'end' }, () => acknowledge(state, { sum: state }))
      .otherwise(() => ({ state })),
});

/** Answers with a stored file, as `get` does. */
const fetch = defineCommand({
  pattern: { cmd: 'fetch', filename: P.string },
  touches: { filename: 'read' },
  needsFile: true,
  start: ({ filename }) => ({ state: null, effects: [{ type: 'open', name: filename }] }),
  on: (state, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'open', ok: true } }, ({ result }) => ({
        state,
        replies: [
          { type: 'ack' as const, fields: { body: result.value.size } },
          { type: 'file' as const, offset: 0, length: result.value.size },
        ],
        done: true,
      }))
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

/** Answers with fields that no header can have, or that the session adds itself. */
const faulty = (fields: Readonly<Record<string, unknown>>) =>
  defineCommand({
    pattern: { cmd: 'faulty' },
    touches: {},
    start: () => acknowledge(null, fields),
    on: (state) => ({ state }),
  });

const serving = (options?: Parameters<typeof served>[0]) => served(options, [backwards, sum, fetch]);

const fault = (result: Promise<unknown>) =>
  result.then(
    () => null,
    (thrown) => thrown,
  );
const joined = async (pieces: Promise<readonly Uint8Array[]>) => Buffer.concat(await pieces);

async function* chunksOf(bytes: Uint8Array, cut: number) {
  for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
}

const BODIES = {
  bytes: (bytes: Uint8Array) => bytes,
  'an ArrayBuffer': (bytes: Uint8Array) => Uint8Array.from(bytes).buffer,
  'a content': (bytes: Uint8Array) => bytesContent(bytes),
  'a function': (bytes: Uint8Array) => async () => bytesContent(bytes),
  'a stream': (bytes: Uint8Array) => streamContent(chunksOf(bytes, 7000), { size: bytes.length }),
};

describe('a request with bodies', () => {
  property.prop(
    [
      fc.array(
        fc.record({
          size: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 200_000 })),
          body: fc.constantFrom(...(Object.keys(BODIES) as (keyof typeof BODIES)[])),
          answer: fc.constantFrom('bytes' as const, 'stream' as const, 'ack' as const),
        }),
        { maxLength: 8 },
      ),
      fc.integer({ min: 1, max: 5 }),
    ],
    { numRuns: cases(40) },
  )(
    'requests that are pipelined get what the server has made of their bodies, in whatever way these are given and wanted',
    async (requests, window) => {
      const { client } = serving({ window });
      const answers = requests.map(async ({ size, body, answer }, at) => {
        const bytes = pattern(size, at);
        const given = BODIES[body](bytes);
        const header = { cmd: 'backwards' };
        if (answer === 'ack')
          return expect(await lastValueFrom(client.request(header, { body: given }))).toMatchObject({ size });
        const got =
          answer === 'bytes'
            ? (await lastValueFrom(client.request(header, { body: given, answer }))).bytes
            : await joined(
                lastValueFrom(
                  client.request(header, { body: given, answer }).pipe(
                    mergeMap(({ bytes$ }) => bytes$),
                    toArray(),
                  ),
                ),
              );
        expect(Buffer.compare(got, bytes.toReversed())).toBe(0);
      });
      await Promise.all([...answers, lastValueFrom(client.ping(), { defaultValue: null })]);
    },
  );

  test('a request with a body may be answered by an ack alone', async () => {
    const { client } = serving();
    const bytes = pattern(100_000);
    const ack = await lastValueFrom(client.request({ cmd: 'sum', salt: 3 }, { body: bytes }));
    expect(ack).toMatchObject({ ack: 'sum', sum: crc32(bytes, 3) });
    expect(ack).not.toHaveProperty('body');
    const whole = client.request({ cmd: 'sum', salt: 3 }, { body: bytes, answer: 'bytes' });
    expect(await lastValueFrom(whole)).toMatchObject({
      ack: { sum: crc32(bytes, 3) },
      bytes: new Uint8Array(0),
    });
  });

  test('a request may be answered by a file of the store', async () => {
    const { client } = serving();
    const bytes = pattern(700_000);
    await lastValueFrom(client.put('a', bytesContent(bytes)));
    const header = { cmd: 'fetch', filename: 'a' };
    const arriving = await firstValueFrom(client.request(header, { answer: 'stream' }));
    expect(arriving).toMatchObject({ ack: { ack: 'fetch' }, length: 700_000 });
    const whole = lastValueFrom(client.request(header, { answer: 'bytes', maxBytes: 700_000 }));
    expect(Buffer.compare((await whole).bytes, bytes)).toBe(0);
    expect(await fault(lastValueFrom(client.request({ cmd: 'fetch', filename: 'b' })))).toMatchObject({
      error: { code: 'not-found' },
    });
  });

  test('an answer of more than `maxBytes` is an error with both numbers, and the requests behind it are served', async () => {
    const { client } = serving();
    const ask = (size: number, maxBytes?: number) => {
      const bounded = maxBytes === undefined ? {} : { maxBytes };
      return lastValueFrom(
        client.request({ cmd: 'backwards' }, { body: pattern(size), answer: 'bytes', ...bounded }),
      );
    };
    const results = await Promise.all([
      fault(ask(1001, 1000)),
      fault(ask(1000, 1000)),
      fault(ask(1024 * 1024 + 1)),
      fault(ask(1024 * 1024)),
      fault(ask(1, 0)),
    ]);
    expect(results.map((it) => it?.code ?? null)).toEqual([
      'too-large',
      null,
      'too-large',
      null,
      'too-large',
    ]);
    expect(results[0].message).toBe(
      'the answer has a body of 1001 bytes, and maxBytes is 1000: ask for more, or for a stream',
    );
  });

  test('an answer that says more bytes than there is memory for is too large, however many were allowed', async () => {
    const { client, begun, reply } = played();
    const allowed = { answer: 'bytes', maxBytes: Number.MAX_SAFE_INTEGER } as const;
    const asking = fault(lastValueFrom(client.request({ cmd: 'x' }, allowed)));
    await begun(1);
    reply({ ack: 'x', id: 1, body: 2 ** 52 });
    expect(await asking).toMatchObject({
      code: 'too-large',
      message: expect.stringContaining('4503599627370496'),
    });
  });

  test('a server that does not know the command skips the body, and serves the requests behind it', async () => {
    const { client } = served();
    const results = await Promise.all([
      fault(lastValueFrom(client.request({ cmd: 'backwards' }, { body: pattern(50_000), answer: 'bytes' }))),
      fault(lastValueFrom(client.request({ cmd: 'ping' }))),
    ]);
    expect(results[0]).toMatchObject({ code: 'refused', error: { code: 'unknown-command' } });
    expect(results[1]).toBeNull();
  });

  test.each([
    ['are too long for a header', { text: 'x'.repeat(70_000) }],
    ['have no JSON', { number: 1n }],
    ['say the length of another body', { body: 3 }],
    ['name another command', { ack: 'other' }],
    ['have an id of their own', { id: 7 }],
  ])(
    'a command whose answer cannot be sent, since its fields %s, fails its own request and no other',
    async (_, fields) => {
      const { client } = served({}, [faulty(fields)]);
      const results = await Promise.all([
        fault(lastValueFrom(client.request({ cmd: 'faulty' }))),
        fault(lastValueFrom(client.request({ cmd: 'ping' }))),
      ]);
      expect(results[0]).toMatchObject({ code: 'refused', error: { code: 'internal' } });
      expect(results[1]).toBeNull();
    },
  );

  test('the fields of an ack are refused where the session would add them, and that says why', () => {
    for (const name of ['ack', 'id', 'body'])
      expect(() => acknowledge(null, { [name]: 1 })).toThrow(`must not have '${name}': the session adds it`);
    expect(() => acknowledge(null, { id: undefined })).not.toThrow();
  });

  test('a body that cannot be read as promised fails its request, and reaches no command whole', async () => {
    const { client } = serving();
    const short = streamContent(chunksOf(pattern(10), 3), { size: 11 });
    const failed = await fault(lastValueFrom(client.request({ cmd: 'sum', salt: 0 }, { body: short })));
    expect(failed).toMatchObject({ code: 'content', cause: { code: 'shortened' } });
  });

  test('a request that is given up cancels the stream of its body', async () => {
    const { client, begun } = played();
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({
      // It gives nothing more.
      start: (controller) => controller.enqueue(pattern(10)),
      cancel: () => {
        isCancelled = true;
      },
    });
    const asking = client
      .request({ cmd: 'sum' }, { body: streamContent(body, { size: 10_000_000 }) })
      .subscribe();
    await begun(1);
    asking.unsubscribe();
    await expect.poll(() => isCancelled).toBe(true);
  });

  test('a body that arrives for nobody is dropped, and holds up no request behind it', async () => {
    const { client } = serving();
    const header = { cmd: 'backwards' };
    const arriving = await firstValueFrom(
      client.request(header, { body: pattern(3_000_000), answer: 'stream' }),
    );
    expect(arriving.length).toBe(3_000_000);
    // `firstValueFrom` has given the request up.
    expect(await lastValueFrom(client.request({ cmd: 'ping' }))).toMatchObject({ ack: 'ping' });
  });

  test('an answer that breaks off errors both the request and its bytes', async () => {
    const { client, there, begun, reply } = played();
    const ends: unknown[] = [];
    client.request({ cmd: 'x' }, { answer: 'stream' }).subscribe({
      next: ({ bytes$ }) => bytes$.subscribe({ error: (error) => ends.push(error) }),
      error: (error) => ends.push(error),
    });
    const whole = fault(lastValueFrom(client.request({ cmd: 'y' }, { answer: 'bytes' })));
    await begun(2);
    reply({ ack: 'x', id: 1, body: 10 }, pattern(4));
    there.end();
    expect(await whole).toMatchObject({ code: 'connection' });
    expect(ends).toMatchObject([{ code: 'connection' }, { code: 'connection' }]);
  });

  test('what a command says of its progress before it answers is dropped', async () => {
    const slow = defineCommand({
      pattern: { cmd: 'slow' },
      touches: {},
      start: () => ({ state: null, replies: [{ type: 'progress' as const, fields: { half: true } }] }),
      on: (state, event) => (event.type === 'end' ? acknowledge(state, { whole: true }) : { state }),
    });
    const { client } = served({}, [slow]);
    expect(await lastValueFrom(client.request({ cmd: 'slow' }))).toMatchObject({ ack: 'slow', whole: true });
    expect(await lastValueFrom(client.request({ cmd: 'ping' }))).toMatchObject({ ack: 'ping' });
  });

  test('an ack of another command is a fault of the protocol', async () => {
    const { client, begun, reply } = played();
    const asking = fault(lastValueFrom(client.request({ cmd: 'x' }, { answer: 'bytes' })));
    await begun(1);
    reply({ ack: 'y', id: 1 });
    expect(await asking).toMatchObject({
      code: 'protocol',
      message: "the server's answer to 'x' is not an ack of one",
    });
  });

  test('a body is refused where it cannot be sent: a command of Sluice, or a header that says its size', () => {
    const { client } = served();
    const body = pattern(3);
    expect(() => client.request({ cmd: 'put', filename: 'a' }, { body })).toThrow(/client\.put/);
    expect(() => client.request({ cmd: 'stat', filename: 'a' }, { body })).toThrow("'stat' has no body");
    expect(() => client.request({ cmd: 'x', filesize: 3 }, { body })).toThrow(/must not have 'filesize'/);
    expect(() => client.request({ cmd: 'x' }, { answer: 'text' as never })).toThrow(
      /answer must be 'ack' or/,
    );
    expect(() => client.request({ cmd: 'x' }, { body: 'text' as never })).toThrow(TypeError);
    expect(() => client.request({} as never)).toThrow(/cmd must be a string/);
  });

  test('a header that promises a body is refused where there is none: the requests behind it would be taken for it', () => {
    const { client } = served();
    expect(() => client.request({ cmd: 'x', filesize: 3 })).toThrow(/give the bytes as `body`/);
    expect(() => client.request({ cmd: 'put', filename: 'a', filesize: 3 })).toThrow(TypeError);
    expect(() => client.request({ cmd: 'x', filesize: 0 })).not.toThrow();
  });

  test('a field of the header that throws does so where the request is made', () => {
    const { client } = served();
    const header = {
      cmd: 'x',
      get field(): never {
        throw new Error('no field');
      },
    };
    expect(() => client.request(header)).toThrow('no field');
  });

  test('what is emitted has the type of what was asked for', () => {
    const { client } = served();
    const header = { cmd: 'x' };
    expectTypeOf(client.request(header)).toEqualTypeOf<Observable<Ack>>();
    expectTypeOf(client.request(header, { answer: 'bytes' })).toEqualTypeOf<Observable<WholeAnswer>>();
    expectTypeOf(client.request(header, { answer: 'stream' })).toEqualTypeOf<Observable<ArrivingAnswer>>();
    const settings: RequestSettings = {};
    expectTypeOf(client.request(header, settings)).toEqualTypeOf<
      Observable<Ack | WholeAnswer | ArrivingAnswer>
    >();
  });
});
