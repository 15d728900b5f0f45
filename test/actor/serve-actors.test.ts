import {
  firstValueFrom,
  interval,
  lastValueFrom,
  NEVER,
  type Observable,
  of,
  Subject,
  throwError,
} from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { type ActorEvent, defineActor } from '../../src/actor/actor.ts';
import type { Mailbox } from '../../src/actor/mailbox.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import type { TraceEvent } from '../../src/actor/trace.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import type { Codec } from '../../src/wire/codec.ts';
import { delimited } from '../../src/wire/codecs/delimited.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { served } from '../support/actors/served.ts';
import { ascii, concat } from '../wire/stream.ts';

const codec = lines({ maxLength: 100_000 });

const echo = defineActor()({
  codec,
  reduce: (state, event) => ({
    state,
    effects: event.type === 'message' ? [{ type: 'send', message: event.message }] : [],
  }),
});

/** Resolves when the condition holds: checked in each turn of the event loop. */
const until = (holds: () => boolean): Promise<void> =>
  vi.waitUntil(holds, { interval: 1, timeout: 60_000 }).then(() => {});

/** Each message is broadcast to all connections of the room. */
function room(limits = {}) {
  const members = new Set<Mailbox<string>>();
  type Effect =
    | { readonly type: 'join' }
    | { readonly type: 'leave' }
    | { readonly type: 'say'; readonly text: string };
  const actor = defineActor<{ effect: Effect; input: string }>()({
    codec,
    reduce: (state, event) => {
      if (event.type === 'opened') return { state, effects: [{ type: 'join' }] };
      if (event.type === 'closed') return { state, effects: [{ type: 'leave' }] };
      if (event.type === 'message') return { state, effects: [{ type: 'say', text: event.message }] };
      if (event.type === 'input') return { state, effects: [{ type: 'send', message: event.input }] };
      return { state };
    },
    perform(effect, { self }) {
      if (effect.type === 'join') members.add(self);
      else if (effect.type === 'leave') members.delete(self);
      else for (const each of members) void each.post(effect.text);
    },
  });
  /** Resolves when so many have joined: a connection may have its first turn after another has spoken. */
  const joined = (count: number) => until(() => members.size === count);
  return { members, joined, server: served(actor, { limits }) };
}

describe('an actor', () => {
  test('an actor answers messages in their order', async () => {
    const server = served(echo);
    const client = server.connect();
    const all = Array.from({ length: 1000 }, (_, i) => `line ${i}`);
    for (const line of all) void client.send(line);
    for (const line of all) expect(await client.next()).toBe(line);
    client.end();
    expect(await client.next()).toBeUndefined();
    await until(() => server.types().includes('closed'));
    expect(server.types()).toEqual(['opened', 'closed']);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0, requests: 1000 });
  });

  test('an actor may speak first, and knows its peer', async () => {
    const greeter = defineActor<{ state: string }>()({
      codec,
      initial: (peer) => peer.remote,
      reduce: (state, event) => ({
        state,
        effects:
          event.type === 'opened' ? [{ type: 'send', message: `hello ${state}` }, { type: 'end' }] : [],
      }),
    });
    const client = served(greeter).connect();
    expect(await client.next()).toMatch(/^hello memory:\d+$/);
    expect(await client.next()).toBeUndefined();
  });

  test('an actor has the results of its effects as events, whatever performs them', async () => {
    type Effect = { readonly type: 'run'; readonly how: string };
    const results = defineActor<{ effect: Effect; result: number }>()({
      codec,
      reduce: (state, event) => {
        switch (event.type) {
          case 'message':
            return { state, effects: [{ type: 'run', how: event.message }] };
          case 'result':
            return { state, effects: [{ type: 'send', message: `${event.effect.how} ${event.value}` }] };
          case 'failed':
            return { state, effects: [{ type: 'send', message: `${event.effect.how}: ${event.error}` }] };
          default:
            return { state };
        }
      },
      perform({ how }) {
        if (how === 'promise') return Promise.resolve(1);
        if (how === 'array') return [2, 3];
        if (how === 'observable') return of(4, 5);
        if (how === 'iterable')
          return (async function* () {
            yield 6;
          })();
        if (how === 'throws') throw new Error('thrown');
        if (how === 'rejects') return Promise.reject(new Error('rejected'));
        if (how === 'errors') return throwError(() => new Error('errored'));
        if (how === 'nonsense') return 7 as never;
        return undefined;
      },
    });
    const server = served(results);
    const client = server.connect();
    const asked = async (how: string, replies: number) => {
      void client.send(how);
      const all: (string | undefined)[] = [];
      for (let i = 0; i < replies; i++) all.push(await client.next());
      return all;
    };
    expect(await asked('promise', 1)).toEqual(['promise 1']);
    expect(await asked('array', 2)).toEqual(['array 2', 'array 3']);
    expect(await asked('observable', 2)).toEqual(['observable 4', 'observable 5']);
    expect(await asked('iterable', 1)).toEqual(['iterable 6']);
    expect(await asked('throws', 1)).toEqual(['throws: Error: thrown']);
    expect(await asked('rejects', 1)).toEqual(['rejects: Error: rejected']);
    expect(await asked('errors', 1)).toEqual(['errors: Error: errored']);
    expect((await asked('nonsense', 1))[0]).toMatch(/^nonsense: TypeError/);
    await client.send('nothing');
    await until(() => server.stats().unsettled === 0);
    client.destroy();
  });

  test('a result is reduced before the next message of the peer', async () => {
    const seen: string[] = [];
    const logging = defineActor<{ effect: { readonly type: 'now'; readonly of: string }; result: string }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'result') seen.push(`result ${event.value}`);
        if (event.type !== 'message') return { state };
        seen.push(`message ${event.message}`);
        return { state, effects: [{ type: 'now', of: event.message }] };
      },
      perform: ({ of: text }) => [text],
    });
    const server = served(logging);
    const here = server.open();
    here.write([ascii('a\nb\nc\n')], () => here.end());
    await until(() => seen.length === 6);
    expect(seen).toEqual(['message a', 'result a', 'message b', 'result b', 'message c', 'result c']);
    here.destroy();
  });

  test('an actor that throws costs its own connection only, and the operator is told', async () => {
    const fragile = defineActor()({
      codec,
      reduce: (state, event: ActorEvent<string, never, never, never, never>) => {
        if (event.type === 'message' && event.message === 'bug') throw new Error('a bug');
        return echo.reduce(state, event);
      },
    });
    const server = served(fragile);
    const [one, other] = [server.connect(), server.connect()];
    void one.send('bug');
    await expect(one.next()).rejects.toThrow(/reset/);
    void other.send('fine');
    expect(await other.next()).toBe('fine');
    expect(server.events).toContainEqual(
      expect.objectContaining({ type: 'internal-error', thrown: new Error('a bug') }),
    );
  });

  test('a message that cannot be encoded costs the connection', async () => {
    const server = served(
      defineActor()({
        codec,
        reduce: (state, event) => ({
          state,
          effects: event.type === 'message' ? [{ type: 'send', message: 'two\nlines' }] : [],
        }),
      }),
    );
    const client = server.connect();
    void client.send('go');
    await expect(client.next()).rejects.toThrow();
    expect(server.types()).toContain('internal-error');
  });

  test('a fatal fault of the bytes is an event, and the farewell to it reaches the peer', async () => {
    const strict = defineActor()({
      codec: lines({ maxLength: 5 }),
      reduce: (state, event) => ({
        state,
        effects: event.type === 'fault' ? [{ type: 'send', message: event.fault.code.slice(0, 5) }] : [],
      }),
    });
    const server = served(strict);
    const here = server.open();
    here.write([ascii('far too long for it\nmore\n')], () => {});
    const received: Uint8Array[] = [];
    await here.chunks$.forEach((chunk) => void received.push(chunk));
    expect(new TextDecoder().decode(concat(...received))).toBe('lengt\n');
    here.end();
    await until(() => server.types().includes('closed'));
    expect(server.types()).toEqual(['opened', 'fault', 'closed']);
  });
});

describe('effects that every actor has', () => {
  test('a timer comes once, is set anew by its key, and stopped by null', async () => {
    const clock = defineActor()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'message') {
          return {
            state,
            effects: [
              { type: 'setTimer', key: 'stopped', afterMs: 1 },
              { type: 'setTimer', key: 'anew', afterMs: 0 },
              { type: 'setTimer', key: 'anew', afterMs: 20 },
              { type: 'setTimer', key: 'first', afterMs: 2 },
              { type: 'setTimer', key: 'stopped', afterMs: null },
            ],
          };
        }
        if (event.type !== 'timer') return { state };
        const { key } = event;
        const last = key === 'anew' ? [{ type: 'setTimer', key: 'last', afterMs: 25 } as const] : [];
        return { state, effects: [{ type: 'send', message: key }, ...last] };
      },
    });
    const server = served(clock);
    const client = server.connect();
    void client.send('go');
    const keys = [];
    while (keys.at(-1) !== 'last') keys.push(await client.next());
    // A late event loop may run the longer one first, beside others of its length.
    expect(keys.sort()).toEqual(['anew', 'first', 'last']);
    client.end();
    expect(await client.next()).toBeUndefined();
  });

  test('a codec is changed behind any message, however the bytes were cut', async () => {
    const frames = lengthField({ width: 1, maxLength: 255 });
    type Message = string | Uint8Array;
    const text = (message: Message): string =>
      typeof message === 'string' ? message : new TextDecoder().decode(message);
    const upgrading = defineActor<{ state: 'lines' | 'frames' }>()({
      codec: lines({ maxLength: 100 }) as unknown as Codec<Message>,
      initial: () => 'lines',
      reduce: (state, event) => {
        if (event.type !== 'message') return { state };
        const reply = {
          type: 'send',
          message: state === 'lines' ? `line ${text(event.message)}` : ascii(`frame ${text(event.message)}`),
        } as const;
        if (text(event.message) !== 'upgrade') return { state, effects: [reply] };
        return { state: 'frames', effects: [reply, { type: 'useCodec', codec: frames }] };
      },
    });
    const stream = concat(
      ascii('a\nupgrade\n'),
      Uint8Array.of(1),
      ascii('b'),
      Uint8Array.of(2),
      ascii('c\n'),
    );
    const expected = concat(
      ascii('line a\nline upgrade\n'),
      Uint8Array.of(7),
      ascii('frame b'),
      Uint8Array.of(8),
      ascii('frame c\n'),
    );
    for (let cut = 0; cut <= stream.length; cut++) {
      const server = served(upgrading);
      const here = server.open();
      here.write([stream.slice(0, cut)], () => here.write([stream.slice(cut)], () => here.end()));
      const received: Uint8Array[] = [];
      await here.chunks$.forEach((chunk) => void received.push(chunk));
      expect(concat(...received), `cut at ${cut}`).toEqual(expected);
      await until(() => server.types().includes('closed'));
      expect(server.stats().unsettled).toBe(0);
    }
  });

  test('a body is sent a piece at a time, and what is sent after it comes behind it', async () => {
    const pieces = [ascii('ab'), ascii('c'), new Uint8Array(0), ascii('def')];
    let asked = 0;
    const bodies = defineActor()({
      codec: lengthField({ width: 1, maxLength: 255 }),
      reduce: (state, event) => ({
        state,
        effects:
          event.type === 'message'
            ? [
                {
                  type: 'sendBody',
                  message: new Uint8Array(0),
                  length: 6,
                  body: async function* () {
                    for (const piece of pieces) {
                      asked++;
                      yield piece;
                    }
                  },
                },
                { type: 'send', message: ascii('behind') },
              ]
            : [],
      }),
    });
    const client = served(bodies).connect();
    void client.send(ascii('go'));
    expect(await client.next()).toEqual(ascii('abcdef'));
    expect(await client.next()).toEqual(ascii('behind'));
    expect(asked).toBe(pieces.length);
  });

  test.each([
    ['shorter', 'ab'],
    ['longer', 'abcd'],
  ])('a body that is %s than its length breaks the connection', async (_, given) => {
    const server = served(
      defineActor()({
        codec: lengthField({ width: 1, maxLength: 255 }),
        reduce: (state, event) => ({
          state,
          effects:
            event.type === 'message'
              ? [
                  {
                    type: 'sendBody',
                    message: new Uint8Array(0),
                    length: 3,
                    body: async function* () {
                      yield ascii(given);
                    },
                  },
                ]
              : [],
        }),
      }),
    );
    const client = server.connect();
    void client.send(ascii('go'));
    await expect(client.next()).rejects.toThrow();
    expect(server.types()).toContain('internal-error');
  });
});

describe('what others send', () => {
  test('a broadcast reaches everybody in the order in which it was sent', async () => {
    const { server, joined } = room();
    const clients = Array.from({ length: 20 }, () => server.connect());
    await joined(20);
    for (let i = 0; i < 50; i++) void clients[0]!.send(`line ${i}`);
    for (const client of clients) for (let i = 0; i < 50; i++) expect(await client.next()).toBe(`line ${i}`);
  });

  test('one who does not read is disconnected when its mailbox is full, and the others miss nothing', async () => {
    const window = { high: 64 * 1024, low: 32 * 1024 };
    const mailbox = { inputs: 10, bytes: 1e9, whenFull: 'disconnect' };
    const { server, members, joined } = room({ window, mailbox });
    const deaf = server.open();
    const [speaker, listener] = [server.connect(), server.connect()];
    await joined(3);
    let most = 0;
    for (let i = 0; i < 60; i++) {
      await speaker.send(`${i} ${'x'.repeat(10_000)}`);
      expect(await listener.next()).toMatch(new RegExp(`^${i} `));
      expect(await speaker.next()).toMatch(new RegExp(`^${i} `));
      most = Math.max(most, server.stats().unsettled);
    }
    await until(() => server.types().includes('overflow'));
    expect(members.size).toBe(2);
    expect(most).toBeLessThan(200_000);
    deaf.destroy();
  });

  test('one who does not read loses the oldest when its mailbox drops them', async () => {
    const window = { high: 64 * 1024, low: 32 * 1024 };
    const mailbox = { inputs: 10, bytes: 1e9, whenFull: 'dropOldest' };
    const { server, joined } = room({ window, mailbox });
    const slow = server.connect();
    const speaker = server.connect();
    await joined(2);
    for (let i = 0; i < 60; i++) {
      await speaker.send(`${i} ${'x'.repeat(10_000)}`);
      expect(await speaker.next()).toMatch(new RegExp(`^${i} `));
    }
    const numbers: number[] = [];
    do numbers.push(Number.parseInt((await slow.next())!, 10));
    while (numbers.at(-1) !== 59);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.length).toBeLessThan(60);
    expect(numbers.slice(-10)).toEqual(Array.from({ length: 10 }, (_, i) => 50 + i));
    expect(server.types()).not.toContain('overflow');
  });

  test('a mailbox is full by its bytes, too', async () => {
    const window = { high: 64 * 1024, low: 32 * 1024 };
    const mailbox = { inputs: 1e9, bytes: 200_000, whenFull: 'disconnect' };
    const { server, joined } = room({ window, mailbox });
    const deaf = server.open();
    const speaker = server.connect();
    await joined(2);
    for (let i = 0; i < 60; i++) {
      await speaker.send('x'.repeat(10_000));
      await speaker.next();
    }
    await until(() => server.types().includes('overflow'));
    deaf.destroy();
  });

  test('a connection that is closed takes nothing more, though an effect of it is under way', async () => {
    let mailbox!: Mailbox<string>;
    let finish!: () => void;
    const busy = defineActor<{ effect: { readonly type: 'wait' }; input: string }>()({
      codec,
      reduce: (state, event) => ({ state, effects: event.type === 'opened' ? [{ type: 'wait' }] : [] }),
      perform: (_, { self }) => {
        mailbox = self;
        return new Promise<never>((resolve) => {
          finish = resolve as () => void;
        });
      },
    });
    const server = served(busy);
    const client = server.connect();
    await until(() => mailbox !== undefined);
    client.destroy();
    await until(() => server.stats().connections === 1);
    await vi.waitUntil(async () => (await mailbox.post('late')) === 'closed', {
      interval: 1,
      timeout: 60_000,
    });
    expect(server.types()).toEqual(['opened']);
    finish();
    await until(() => server.types().includes('closed'));
  });

  test('what is posted to a connection that is closed says so', async () => {
    const { server, members } = room();
    const client = server.connect();
    await until(() => members.size === 1);
    const [mailbox] = members;
    client.destroy();
    await until(() => members.size === 0);
    expect(await mailbox!.post('late')).toBe('closed');
  });
});

describe('bounds', () => {
  test('a slow effect pauses its own peer, and holds no more than the window', async () => {
    let release!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = 0;
    const slow = defineActor<{ effect: { readonly type: 'save' } }>()({
      codec: lengthField({ width: 4, maxLength: 100_000 }),
      reduce: (state, event) => ({ state, effects: event.type === 'message' ? [{ type: 'save' }] : [] }),
      perform: () => {
        begun++;
        return released as Promise<never>;
      },
    });
    const server = served(slow, { limits: { window: { high: 256 * 1024, low: 128 * 1024 } } });
    const client = server.connect();
    let sent = 0;
    const total = 200;
    for (let i = 0; i < total; i++) void client.send(new Uint8Array(10_000)).then(() => sent++);
    await until(() => server.stats().unsettled > 256 * 1024);
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    expect(server.stats().unsettled).toBeLessThan(256 * 1024 + 64 * 11_000);
    expect(begun).toBeLessThan(100);
    expect(sent).toBeLessThan(120);
    release();
    await until(() => sent === total && begun === total);
    client.end();
    await until(() => server.types().includes('closed'));
    expect(server.stats().unsettled).toBe(0);
  });

  test('a short message that an effect keeps counts with the memory that it shares, once for all of them', async () => {
    const releases: (() => void)[] = [];
    const frames = lengthField({ width: 4, maxLength: 1000 });
    const keeping = defineActor<{ effect: { readonly type: 'keep' } }>()({
      codec: frames,
      reduce: (state, event) => ({
        state,
        effects: event.type === 'message' && event.message[0] === 1 ? [{ type: 'keep' }] : [],
      }),
      perform: () => new Promise<never>((resolve) => releases.push(resolve as () => void)),
    });
    const server = served(keeping);
    const here = server.open();
    // Two of twenty are kept.
    const chunk = Array.from({ length: 20 }, (_, i) =>
      concat(...frames.encode(new Uint8Array(100).fill(i % 10 === 5 ? 1 : 0))),
    );
    here.write([concat(...chunk)], () => {});
    await until(() => releases.length === 2);
    const [all, each] = [20 * 104, 256 + 100];
    expect(server.stats().unsettled).toBe(all + 2 * each);
    releases[0]!();
    await until(() => server.stats().unsettled < all + 2 * each);
    expect(server.stats().unsettled).toBe(all + each);
    releases[1]!();
    await until(() => server.stats().unsettled === 0);
    here.destroy();
  });

  test('effects that give more than the peer reads do not fill the memory', async () => {
    const gushing = defineActor<{ effect: { readonly type: 'gush' }; result: number }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'message') return { state, effects: [{ type: 'gush' }] };
        return {
          state,
          effects: event.type === 'result' ? [{ type: 'send', message: 'x'.repeat(10_000) }] : [],
        };
      },
      perform: () => Array.from({ length: 1000 }, (_, i) => i),
    });
    const server = served(gushing, { limits: { window: { high: 256 * 1024, low: 128 * 1024 } } });
    const client = server.connect();
    await client.send('go');
    await until(() => server.stats().unsettled > 256 * 1024);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    // With what the results themselves take up.
    expect(server.stats().unsettled).toBeLessThan(400 * 1024);
    for (let i = 0; i < 1000; i++) expect(await client.next()).toHaveLength(10_000);
    client.end();
    expect(await client.next()).toBeUndefined();
  });

  test('an async iterable is asked for its next value when the one before it is reduced', async () => {
    let taken = 0;
    const reading = defineActor<{ effect: { readonly type: 'read' }; result: Uint8Array }>()({
      codec: lengthField({ width: 4, maxLength: 100_000 }),
      reduce: (state, event) => {
        if (event.type === 'message') return { state, effects: [{ type: 'read' }] };
        return { state, effects: event.type === 'result' ? [{ type: 'send', message: event.value }] : [] };
      },
      perform: async function* () {
        for (; taken < 200; taken++) yield new Uint8Array(50_000);
      },
    });
    const server = served(reading, { limits: { window: { high: 256 * 1024, low: 128 * 1024 } } });
    const client = server.connect();
    await client.send(new Uint8Array(0));
    await until(() => server.stats().unsettled > 256 * 1024);
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    expect(taken).toBeLessThan(20);
    for (let i = 0; i < 200; i++) expect(await client.next()).toHaveLength(50_000);
    client.end();
    expect(await client.next()).toBeUndefined();
  });

  test('a peer that does not read what an effect goes on giving is disconnected', async () => {
    const values = new Subject<string>();
    const watching = defineActor<{ effect: { readonly type: 'watch' }; result: string }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'message') return { state, effects: [{ type: 'watch' }] };
        return { state, effects: event.type === 'result' ? [{ type: 'send', message: event.value }] : [] };
      },
      perform: () => values,
    });
    const server = served(watching, { limits: { window: { high: 256 * 1024, low: 128 * 1024 } } });
    const deaf = server.open();
    deaf.write([ascii('go\n')], () => {});
    await until(() => values.observed);
    let most = 0;
    for (let i = 0; i < 2000 && values.observed; i++) {
      values.next('x'.repeat(10_000));
      most = Math.max(most, server.stats().unsettled);
    }
    await until(() => server.types().includes('overflow'));
    expect(most).toBeLessThan(6 * 1024 * 1024);
    deaf.destroy();
  });

  test('readers that keep up are not disconnected because others say much in one turn', async () => {
    const { server, joined } = room({ mailbox: { inputs: 100, bytes: 1e6, whenFull: 'disconnect' } });
    const clients = Array.from({ length: 10 }, () => server.connect());
    await joined(10);
    const count = 300;
    for (let i = 0; i < count; i++) void clients[0]!.send('x');
    for (const client of clients) for (let i = 0; i < count; i++) expect(await client.next()).toBe('x');
    expect(server.types()).not.toContain('overflow');
    for (const client of clients) client.destroy();
  });

  /** Room for this many long messages at a time. */
  const roomsFor = (count: number) => {
    const size = 100_000;
    const long = lengthField({ width: 4, maxLength: size });
    const high = 2 * count * long.heldMax;
    const message = concat(...long.encode(new Uint8Array(size)));
    return { size, long, message, limits: { budget: { high, low: high / 2 } } };
  };

  test('long messages wait for room while others are arriving, and all arrive', async () => {
    const { size, long, message, limits } = roomsFor(2);
    let whole = 0;
    const sink = defineActor()({
      codec: long,
      reduce: (state, event) => {
        if (event.type === 'message') whole++;
        return { state };
      },
    });
    const server = served(sink, { limits });
    const peers = Array.from({ length: 10 }, () => server.open({ highWaterMark: 0 }));
    const waiting = new Set(peers);
    for (const peer of peers) {
      const send = (at: number): void => {
        if (at < size - 1000) peer.write([message.slice(at, at + 1000)], () => send(at + 1000));
        else waiting.delete(peer);
      };
      send(0);
    }
    await until(() => waiting.size === 8);
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    // Two have room; the others are held up after the first few thousand bytes.
    expect(waiting.size).toBe(8);
    expect(server.stats().received).toBeLessThan(2 * size + 8 * 8000);
    for (const peer of peers) peer.write([message.slice(size - 1000)], () => {});
    await until(() => whole >= 2);
    for (const peer of peers) peer.destroy();
    await until(() => server.stats().connections === 0);
    expect(server.stats().unsettled).toBe(0);
  });

  test('a peer that has room is read until its message is whole, whatever else it holds', async () => {
    const { size, long, message, limits } = roomsFor(1);
    const mailboxes: Mailbox<Uint8Array>[] = [];
    let whole = 0;
    const mixed = defineActor<{ effect: { readonly type: 'join' }; input: Uint8Array }>()({
      codec: long,
      reduce: (state, event) => {
        if (event.type === 'opened') return { state, effects: [{ type: 'join' }] };
        if (event.type === 'message') whole++;
        return { state, effects: event.type === 'input' ? [{ type: 'send', message: event.input }] : [] };
      },
      perform: (_, { self }) => void mailboxes.push(self),
    });
    const server = served(mixed, { limits: { ...limits, window: { high: 40_000, low: 20_000 } } });
    const [first, second] = [server.open(), server.open()];
    first.write([message.slice(0, size / 2)], () => {});
    await until(() => server.stats().received === size / 2);
    // It does not read, so that what it is sent uses up its credit.
    for (let i = 0; i < 10; i++) void mailboxes[0]!.post(new Uint8Array(30_000));
    await until(() => server.stats().unsettled > 40_000);
    second.write([message.slice(0, size / 2)], () => {});
    second.write([message.slice(size / 2)], () => {});
    first.write([message.slice(size / 2)], () => {});
    // The second's, which has the room that the first gives back. The first's is reduced once its peer reads.
    await until(() => whole === 1);
    first.chunks$.subscribe({ error: () => {} });
    await until(() => whole === 2);
    first.destroy();
    second.destroy();
  });

  test('an actor that does not accept leaves the bytes with the peer', async () => {
    const answers = new Subject<string>();
    const oneByOne = defineActor<{ state: boolean; effect: { readonly type: 'ask' }; result: string }>()({
      codec,
      initial: () => false,
      accepts: (isBusy) => !isBusy,
      reduce: (isBusy, event) => {
        if (event.type === 'message') return { state: true, effects: [{ type: 'ask' }] };
        if (event.type === 'result')
          return { state: false, effects: [{ type: 'send', message: event.value }] };
        return { state: isBusy };
      },
      perform: () => firstValueFrom(answers),
    });
    const server = served(oneByOne);
    const client = server.connect();
    for (let i = 0; i < 3; i++) void client.send(`${i}`);
    for (let i = 0; i < 3; i++) {
      await until(() => answers.observed);
      expect(server.stats().requests).toBe(i + 1);
      answers.next(`answer ${i}`);
      expect(await client.next()).toBe(`answer ${i}`);
    }
    client.destroy();
  });

  test('a state that keeps more than the window costs the connection', async () => {
    const hoarder = defineActor<{ state: number }>()({
      codec,
      initial: () => 0,
      heldBytes: (held) => held,
      reduce: (held, event) => ({ state: event.type === 'message' ? held + 100_000 : held }),
    });
    const server = served(hoarder, { limits: { window: { high: 250_000, low: 100_000 } } });
    const client = server.connect();
    for (let i = 0; i < 3; i++) void client.send('x').catch(() => {});
    await expect(client.next()).rejects.toThrow();
    await until(() => server.types().includes('closed'));
    expect(server.types()).toEqual(['opened', 'internal-error', 'closed']);
    expect(server.stats().unsettled).toBe(0);
  });

  test('connections beyond the limit are turned away, with a word where there is one', async () => {
    const server = served(echo, { limits: { connections: 1 }, refusal: (why) => `full: ${why}` });
    const first = server.connect();
    const second = server.connect();
    expect(await second.next()).toBe('full: 1 are open');
    second.end();
    void first.send('still here');
    expect(await first.next()).toBe('still here');
    expect(server.types()).toEqual(['opened', 'turned-away']);
  });
});

describe('the end', () => {
  test('at a shutdown every actor may say goodbye, and those that stay are cut after the grace time', async () => {
    const polite = defineActor()({
      codec,
      reduce: (state, event) => ({
        state,
        effects: event.type === 'shutdown' ? [{ type: 'send', message: 'bye' }, { type: 'end' }] : [],
      }),
    });
    const server = served(polite);
    const client = server.connect();
    await until(() => server.types().includes('opened'));
    server.shutDown();
    expect(await client.next()).toBe('bye');
    expect(await client.next()).toBeUndefined();
    client.end();
    await until(() => server.types().includes('closed'));
    expect(server.types()).toEqual(['opened', 'closed']);

    const stubborn = served(echo, { limits: { grace: 1 } });
    const other = stubborn.connect();
    await until(() => stubborn.types().includes('opened'));
    stubborn.shutDown();
    await expect(other.next()).rejects.toThrow(/reset/);
    await until(() => stubborn.types().includes('closed'));
    expect(stubborn.types()).toEqual(['opened', 'cut', 'closed']);
  });

  test.each<[string, (failed$: Subject<void>) => Observable<void>]>([
    ['an error of shutdown$', (failed$) => failed$],
    ['an error of shutdown$ from the start', () => throwError(() => new Error('no signals'))],
  ])('%s is an internal error, and the server shuts down', async (_, shutdownOf) => {
    const connections$ = new Subject<ListenEvent>();
    const failed$ = new Subject<void>();
    const types: string[] = [];
    const thrown: unknown[] = [];
    const polite = defineActor()({
      codec,
      reduce: (state, { type }) => ({ state, effects: type === 'shutdown' ? [{ type: 'end' }] : [] }),
    });
    let isComplete = false;
    serveActors({ connections$, actor: polite, shutdown$: shutdownOf(failed$) }).subscribe({
      next: (event) => {
        types.push(event.type);
        if (event.type === 'internal-error') thrown.push((event.thrown as Error).message);
      },
      complete: () => {
        isComplete = true;
      },
    });
    const isOpen = connections$.observed;
    if (isOpen) {
      const [here, there] = memoryPair();
      connections$.next({ type: 'connection', connection: there });
      failed$.error(new Error('no signals'));
      here.chunks$.subscribe({ complete: here.end });
    }
    await until(() => isComplete);
    expect(types).toEqual(isOpen ? ['opened', 'internal-error', 'closed'] : ['internal-error']);
    expect(thrown).toEqual(['no signals']);
    expect(connections$.observed).toBe(false);
  });

  test('results still come after the connection is closed, and effects are told by their signal', async () => {
    const seen: string[] = [];
    let finish!: (value: string) => void;
    let signal!: AbortSignal;
    const late = defineActor<{ effect: { readonly type: 'save' }; result: string }>()({
      codec,
      reduce: (state, event) => {
        seen.push(event.type === 'result' ? event.value : event.type);
        return { state, effects: event.type === 'message' ? [{ type: 'save' }] : [] };
      },
      perform: (_, context) => {
        ({ signal } = context);
        return new Promise<string>((resolve) => {
          finish = resolve;
        });
      },
    });
    const server = served(late);
    const client = server.connect();
    await client.send('x');
    await until(() => seen.includes('message'));
    client.destroy();
    await until(() => seen.includes('closed'));
    expect(signal.aborted).toBe(true);
    expect(server.types()).toEqual(['opened']);
    finish('saved');
    await until(() => server.types().includes('closed'));
    expect(seen).toEqual(['opened', 'message', 'unreachable', 'closed', 'saved']);
    expect(server.stats().unsettled).toBe(0);
  });

  test('a timer that is set still comes after the peer has ended its side', async () => {
    const late = defineActor()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'ended') return { state, effects: [{ type: 'setTimer', key: 'bye', afterMs: 5 }] };
        return { state, effects: event.type === 'timer' ? [{ type: 'send', message: event.key }] : [] };
      },
    });
    const client = served(late).connect();
    client.end();
    expect(await client.next()).toBe('bye');
    expect(await client.next()).toBeUndefined();
  });

  test('a peer that has ended its side has all answers before ours ends', async () => {
    const slow = defineActor<{ effect: { readonly type: 'wait' }; result: string }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'message') return { state, effects: [{ type: 'wait' }] };
        return { state, effects: event.type === 'result' ? [{ type: 'send', message: event.value }] : [] };
      },
      perform: () => lastValueFrom(of('done')),
    });
    const client = served(slow).connect();
    for (let i = 0; i < 3; i++) void client.send('go');
    client.end();
    expect([await client.next(), await client.next(), await client.next()]).toEqual(['done', 'done', 'done']);
    expect(await client.next()).toBeUndefined();
  });

  test('whoever unsubscribes stops the server at once', async () => {
    const server = served(echo);
    const client = server.connect();
    void client.send('x');
    expect(await client.next()).toBe('x');
    server.stop();
    await expect(client.next()).rejects.toThrow();
    expect(server.stats().unsettled).toBe(0);
  });
});

test('what was sent before the end arrives whole, however slowly the peer reads it', async () => {
  const size = 100_000;
  const count = 30;
  const generous = defineActor()({
    codec: lengthField({ width: 4, maxLength: size }),
    reduce: (state, event) => ({
      state,
      effects:
        event.type === 'message'
          ? [
              ...Array.from(
                { length: count },
                () => ({ type: 'send', message: new Uint8Array(size) }) as const,
              ),
              { type: 'end' },
            ]
          : [],
    }),
  });
  // The peer takes far longer than `linger`, which begins only when our side is ended.
  const client = served(generous, { limits: { linger: 1 } }).connect();
  await client.send(new Uint8Array(0));
  for (let i = 0; i < count; i++) {
    expect(await client.next()).toHaveLength(size);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(await client.next()).toBeUndefined();
});

test('a window that is smaller than any message only slows the connection down', async () => {
  const client = served(echo, { limits: { window: { high: 0, low: 0 } } }).connect();
  const all = Array.from({ length: 50 }, (_, i) => `${i} ${'x'.repeat(3000)}`);
  for (const line of all) void client.send(line);
  for (const line of all) expect(await client.next()).toBe(line);
  client.end();
  expect(await client.next()).toBeUndefined();
});

describe('timeouts', () => {
  test('a peer that is silent has a farewell, and is gone', async () => {
    const strict = defineActor()({
      codec,
      reduce: (state, event) => ({
        state,
        effects: event.type === 'timeout' ? [{ type: 'send', message: event.kind }] : [],
      }),
    });
    const timeouts = { firstBytes: 20, header: 20, body: 20, bodyBytes: 1, idle: 20, unread: 20_000 };
    const server = served(strict, { limits: { timeouts } });
    const silent = server.connect();
    expect(await silent.next()).toBe('firstBytes');
    expect(await silent.next()).toBeUndefined();
    const half = server.open();
    half.write([ascii('half a li')], () => {});
    expect(new TextDecoder().decode(await firstValueFrom(half.chunks$))).toBe('header\n');
    half.destroy();
  });

  test('a protocol in which the server alone speaks has no timeouts for silence', async () => {
    const ticker = defineActor<{ effect: { readonly type: 'tick' }; result: number }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'opened') return { state, effects: [{ type: 'tick' }] };
        return {
          state,
          effects: event.type === 'result' ? [{ type: 'send', message: `${event.value}` }] : [],
        };
      },
      perform: () => interval(5),
    });
    const none = Number.POSITIVE_INFINITY;
    const timeouts = { firstBytes: none, header: none, body: none, bodyBytes: 1, idle: none, unread: none };
    const client = served(ticker, { limits: { timeouts } }).connect();
    for (let i = 0; i < 20; i++) expect(await client.next()).toBe(`${i}`);
    client.destroy();
  });
});

test('a trace has every event with its effects, and every pause', async () => {
  const traced: TraceEvent[] = [];
  const waiting = defineActor<{ state: boolean; effect: { readonly type: 'never' } }>()({
    codec: delimited(Uint8Array.of(0), { maxLength: 10 }),
    initial: () => false,
    accepts: (isBusy) => !isBusy,
    reduce: (isBusy, event) =>
      event.type === 'message' ? { state: true, effects: [{ type: 'never' }] } : { state: isBusy },
    perform: () => NEVER,
  });
  const server = served(waiting, {
    trace: (event) => {
      // On a busy machine a connection may wait for its turn at any time.
      if (event.type === 'event' || event.why !== 'turn') traced.push(event);
    },
  });
  const client = server.connect();
  void client.send(ascii('x'));
  await until(() => traced.length === 3);
  expect(traced).toMatchObject([
    { type: 'event', event: { type: 'opened' }, effects: [] },
    { type: 'event', event: { type: 'message', message: ascii('x') }, effects: [{ type: 'never' }] },
    { type: 'pause', why: 'actor' },
  ]);
  server.stop();
});
