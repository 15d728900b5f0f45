/** Whatever an effect gives, its end comes, its memory is given back, and it harms its own connection at most. */
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NEVER, Observable, Subject, take, takeUntil } from 'rxjs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { served } from '../support/actors/served.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const codec = lines({ maxLength: 100_000 });

/** Resolves when the condition holds: checked in each turn of the event loop. */
const until = (holds: () => boolean): Promise<void> =>
  vi.waitUntil(holds, { interval: 1, timeout: 60_000 }).then(() => {});

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a body', () => {
  test('a body keeps no piece in memory that was sent, however long it goes on', async () => {
    const [count, length] = [100, 20_000];
    const pieces: WeakRef<ArrayBufferLike>[] = [];
    const piece = (): Uint8Array => {
      const bytes = new Uint8Array(length);
      pieces.push(new WeakRef(bytes.buffer));
      return bytes;
    };
    const rest$ = new Subject<void>();
    const actor = defineActor()({
      codec: lengthField({ width: 4, maxLength: 10_000_000 }),
      reduce: (state, { type }) => {
        const body = async function* () {
          for (let i = 0; i < count; i++) yield piece();
          await new Promise((resolve) => rest$.subscribe(resolve));
          yield new Uint8Array(1);
        };
        if (type !== 'opened') return { state };
        return {
          state,
          effects: [{ type: 'sendBody', message: new Uint8Array(0), length: count * length + 1, body }],
        };
      },
    });
    const peer = served(actor).open();
    let received = 0;
    peer.chunks$.subscribe({
      next: (chunk) => {
        received += chunk.length;
      },
      error: () => {},
    });
    await until(() => rest$.observed && received >= count * length);
    await nextTurn();
    collect();
    // The last ones may be in the hands of whoever sends them.
    expect(pieces.filter((each) => each.deref() !== undefined).length).toBeLessThan(count / 4);
    rest$.next();
    await until(() => received > count * length);
    peer.destroy();
  });
});

describe('the end of the connection', () => {
  test('effects that wait for the end of the connection add one listener to its signal, however many they are, and all end', async () => {
    let ended = 0;
    let signal: AbortSignal | undefined;
    let begun = 0;
    const actor = defineActor<{ effect: { readonly type: 'wait' } }>()({
      codec,
      reduce: (state, { type }) => ({ state, effects: type === 'message' ? [{ type: 'wait' }] : [] }),
      perform: (_, context) => {
        signal = context.signal;
        begun++;
        return new Observable((subscriber) => {
          const subscription = NEVER.pipe(takeUntil(context.closed$)).subscribe(subscriber);
          return () => {
            ended++;
            subscription.unsubscribe();
          };
        });
      },
    });
    const server = served(actor);
    const client = server.connect();
    void client.send('first');
    await until(() => begun === 1);
    const before = getEventListeners(signal!, 'abort').length;
    for (let i = 0; i < 30; i++) void client.send('wait');
    await until(() => begun === 31);
    expect(getEventListeners(signal!, 'abort')).toHaveLength(before);
    client.destroy();
    await until(() => server.types().includes('closed'));
    expect(ended).toBe(31);
    expect(server.types()).toEqual(['opened', 'closed']);
  });

  test('an effect that waits for the end of the connection ends at once when that has come before', async () => {
    const log: string[] = [];
    const actor = defineActor<{ effect: { readonly type: 'wait' } }>()({
      codec,
      reduce: (state, { type }) => ({ state, effects: type === 'closed' ? [{ type: 'wait' }] : [] }),
      perform: (_, { closed$ }) => {
        closed$.subscribe({ next: () => log.push('next'), complete: () => log.push('complete') });
        return NEVER.pipe(takeUntil(closed$));
      },
    });
    const server = served(actor);
    server.connect().destroy();
    await until(() => server.types().includes('closed'));
    expect(log).toEqual(['next', 'complete']);
    expect(server.types()).toEqual(['opened', 'closed']);
  });
});

describe('an actor that breaks', () => {
  test('an actor that breaks has its effects ended, and its connection is over at once', async () => {
    const begun$ = new Subject<void>();
    let ended = 0;
    const actor = defineActor<{ effect: { readonly type: 'wait' } }>()({
      codec,
      reduce: (state, event) => {
        if (event.type !== 'message') return { state };
        if (event.message === 'break') throw new Error('broken');
        return { state, effects: [{ type: 'wait' }] };
      },
      perform: () =>
        new Observable(() => {
          begun$.next();
          return () => {
            ended++;
          };
        }),
    });
    const server = served(actor);
    const client = server.connect();
    const begun = new Promise((resolve) => begun$.pipe(take(1)).subscribe(resolve));
    void client.send('wait');
    await begun;
    void client.send('break').catch(() => {});
    await until(() => server.types().includes('closed'));
    expect(ended).toBe(1);
    expect(server.types()).toEqual(['opened', 'internal-error', 'closed']);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });

  test('an actor that breaks in one effect has no further effect of that event begun', async () => {
    let begun = 0;
    const actor = defineActor<{ effect: { readonly type: 'wait' } }>()({
      codec,
      reduce: (state, { type }) => ({
        state,
        effects: type === 'message' ? ([null, { type: 'wait' }] as never[]) : [],
      }),
      perform: () => {
        begun++;
        return NEVER;
      },
    });
    const server = served(actor);
    const client = server.connect();
    void client.send('go').catch(() => {});
    await until(() => server.types().includes('closed'));
    expect(begun).toBe(0);
    expect(server.types()).toEqual(['opened', 'internal-error', 'closed']);
  });
});

describe('a result', () => {
  test('a result that cannot be looked at is reduced like any other, and leaves no credit', async () => {
    const actor = defineActor<{ effect: { readonly type: 'ask' }; result: object }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'message') return { state, effects: [{ type: 'ask' }] };
        if (event.type === 'result') return { state, effects: [{ type: 'send', message: 'result' }] };
        return { state };
      },
      perform: async () => ({
        get row(): string {
          throw new Error('a lazy column');
        },
      }),
    });
    const server = served(actor);
    const client = server.connect();
    for (let i = 0; i < 3; i++) {
      void client.send('ask');
      expect(await client.next()).toBe('result');
    }
    client.end();
    await until(() => server.types().includes('closed'));
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });

  test('a promise that rejects after its effect has stopped the server is of no use to anybody, and ends no process', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    onTestFinished(() => {
      process.off('unhandledRejection', listener);
    });
    let begun = 0;
    const actor = defineActor<{ effect: { readonly type: 'stop' } }>()({
      codec,
      reduce: (state, { type }) => ({ state, effects: type === 'message' ? [{ type: 'stop' }] : [] }),
      perform: async () => {
        begun++;
        server.stop();
        throw new Error('after the stop');
      },
    });
    const server = served(actor);
    void server
      .connect()
      .send('stop')
      .catch(() => {});
    await until(() => begun === 1);
    for (let i = 0; i < 3; i++) await nextTurn();
    expect(unhandled).toEqual([]);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });
});

describe('what an actor listens to', () => {
  const listening = (feed$: Observable<unknown>) =>
    defineActor<{ effect: never; result: never; input: unknown }>()({
      codec,
      listen: () => feed$,
      reduce: (state, event) => ({
        state,
        effects: event.type === 'input' ? [{ type: 'send', message: String(event.input) }] : [],
      }),
    });

  test('what an actor listens to costs the credit of what waits, and too much of it costs the connection of a peer that does not read', async () => {
    const feed$ = new Subject<string>();
    const window = { high: 100_000, low: 50_000 };
    const server = served(listening(feed$), { limits: { window } });
    const peer = server.open();
    await until(() => feed$.observed);
    // Nothing of it is read. A character may take two bytes.
    const text = 'x'.repeat(50_000);
    let most = 0;
    for (let i = 0; i < 1000 && !server.types().includes('overflow'); i++) {
      feed$.next(text);
      most = Math.max(most, server.stats().unsettled);
    }
    expect(server.types()).toContain('overflow');
    // 4 MiB of results, what waits to be sent, and the last one.
    expect(most).toBeGreaterThan(1_000_000);
    expect(most).toBeLessThan(5_000_000);
    peer.chunks$.subscribe({ error: () => {} });
    await until(() => server.types().includes('closed'));
    expect(feed$.observed).toBe(false);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });

  test('what an actor listens to may give at most so many values faster than they are reduced', async () => {
    const feed$ = new Observable<number>((subscriber) => {
      for (let i = 0; i < 100_000 && !subscriber.closed; i++) subscriber.next(i);
    });
    const server = served(listening(feed$));
    server.open().chunks$.subscribe({ error: () => {} });
    await until(() => server.types().includes('closed'));
    expect(server.events).toContainEqual(
      expect.objectContaining({
        type: 'internal-error',
        thrown: expect.objectContaining({
          message: 'listen: what it returned has given more than 65536 values faster than they are reduced',
        }),
      }),
    );
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });
});

describe('a trace', () => {
  test('a trace that stops the server loses nothing of the event that it is called with: the end is reduced behind it', async () => {
    const reduced: [readonly string[], string][] = [];
    const actor = defineActor<{ state: readonly string[] }>()({
      codec,
      initial: () => [],
      reduce: (state, { type }) => {
        reduced.push([state, type]);
        return { state: [...state, type] };
      },
    });
    const server = served(actor, {
      trace: (trace) => {
        if (trace.type === 'event' && trace.event.type === 'message') server.stop();
      },
    });
    const client = server.connect();
    void client.send('one').catch(() => {});
    void client.send('two').catch(() => {});
    await until(() => reduced.length === 3);
    for (let i = 0; i < 3; i++) await nextTurn();
    expect(reduced).toEqual([
      [[], 'opened'],
      [['opened'], 'message'],
      [['opened', 'message'], 'closed'],
    ]);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
  });
});
