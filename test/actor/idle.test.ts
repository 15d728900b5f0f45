/** A connection on which nothing happens: it has next to nothing, and answers again whatever happens next. */
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { defineActor, type PerformContext } from '../../src/actor/actor.ts';
import type { Mailbox } from '../../src/actor/mailbox.ts';
import { type ActorsEvent, serveActors } from '../../src/actor/serve-actors.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { lines } from '../../src/wire/codecs/lines.ts';

type Effect = { readonly type: 'join' };
const joined: Mailbox<string>[] = [];
const contexts: PerformContext<string>[] = [];

/** Echoes lines, and what others and its timer say. */
const echo = defineActor<{ state: null; effect: Effect; result: never; input: string }>()({
  codec: lines({ maxLength: 100 }),
  initial: () => null,
  reduce: (state, event) => {
    switch (event.type) {
      case 'message':
        if (event.message === 'join') return { state, effects: [{ type: 'join' }] };
        if (event.message === 'timer')
          return { state, effects: [{ type: 'setTimer', key: 'soon', afterMs: 5 }] };
        return { state, effects: [{ type: 'send', message: event.message }] };
      case 'input':
        return { state, effects: [{ type: 'send', message: event.input }] };
      case 'timer':
      case 'ended':
      case 'shutdown':
        return { state, effects: [{ type: 'send', message: event.type }, ...ending(event.type)] };
      default:
        return { state };
    }
  },
  perform: (_, context) => {
    joined.push(context.self);
    contexts.push(context);
  },
});

const ending = (type: string) => (type === 'timer' ? [] : [{ type: 'end' } as const]);

/** A server, and a client that has been answered once and is silent since then. */
async function silentClient(timeouts = {}) {
  const shutdown$ = new Subject<void>();
  const events: ActorsEvent[] = [];
  const port = await new Promise<number>((resolve) => {
    const limits = {
      timeouts: {
        firstBytes: 1e6,
        header: 1e6,
        body: 1e6,
        bodyBytes: 1,
        idle: 1e6,
        unread: 1e6,
        ...timeouts,
      },
    };
    serveActors({ connections$: listenTcp({ port: 0 }), actor: echo, shutdown$, limits }).subscribe(
      (event) => {
        events.push(event);
        if (event.type === 'listening') resolve(event.port);
      },
    );
  });
  let text = '';
  let isOver = false;
  const connection = await new Promise<import('../../src/transport/connection.ts').Connection>((resolve) => {
    connectTcp({ host: '127.0.0.1', port }).subscribe(resolve);
  });
  connection.chunks$.subscribe({
    next: (chunk) => {
      text += new TextDecoder().decode(chunk);
    },
    error: () => {},
    complete: () => {
      isOver = true;
    },
  });
  const say = (words: string) => connection.write([new TextEncoder().encode(words)], () => {});
  const hears = (words: string) => expect.poll(() => text).toBe(words);
  say('first\n');
  await hears('first\n');
  return { say, hears, connection, events, shutdown$, isOver: () => isOver };
}

test('a connection that was silent answers again, also when half a message has come before', async () => {
  const it = await silentClient();
  const other = await silentClient();
  it.say('sec');
  other.say('of another\n');
  await other.hears('first\nof another\n');
  it.say('ond\n');
  await it.hears('first\nsecond\n');
  for (const { shutdown$ } of [it, other]) shutdown$.next();
});

test('a silent connection takes what others send to it, and its timer', async () => {
  const it = await silentClient();
  it.say('join\ntimer\n');
  await it.hears('first\ntimer\n');
  expect(await joined.at(-1)!.post('of others')).toBe('taken');
  await it.hears('first\ntimer\nof others\n');
  it.shutdown$.next();
});

test('a silent connection learns of the shutdown, and of the end of its peer', async () => {
  const it = await silentClient();
  it.shutdown$.next();
  await it.hears('first\nshutdown\n');
  const other = await silentClient();
  other.connection.end();
  await other.hears('first\nended\n');
  await expect.poll(other.isOver).toBe(true);
  other.shutdown$.next();
});

test('a silent connection is ended when the time of the next request is over', async () => {
  const it = await silentClient({ idle: 80 });
  await expect.poll(it.isOver).toBe(true);
  expect(it.events.map(({ type }) => type)).toContain('timeout');
  it.connection.destroy();
  it.shutdown$.next();
});

test('what a performer asks of its context is the same each time, also in a copy, and also once the connection is over', async () => {
  const it = await silentClient();
  it.say('join\n');
  it.say('second\n');
  await it.hears('first\nsecond\n');
  const context = contexts.at(-1)!;
  const copy = { ...context };
  expect(copy.signal).toBe(context.signal);
  expect(Object.keys(copy).sort()).toEqual(['closed$', 'flow', 'peer', 'self', 'signal']);
  let closed = 0;
  copy.closed$.subscribe(() => closed++);
  expect([context.signal.aborted, closed]).toEqual([false, 0]);
  it.connection.destroy();
  await expect.poll(() => copy.signal.aborted).toBe(true);
  context.closed$.subscribe(() => closed++);
  expect(closed).toBe(2);
  it.shutdown$.next();
});
