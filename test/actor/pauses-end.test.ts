/** Whatever a connection waits for, the wait ends: when others let go of memory, when its own is given back, or when its peer is gone. */
import { firstValueFrom, NEVER, type Observable, ReplaySubject, Subject, takeUntil, tap } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { type Actor, defineActor } from '../../src/actor/actor.ts';
import { CREDIT_FLOOR_BYTES } from '../../src/actor/bounds/credit.ts';
import { defaultActorLimits } from '../../src/actor/limits.ts';
import type { Mailbox } from '../../src/actor/mailbox.ts';
import { type ActorsStats, serveActors } from '../../src/actor/serve-actors.ts';
import type { TraceEvent } from '../../src/actor/trace.ts';
import type { Connection } from '../../src/transport/connection.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { served } from '../support/actors/served.ts';

/** Resolves when the condition holds: checked in each turn of the event loop. */
const until = (holds: () => boolean): Promise<void> =>
  vi.waitUntil(holds, { interval: 1, timeout: 60_000 }).then(() => {});

/** Which connections are paused for credit, in the order in which they were. */
function creditPauses() {
  const paused: string[] = [];
  const trace = (event: TraceEvent): void => {
    if (event.type === 'pause' && event.why === 'credit') paused.push(event.connection);
  };
  return { paused, trace };
}

/**
 * `keep N` has the state keep that many bytes, `subscribe` begins an effect that lasts, and `hold` and anything behind it
 * begins one that lasts until `released$` emits. Each message is answered, and so is each input.
 */
function keeper(released$: Observable<unknown>) {
  const boxes: Mailbox<string>[] = [];
  type Effect = { readonly type: 'join' | 'subscribe' | 'hold' };
  const actor = defineActor<{ state: number; effect: Effect; result: never; input: string }>()({
    codec: lines({ maxLength: 1_000_000 }),
    initial: () => 0,
    heldBytes: (kept) => kept,
    reduce: (kept, event) => {
      if (event.type === 'opened') return { state: kept, effects: [{ type: 'join' }] };
      if (event.type === 'input') return { state: kept, effects: [{ type: 'send', message: event.input }] };
      if (event.type !== 'message') return { state: kept };
      const [verb = '', bytes] = event.message.split(' ');
      const answer = { type: 'send', message: verb } as const;
      if (verb === 'keep') return { state: Number(bytes), effects: [answer] };
      if (verb === 'subscribe' || verb === 'hold') return { state: kept, effects: [{ type: verb }, answer] };
      return { state: kept, effects: [answer] };
    },
    perform: ({ type }, { self, closed$ }) => {
      if (type !== 'join') return NEVER.pipe(takeUntil(type === 'hold' ? released$ : closed$));
      boxes.push(self);
      return undefined;
    },
  });
  return { actor, boxes };
}

const long = (bytes: number): string => `hold ${'x'.repeat(bytes)}`;

describe('a connection that keeps memory for as long as it is open', () => {
  test.each([0, 10])(
    'a connection whose state keeps more than its low mark is read again once a long message is settled, with %i effects that last',
    async (effects) => {
      const released$ = new Subject<void>();
      const { actor } = keeper(released$);
      const { paused, trace } = creditPauses();
      const window = { high: 100_000, low: 50_000 };
      const server = served(actor, { limits: { window }, trace });
      const client = server.connect();
      void client.send('keep 80000');
      expect(await client.next()).toBe('keep');
      for (let i = 0; i < effects; i++) {
        void client.send('subscribe');
        expect(await client.next()).toBe('subscribe');
      }
      void client.send(long(30_000));
      expect(await client.next()).toBe('hold');
      await until(() => paused.length > 0);
      void client.send('hello');
      released$.next();
      expect(await client.next()).toBe('hello');
      client.destroy();
      await until(() => server.types().includes('closed'));
      expect(server.stats().unsettled).toBe(0);
    },
  );

  test.each([
    ['whose state keeps', `keep ${2 * CREDIT_FLOOR_BYTES}`, 1],
    ['whose effects that last keep', 'subscribe', 100],
  ])(
    'a connection %s more than the floor is read again, and has its inputs, when others let go of the budget',
    async (_, message, times) => {
      const released$ = new Subject<void>();
      const { actor, boxes } = keeper(released$);
      const { paused, trace } = creditPauses();
      const server = served(actor, { limits: { budget: { high: 1_000_000, low: 500_000 } }, trace });
      const client = server.connect();
      for (let i = 0; i < times; i++) {
        void client.send(message);
        await client.next();
      }
      expect(server.stats().unsettled).toBeGreaterThan(CREDIT_FLOOR_BYTES);
      const [first] = boxes;
      const other = server.connect();
      void other.send(long(490_000));
      expect(await other.next()).toBe('hold');
      expect(server.stats().unsettled).toBeGreaterThan(500_000);
      // It is paused when it has something to do while the budget is used up.
      void client.send('hello');
      await until(() => paused.length === 2);
      expect(new Set(paused).size).toBe(2);
      void first!.post('input');
      released$.next();
      expect([await client.next(), await client.next()].sort()).toEqual(['hello', 'input']);
      client.destroy();
      other.destroy();
      await until(() => server.stats().connections === 0);
      expect(server.stats().unsettled).toBe(0);
    },
  );
});

/** An actor that is served over TCP. */
function tcpServer<S, Out, E extends { readonly type: string }, R, I>(
  actor: Actor<S, Uint8Array, Out, never, E, R, I>,
  timeouts = defaultActorLimits.timeouts,
) {
  const types: string[] = [];
  const connections: Connection[] = [];
  const port$ = new ReplaySubject<number>();
  let stats!: () => ActorsStats;
  const connections$ = listenTcp({ port: 0 }).pipe(
    tap((event) => {
      if (event.type === 'connection') connections.push(event.connection);
    }),
  );
  const server = serveActors({
    connections$,
    actor,
    limits: { timeouts },
    stats: (read) => {
      stats = read;
    },
  }).subscribe((event) => {
    types.push(event.type);
    if (event.type === 'listening') port$.next(event.port);
  });
  return {
    types: () => types,
    connections,
    stats: () => stats(),
    /** A peer that reads nothing. */
    connect: async () => firstValueFrom(connectTcp({ host: '127.0.0.1', port: await firstValueFrom(port$) })),
    stop: () => server.unsubscribe(),
  };
}

describe('a peer that is gone', () => {
  test('the end of a connection is reduced, although more than the actor may send waits for it to read, and the actor accepts nothing', async () => {
    const reduced: string[] = [];
    const actor = defineActor<{ state: boolean; effect: { readonly type: 'wait' } }>()({
      codec: lengthField({ width: 4, maxLength: 100_000 }),
      initial: () => false,
      accepts: (isBusy, from) => from === 'input' || !isBusy,
      reduce: (isBusy, event) => {
        reduced.push(event.type);
        if (event.type !== 'message') return { state: isBusy };
        const send = { type: 'send', message: new Uint8Array(60_000) } as const;
        return { state: true, effects: [...Array.from({ length: 400 }, () => send), { type: 'wait' }] };
      },
      perform: (_, { closed$ }) => NEVER.pipe(takeUntil(closed$)),
    });
    const server = tcpServer(actor);
    const peer = await server.connect();
    peer.write([Uint8Array.of(0, 0, 0, 1, 7)], () => {});
    await until(() => reduced.includes('message'));
    // As when it was cut. What was to be sent fails after the connection is closed.
    server.connections[0]!.destroy();
    await until(() => server.types().includes('closed'));
    expect(reduced).toEqual(['opened', 'message', 'unreachable', 'closed']);
    expect(server.types()).toEqual(['listening', 'opened', 'closed']);
    expect(server.stats()).toMatchObject({ connections: 0, unsettled: 0 });
    peer.destroy();
    server.stop();
  });

  test('a peer that is gone is noticed while a body that is sent to it waits for its source, and nothing is read', async () => {
    const waiting$ = new Subject<void>();
    const actor = defineActor<{ state: boolean }>()({
      codec: lengthField({ width: 4, maxLength: 100_000 }),
      initial: () => false,
      accepts: (isBusy, from) => from === 'input' || !isBusy,
      reduce: (isBusy, event) => {
        if (event.type === 'unreachable') return { state: isBusy, effects: [{ type: 'destroy' }] };
        if (event.type !== 'message') return { state: isBusy };
        const body = async function* () {
          yield new Uint8Array(10);
          waiting$.next();
          await new Promise(() => {});
        };
        return {
          state: true,
          effects: [{ type: 'sendBody', message: new Uint8Array(0), length: 1000, body }],
        };
      },
    });
    const waits = firstValueFrom(waiting$);
    // The monitor looks every 20 ms with such a timeout; nothing is late by it, since the body waits for its own source.
    const server = tcpServer(actor, { ...defaultActorLimits.timeouts, unread: 80 });
    const peer = await server.connect();
    peer.write([Uint8Array.of(0, 0, 0, 1, 7)], () => {});
    await waits;
    // What it has not read makes its system say that it is gone.
    peer.destroy();
    await until(() => server.types().includes('closed'));
    expect(server.types()).not.toContain('timeout');
    server.stop();
  });
});
