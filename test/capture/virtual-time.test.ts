/** Recordings at their own times, without waiting for them. */
import {
  asapScheduler,
  concatMap,
  delay,
  EMPTY,
  lastValueFrom,
  map,
  mergeMap,
  NEVER,
  of,
  tap,
  timer,
  VirtualTimeScheduler,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../src/actor/bounds/credit.ts';
import { captureFile } from '../../src/capture/capture-file.ts';
import { type ReplayOptions, replay, replayStreams } from '../../src/capture/replay/replay.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { inVirtualTime } from '../../src/capture/virtual-time.ts';
import { serveConnection } from '../../src/files/effects/serve-connection.ts';
import { commands, requestFraming } from '../../src/files/session/dispatch.ts';
import { createSession } from '../../src/files/session/session.ts';
import { defaultLimits } from '../../src/server/limits.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { conversationEvents, eventBatches } from '../support/captures/stream-events.ts';
import { putFrame } from '../support/network/peer.ts';

const testScheduler = () => new TestScheduler(() => {});
const minute = 60_000;
const hour = 60 * minute;

/** The events of a client that sends a letter at each of these times (ms). */
function letters(...times: number[]): StreamEvent[] {
  const { open, send, end, close } = conversationEvents();
  const chunks = times.map((at, i) => send('client', String.fromCharCode(97 + i), at));
  return [open(), ...chunks, end('client'), close()];
}

/** When each letter comes. */
async function times(events: readonly StreamEvent[], options: ReplayOptions): Promise<string[]> {
  const scheduler = testScheduler();
  const chunks$ = replayStreams(eventBatches(events), { ...options, scheduler }).pipe(
    mergeMap(({ connection }) => connection.chunks$),
  );
  const emitted = await inVirtualTime(scheduler, chunks$);
  return emitted.map(({ at, value }) => `${Buffer.from(value)} ${at}`);
}

describe('a replay in time', () => {
  const spoken = letters(0, 100, 100.5, 5000, 5001);

  test('a replay is as it was recorded, to the fraction of a millisecond', async () => {
    expect(await times(spoken, { speed: 'recorded' })).toEqual([
      'a 0',
      'b 100',
      'c 100.5',
      'd 5000',
      'e 5001',
    ]);
  });

  test('a replay is twice as fast, or half', async () => {
    expect(await times(spoken, { speed: 2 })).toEqual(['a 0', 'b 50', 'c 50.25', 'd 2500', 'e 2500.5']);
    expect(await times(spoken, { speed: 0.5 })).toEqual(['a 0', 'b 200', 'c 201', 'd 10000', 'e 10002']);
  });

  test('a replay takes no time as fast as possible', async () => {
    expect(await times(spoken, {})).toEqual(['a 0', 'b 0', 'c 0', 'd 0', 'e 0']);
  });

  test('a replay has no pause longer than the option allows, in times of the recording', async () => {
    expect(await times(spoken, { speed: 'recorded', maxIdle: 50 })).toEqual([
      'a 0',
      'b 50',
      'c 50.5',
      'd 100.5',
      'e 101.5',
    ]);
    expect(await times(spoken, { speed: 10, maxIdle: 50 })).toEqual([
      'a 0',
      'b 5',
      'c 5.05',
      'd 10.05',
      'e 10.15',
    ]);
    expect(await times(spoken, { speed: 'recorded', maxIdle: 0 })).toEqual([
      'a 0',
      'b 0',
      'c 0',
      'd 0',
      'e 0',
    ]);
  });

  test('a replay has a chunk that is put together when its last byte comes', async () => {
    const whole = await times(spoken, { speed: 'recorded', chunking: 'whole' });
    expect(whole).toEqual(['abcde 5001']);
  });

  test('a replay counts from its start: a reader that is late once makes nothing else late', async () => {
    const scheduler = testScheduler();
    const events = letters(0, 10, 20, 30, 1000);
    const chunks$ = replayStreams(eventBatches(events), { speed: 'recorded', scheduler, maxWaiting: 0 }).pipe(
      mergeMap(({ connection }) => {
        // From 5 to 500 ms nobody reads, and the tape stands still.
        timer(5, scheduler).subscribe(() => connection.pause());
        timer(500, scheduler).subscribe(() => connection.resume());
        return connection.chunks$;
      }),
    );
    const emitted = await inVirtualTime(scheduler, chunks$);
    expect(emitted.map(({ at }) => at)).toEqual([0, 500, 500, 500, 1000]);
  });

  test('a replay is of all connections in one time: each begins when it began', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1, 400)];
    const events = [
      one.open(),
      one.send('client', 'a', 100),
      two.open(),
      two.send('client', 'b', 500),
      one.end('client', 600),
      one.close(),
      two.end('client', 700),
      two.close(),
    ];
    const scheduler = testScheduler();
    const opened$ = replayStreams(eventBatches(events), { speed: 'recorded', scheduler }).pipe(
      map(({ connection }) => {
        connection.chunks$.subscribe();
        return connection.conversation.index;
      }),
    );
    expect(await inVirtualTime(scheduler, opened$)).toEqual([
      { at: 0, value: 0 },
      { at: 400, value: 1 },
    ]);
  });

  test('a replay waits for no time longer than a timer can, a month, in one piece', async () => {
    const month = 31 * 24 * hour;
    expect(await times(letters(0, month), { speed: 'recorded' })).toEqual(['a 0', `b ${month}`]);
  });

  test('a replay is in real time too: of the timers beside it the shorter one ends between the letters, the longer one not', async () => {
    expect(asapScheduler.now()).toBeGreaterThan(0);
    const order: string[] = [];
    const timers: NodeJS.Timeout[] = [];
    const chunks$ = replayStreams(eventBatches(letters(0, 500)), { speed: 'recorded' }).pipe(
      mergeMap(({ connection }) => connection.chunks$),
    );
    // They begin with the first letter, so that only what comes behind it counts, however busy the machine is.
    const said = (chunk: Uint8Array) => {
      order.push(String(Buffer.from(chunk)));
      if (timers.length > 0) return;
      for (const ms of [1, 60_000]) timers.push(setTimeout(() => order.push(`${ms}`), ms));
    };
    await lastValueFrom(chunks$.pipe(tap(said)));
    timers.forEach(clearTimeout);
    expect(order).toEqual(['a', '1', 'b']);
  });
});

test('an hour of a session with a memory store is replayed without a wait, each file at its time', async () => {
  const { open, send, end, close } = conversationEvents();
  const events: StreamEvent[] = [open()];
  for (let i = 0; i <= 60; i++) {
    const frame = putFrame(`f${i}`, `content of ${i}`, { id: i, progress: 1 });
    // The head, and a second later the body.
    events.push(send('client', frame.subarray(0, 20), i * minute));
    events.push(send('client', frame.subarray(20), i * minute + (i === 60 ? 0 : 1000)));
  }
  events.push(end('client', hour + 5), end('server', hour + 5), close());

  const scheduler = testScheduler();
  const store = memoryStore();
  const served$ = replayStreams(eventBatches(events), { speed: 'recorded', scheduler }).pipe(
    mergeMap(({ connection }) =>
      serveConnection(connection, {
        session: createSession(commands, defaultLimits),
        framing: requestFraming(),
        budget: createBudget(defaultLimits.budget),
        limits: defaultLimits,
        store,
        scheduler,
      }),
    ),
  );
  const waits = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'setInterval')];
  const reports = await inVirtualTime(scheduler, served$);
  for (const wait of waits) {
    expect(wait).not.toHaveBeenCalled();
    wait.mockRestore();
  }
  const stored = reports.flatMap(({ at, value }) => (value.type === 'stored' ? [[value.filename, at]] : []));
  expect(stored).toEqual(Array.from({ length: 61 }, (_, i) => [`f${i}`, i * minute + (i === 60 ? 0 : 1000)]));
  expect(scheduler.now()).toBe(hour + 5);
  expect(store.contents.size).toBe(61);
});

describe('virtual time', () => {
  test('virtual time waits for a capture that is read from a file, however long the disk takes', async () => {
    const capture = captureFile('test/golden/captures/postgresql.pcap');
    for (let run = 0; run < 20; run++) {
      const scheduler = testScheduler();
      const chunks$ = replay(capture, { speed: 'recorded', scheduler }).pipe(
        mergeMap(({ connection }) => connection.chunks$),
      );
      const chunks = await inVirtualTime(scheduler, chunks$);
      expect(chunks.length).toBeGreaterThan(10);
      expect(chunks.at(-1)!.at).toBeGreaterThan(0);
    }
  });

  test('virtual time goes on when the promises of one point in time have settled', async () => {
    const scheduler = new VirtualTimeScheduler();
    const pipeline$ = of(1, 2, 3).pipe(
      concatMap(async (value) => {
        for (let hop = 0; hop < 5; hop++) await null;
        await new Promise((resolve) => setImmediate(resolve));
        return value;
      }),
      concatMap((value) => of(value).pipe(delay(hour, scheduler))),
    );
    expect(await inVirtualTime(scheduler, pipeline$)).toEqual([
      { at: hour, value: 1 },
      { at: 2 * hour, value: 2 },
      { at: 3 * hour, value: 3 },
    ]);
  });

  test('virtual time ends with what the pipeline errors with', async () => {
    const scheduler = testScheduler();
    const fails$ = timer(5, scheduler).pipe(
      map(() => {
        throw new Error('at five');
      }),
    );
    await expect(inVirtualTime(scheduler, fails$)).rejects.toThrow('at five');
    expect(await inVirtualTime(scheduler, EMPTY)).toEqual([]);
  });

  test('virtual time ends with an error when nothing is due and the pipeline has not completed', async () => {
    const scheduler = testScheduler();
    await inVirtualTime(scheduler, timer(7, scheduler));
    await expect(inVirtualTime(scheduler, NEVER)).rejects.toThrow(
      'the pipeline has not completed, and nothing is due after 7 ms',
    );
  });

  test('virtual time leaves the scheduler as far as it may go', async () => {
    const scheduler = new VirtualTimeScheduler(undefined, 123);
    await inVirtualTime(scheduler, timer(7, scheduler));
    expect(scheduler.maxFrames).toBe(123);
  });
});
