/** What a bug in an actor, or an odd moment, costs: at most its own connection. */

import { firstValueFrom, Observable, of, Subject, take } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { framed } from '../../src/actor/framed/framed.ts';
import type { Mailbox } from '../../src/actor/mailbox.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { delimited } from '../../src/wire/codecs/delimited.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { served } from '../support/actors/served.ts';
import { ascii } from '../wire/stream.ts';

const codec = lines({ maxLength: 1000 });

/** Resolves when the condition holds: checked in each turn of the event loop. */
const until = (holds: () => boolean): Promise<void> =>
  vi.waitUntil(holds, { interval: 1, timeout: 60_000 }).then(() => {});

const silent = defineActor()({ codec, reduce: (state) => ({ state }) });

type Run = { readonly type: 'run' };

/** Performs an effect for each message. */
const running = (perform: () => Observable<never>) =>
  defineActor<{ effect: Run }>()({
    codec,
    reduce: (state, { type }) => ({ state, effects: type === 'message' ? [{ type: 'run' }] : [] }),
    perform,
  });

describe('the first event', () => {
  test('what comes of an effect of `opened` is reduced after all its effects have begun', async () => {
    const actor = defineActor<{ effect: { readonly type: 'now' }; result: number }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'opened')
          return { state, effects: [{ type: 'now' }, { type: 'send', message: 'hello' }] };
        return { state, effects: event.type === 'result' ? [{ type: 'send', message: 'result' }] : [] };
      },
      perform: () => [1],
    });
    const client = served(actor).connect();
    expect(await client.next()).toBe('hello');
    expect(await client.next()).toBe('result');
    client.destroy();
  });
});

describe('whoever unsubscribes', () => {
  test('within `opened` leaves no connection behind', async () => {
    const [here, there] = memoryPair();
    serveActors({ connections$: of({ type: 'connection', connection: there }), actor: silent })
      .pipe(take(1))
      .subscribe();
    const over = new Promise((resolve) =>
      here.chunks$.subscribe({ error: resolve, complete: () => resolve(null) }),
    );
    expect(await over).toMatchObject({ code: 'reset' });
  });

  test('within an effect has that effect not begun', async () => {
    const begun = new Subject<void>();
    let count = 0;
    begun.subscribe(() => count++);
    const server = served(
      running(() => {
        server.stop();
        return new Observable(() => begun.next());
      }),
    );
    const client = server.connect();
    void client.send('go').catch(() => {});
    await expect(client.next()).rejects.toThrow();
    expect(count).toBe(0);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });

  test('has all credit returned, also when the end of an effect throws', async () => {
    let begun = false;
    const server = served({
      ...running(
        () =>
          new Observable(() => {
            begun = true;
            return () => {
              throw new Error('it cannot end');
            };
          }),
      ),
      heldBytes: () => 100,
    });
    void server
      .connect()
      .send('go')
      .catch(() => {});
    await until(() => begun);
    server.stop();
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });
});

describe('a function that answers what it must not', () => {
  const broken = (message: string) =>
    expect.objectContaining({ type: 'internal-error', thrown: expect.objectContaining({ message }) });
  const oops = (): never => {
    throw new Error('oops');
  };
  const greeting = {
    reduce: (state: null) => ({ state, effects: [{ type: 'send', message: 'hello' }] as never[] }),
  };
  const decoding = (decoder: object) => ({ codec: { ...codec, decoder: { ...codec.decoder, ...decoder } } });
  const number = lengthField({ width: 2, maxLength: 100 });

  test.each<[string, object, string]>([
    [
      'null for an effect',
      { reduce: () => ({ state: null, effects: [null] }) },
      'reduce: an effect must be an object with a type, and is null',
    ],
    [
      'an effect that nobody performs',
      { reduce: () => ({ state: null, effects: [{ type: 'sned', message: 'a' }] }) },
      "reduce: the engine knows no effect of the type 'sned', and the actor has no perform",
    ],
    [
      'no list of effects',
      { reduce: () => ({ state: null, effects: {} }) },
      'reduce: effects must be an array, and is an object',
    ],
    [
      'no bytes of the state',
      { heldBytes: () => undefined },
      'heldBytes must be a number of bytes from 0, and is undefined',
    ],
    ['negative bytes', { heldBytes: () => -1 }, 'heldBytes must be a number of bytes from 0, and is -1'],
    [
      'bytes for a list of bytes',
      { ...greeting, codec: { ...codec, encode: () => new Uint8Array(3) } },
      'encode: the bytes of a message must be an array of Uint8Arrays, and is an Uint8Array',
    ],
    [
      'a time that no timer has',
      { reduce: () => ({ state: null, effects: [{ type: 'setTimer', key: 'k', afterMs: Number.NaN }] }) },
      'setTimer: afterMs must be null or a number of milliseconds from 0 to 2147483647, and is NaN',
    ],
    [
      'a body of no length',
      { reduce: () => ({ state: null, effects: [{ type: 'sendBody', message: 'a', body: () => [] }] }) },
      'sendBody: length must be a whole number from 0 to 9007199254740991, and is undefined',
    ],
    ['an exception for the first state of a decoder', decoding({ initial: oops }), 'oops'],
    ['an exception for what a decoder holds', decoding({ held: oops }), 'oops'],
    [
      'NaN for what a decoder holds',
      decoding({ held: () => Number.NaN }),
      'held must be a number of bytes from 0, and is NaN',
    ],
    [
      'NaN for the cost of a message',
      decoding({
        step: () => ({
          state: 0,
          at: 2,
          decoded: [{ type: 'message', message: '', cost: Number.NaN, position: 0 }],
        }),
      }),
      'the cost of a message must be a number of bytes from 0, and is NaN',
    ],
    [
      'an exception for bytes whose size it has said',
      { ...greeting, codec: { ...number, direct: { sizeOf: () => 100, write: oops } } },
      'oops',
    ],
  ])('%s costs its own connection, and leaves no credit', async (_, parts, message) => {
    const server = served({ ...silent, ...parts } as typeof silent);
    const peer = server.open();
    peer.chunks$.subscribe({ error: () => {} });
    peer.write([Uint8Array.of(0x61, 0x0a)], () => {});
    await until(() => server.types().includes('closed'));
    expect(server.events).toContainEqual(broken(message));
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });
});

describe('a body', () => {
  const frames = lengthField({ width: 1, maxLength: 100 });
  type Body = () => AsyncIterable<Uint8Array>;
  const sending = (body: Body, behind: Uint8Array) =>
    defineActor()({
      codec: frames,
      reduce: (state, { type }) => ({
        state,
        effects:
          type !== 'message'
            ? []
            : [
                { type: 'sendBody', message: new Uint8Array(0), length: 3, body },
                { type: 'send', message: behind },
              ],
      }),
    });

  test('that never goes on is given up when the connection is closed, and what waits behind it', async () => {
    const asked = new Subject<void>();
    let isReturned = false;
    const ended = new Promise<void>((resolve) => {
      const body: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            asked.next();
            return new Promise(() => {});
          },
          return: async () => {
            isReturned = true;
            return { done: true, value: undefined };
          },
        }),
      };
      const server = served(sending(() => body, new Uint8Array(50)));
      const client = server.connect();
      asked.subscribe(() => {
        client.destroy();
        void until(() => server.types().includes('closed') && server.stats().unsettled === 0).then(resolve);
      });
      void client.send(new Uint8Array(0)).catch(() => {});
    });
    await ended;
    expect(isReturned).toBe(true);
  });

  test('may come as any bytes, and what is none is named', async () => {
    const server = served(
      sending(async function* () {
        yield new ArrayBuffer(3) as never;
      }, Uint8Array.of(7)),
    );
    const client = server.connect();
    await client.send(new Uint8Array(0));
    expect(await client.next()).toEqual(new Uint8Array(3));
    expect(await client.next()).toEqual(Uint8Array.of(7));
    client.destroy();

    const wrong = served(
      sending(async function* () {
        yield 'abc' as never;
      }, Uint8Array.of(7)),
    );
    await wrong.connect().send(new Uint8Array(0));
    await until(() => wrong.types().includes('closed'));
    expect(wrong.events).toContainEqual(
      expect.objectContaining({
        type: 'internal-error',
        thrown: expect.objectContaining({
          message: expect.stringContaining('a piece of the body must be bytes'),
        }),
      }),
    );
  });
});

describe('another codec', () => {
  test('has what came behind a message, also when the peer has ended before it is known', async () => {
    const checked = new Subject<number>();
    const seen: string[] = [];
    const actor = defineActor<{ state: 'new' | 'checking' | 'known'; effect: Run; result: number }>()({
      codec,
      initial: () => 'new',
      accepts: (state) => state !== 'checking',
      reduce: (state, event) => {
        if (event.type === 'ended') seen.push('ended');
        if (event.type === 'result')
          return {
            state: 'known',
            effects: [{ type: 'useCodec', codec: delimited(ascii(';'), { maxLength: 9 }) }],
          };
        if (event.type !== 'message') return { state };
        if (state === 'new') return { state: 'checking', effects: [{ type: 'run' }] };
        seen.push(String.fromCharCode(...(event.message as unknown as Uint8Array)));
        return { state };
      },
      perform: () => checked.pipe(take(1)),
    });
    const server = served(actor);
    const peer = server.open();
    peer.chunks$.subscribe();
    peer.write([ascii('me\na;b;')], () => {});
    peer.end();
    await until(() => checked.observed);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    checked.next(1);
    await until(() => server.types().includes('closed'));
    expect(seen).toEqual(['a', 'b', 'ended']);
    expect(server.types()).toEqual(['opened', 'closed']);
    expect(server.stats().unsettled).toBe(0);
  });

  test('cannot begin in a body', async () => {
    const actor = defineActor()({
      codec: lengthField({ width: 1, maxLength: 100, delivery: 'stream' }),
      reduce: (state, { type }) => ({
        state,
        effects: type === 'start' ? [{ type: 'useCodec', codec }] : [],
      }),
    });
    const server = served(actor);
    const peer = server.open();
    peer.chunks$.subscribe({ error: () => {} });
    peer.write([ascii('\x06hello\n')], () => {});
    await until(() => server.types().includes('closed'));
    expect(server.events).toContainEqual(
      expect.objectContaining({
        thrown: expect.objectContaining({ message: expect.stringContaining('useCodec: a body is arriving') }),
      }),
    );
    expect(server.stats().unsettled).toBe(0);
  });
});

describe('the options of a server', () => {
  test('a refusal that throws costs the peer that is turned away, and nobody else', async () => {
    const server = served(silent, { limits: { connections: 1 }, refusal: () => 'no\nline' });
    const client = server.connect();
    server.open();
    expect(server.types()).toEqual(['opened', 'turned-away', 'internal-error']);
    client.end();
    await until(() => server.types().includes('closed'));
    expect(server.stats().connections).toBe(0);
  });

  test.each<[object, string]>([
    [{ grace: Number.POSITIVE_INFINITY }, 'serveActors: limits: grace must be'],
    [{ linger: Number.POSITIVE_INFINITY }, 'serveActors: limits: linger must be'],
    [{ window: { high: 1 } }, 'serveActors: limits.window: low must be'],
    [{ mailbox: { inputs: 1 } }, 'serveActors: limits.mailbox: bytes must be'],
    [
      { mailbox: { inputs: 1, bytes: 1, whenFull: 'drop' } },
      "serveActors: limits.mailbox: whenFull must be 'disconnect'",
    ],
    [
      { mailbox: { inputs: Number.NaN, bytes: 1, whenFull: 'disconnect' } },
      'serveActors: limits.mailbox: inputs must be',
    ],
  ])('the limits %j are no limits', (limits, message) => {
    expect(() => served(silent, { limits })).toThrow(message);
  });
});

test('an input that each actor posts to the next one reaches the last, however many there are', async () => {
  const boxes: Mailbox<number>[] = [];
  let last = 0;
  const actor = defineActor<{ effect: { type: 'join' } | { type: 'post'; to: number }; input: number }>()({
    codec,
    reduce: (state, event) => {
      if (event.type === 'opened') return { state, effects: [{ type: 'join' }] };
      return { state, effects: event.type === 'input' ? [{ type: 'post', to: event.input + 1 }] : [] };
    },
    perform: (effect, { self }) => {
      if (effect.type === 'join') boxes.push(self);
      else {
        last = effect.to;
        void boxes[effect.to]?.post(effect.to);
      }
    },
  });
  const server = served(actor);
  for (let i = 0; i < 2000; i++) server.open();
  await until(() => boxes.length === 2000);
  void boxes[0]!.post(0);
  await until(() => last === 2000);
  expect(server.stats().unsettled).toBe(0);
  server.stop();
});

describe('framed', () => {
  test('a key that cannot be found, or a time that is none, is the error of whoever waits', async () => {
    const [here, there] = memoryPair();
    const keyOf = (message: string) => {
      if (message === 'bad') throw new Error('no key');
      return message;
    };
    const client = framed(here, codec, { keyOf });
    await expect(client.request('a', { timeoutMs: Number.NaN })).rejects.toThrow(
      'request: timeoutMs must be',
    );
    const reply = client.request('b');
    there.write([ascii('bad\n')], () => {});
    await expect(reply).rejects.toThrow('no key');
    await expect(client.next()).rejects.toThrow('no key');
  });

  test('another codec cannot begin in a message', async () => {
    const [here, there] = memoryPair();
    const client = framed(here, codec);
    client.messages$.subscribe({ error: () => {} });
    await new Promise<unknown>((sent) => there.write([ascii('hel')], sent));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(() => client.use(codec)).toThrow('use: part of the next message');
    client.destroy();
  });
});

test('what is sent behind a slow body is bounded, whatever an effect gives meanwhile', async () => {
  const more = new Subject<void>();
  const given = new Subject<number>();
  const frames = lengthField({ width: 4, maxLength: 100_000 });
  const actor = defineActor<{ effect: Run; result: number }>()({
    codec: frames,
    reduce: (state, event) => {
      if (event.type === 'result')
        return { state, effects: [{ type: 'send', message: new Uint8Array(10_000) }] };
      if (event.type !== 'message') return { state };
      const body = async function* () {
        await firstValueFrom(more);
        yield Uint8Array.of(1);
      };
      return {
        state,
        effects: [{ type: 'sendBody', message: new Uint8Array(0), length: 1, body }, { type: 'run' }],
      };
    },
    perform: () => given.pipe(take(100)),
  });
  const server = served(actor, { limits: { window: { high: 50_000, low: 25_000 } } });
  const client = server.connect();
  await client.send(new Uint8Array(0));
  await until(() => given.observed && more.observed);
  for (let i = 0; i < 100; i++) given.next(i);
  expect(server.stats().unsettled).toBeLessThan(100_000);
  more.next();
  expect(await client.next()).toEqual(Uint8Array.of(1));
  for (let i = 0; i < 100; i++) expect(await client.next()).toHaveLength(10_000);
  client.end();
  await until(() => server.types().includes('closed'));
  expect(server.stats().unsettled).toBe(0);
});
