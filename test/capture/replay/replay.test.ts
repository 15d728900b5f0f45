/** Recorded conversations as connections: what `replay` promises, on recordings written down by hand. */
import { filter, firstValueFrom, lastValueFrom, map, mergeMap, type Observable, tap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { CaptureFault } from '../../../src/capture/capture-fault.ts';
import {
  createRecordedSide,
  type RecordedConnection,
  type ReplayEvent,
  type SideEvent,
} from '../../../src/capture/replay/recorded-connection.ts';
import { type ReplayOptions, replayStreams } from '../../../src/capture/replay/replay.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { serve } from '../../../src/server/serve.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { ConnectionFault } from '../../../src/transport/connection.ts';
import { conversationEvents, eventBatches } from '../../support/captures/stream-events.ts';
import { putFrame } from '../../support/network/peer.ts';
import { once, pattern, read, turns, write } from '../../transport/connection-helpers.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** The first connection of a replay that goes on. */
async function first(
  events: readonly (StreamEvent | readonly StreamEvent[])[],
  options: ReplayOptions = {},
): Promise<RecordedConnection> {
  return new Promise((resolve, reject) => {
    replayStreams(eventBatches(events), options).subscribe({
      next: ({ connection }) => resolve(connection),
      error: reject,
    });
  });
}

/** What each connection's reader is given, by conversation, and how it ends. */
async function allRead(replayed$: Observable<ReplayEvent>): Promise<Record<number, string>> {
  const said: Record<number, string> = {};
  const reading$ = replayed$.pipe(
    mergeMap(({ connection }) => {
      const { index } = connection.conversation;
      said[index] = '';
      return new Promise<void>((resolve) => {
        connection.chunks$.subscribe({
          next: (chunk) => {
            said[index] += text(chunk);
          },
          complete: () => {
            said[index] += '|';
            resolve();
          },
          error: (fault: ConnectionFault) => {
            said[index] += `#${fault.code}`;
            resolve();
          },
        });
      });
    }),
  );
  await lastValueFrom(reading$, { defaultValue: undefined });
  return said;
}

/** A whole conversation: so many chunks of a client, and its end. */
function monologue(index: number, ...chunks: (string | Uint8Array)[]): StreamEvent[] {
  const { open, send, end, close } = conversationEvents(index);
  return [open(), ...chunks.map((chunk) => send('client', chunk)), end('client'), end('server'), close()];
}

describe('a replay', () => {
  test('a replay emits a connection for each conversation, which reads what the client sent, and ends as it did', async () => {
    const { open, send, end, close, conversation } = conversationEvents();
    const events = [
      open(),
      send('client', 'a'),
      send('server', 'no'),
      send('client', 'bc'),
      end('client'),
      close(),
    ];
    const connection = await first(events);
    expect(connection).toMatchObject({ conversation, local: '10.0.0.2:8080', remote: '10.0.0.1:5000' });
    const reading = read(connection);
    expect(await reading.done).toBeNull();
    expect(reading.chunks.map(text)).toEqual(['a', 'bc']);
  });

  test('a replay gives the other end when asked for it', async () => {
    const { open, send, end, close } = conversationEvents();
    const events = [open(), send('client', 'a'), send('server', 'yes'), end('server'), close()];
    const connection = await first(events, { side: 'client' });
    expect(connection).toMatchObject({ local: '10.0.0.1:5000', remote: '10.0.0.2:8080' });
    const reading = read(connection);
    expect(await reading.done).toBeNull();
    expect(text(reading.bytes())).toBe('yes');
  });

  test('a replay serves several conversations at once, in the order of the recording', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const events = [
      one.open(),
      one.send('client', 'a'),
      two.open(),
      two.send('client', 'x'),
      one.send('client', 'b'),
      two.end('client'),
      two.close(),
      one.end('client'),
      one.close(),
    ];
    const order: string[] = [];
    const chunks$ = replayStreams(eventBatches(events)).pipe(
      mergeMap(({ connection }) => connection.chunks$),
      tap((chunk) => order.push(text(chunk))),
    );
    await lastValueFrom(chunks$);
    expect(order).toEqual(['a', 'x', 'b']);
  });

  test.each([
    ['an index', 1, [1]],
    ['several', [0, 2], [0, 2]],
    ['an address', '10.0.0.1:5002', [2]],
    ['a port', ':5001', [1]],
    ['a host', '10.0.0.2', [0, 1, 2]],
    ['a host nobody has', '10.0.0', []],
    ['a function', ({ index }: { index: number }) => index > 0, [1, 2]],
  ])('a replay is of the conversations that are asked for: %s', async (_, only, expected) => {
    const events = [0, 1, 2].flatMap((index) => monologue(index, 'x'));
    const said = await allRead(replayStreams(eventBatches(events), { only }));
    expect(Object.keys(said).map(Number)).toEqual(expected);
  });

  test('a replay breaks off where bytes are missing, and says how many and where', async () => {
    const { open, send, gap, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'abc'),
      gap('client', 1460),
      send('client', 'd'),
      end('client'),
      close(),
    ];
    const connection = await first(events);
    const reading = read(connection);
    expect(await reading.done).toMatchObject({
      code: 'incomplete',
      message:
        '1460 bytes that 10.0.0.1:5000 sent are missing in the recording after the first 3: no packet has them',
    });
    expect(text(reading.bytes())).toBe('abc');
    expect((await once(connection.closed$))?.code).toBe('incomplete');
    expect((await write(connection, pattern(1)))?.code).toBe('incomplete');
  });

  test('a replay is not broken by what is missing of the other side', async () => {
    const { open, send, gap, end, close } = conversationEvents();
    const events = [open(), gap('server', 10), send('client', 'abc'), end('client'), close()];
    expect(await allRead(replayStreams(eventBatches(events)))).toEqual({ 0: 'abc|' });
  });

  test('a replay breaks off with a reset, whoever sent it', async () => {
    for (const from of ['client', 'server'] as const) {
      const { open, send, reset, close } = conversationEvents();
      const events = [open(), send('client', 'abc'), reset(from), close('reset')];
      expect(await allRead(replayStreams(eventBatches(events)))).toEqual({ 0: 'abc#reset' });
    }
  });

  test('a reset behind the end breaks a replayed connection, although what was read is whole', async () => {
    const { open, send, end, reset, close } = conversationEvents();
    const connection = await first([
      open(),
      send('client', 'abc'),
      end('client'),
      reset('client'),
      close('reset'),
    ]);
    const reading = read(connection);
    expect(await reading.done).toBeNull();
    expect((await once(connection.closed$))?.code).toBe('reset');
  });

  test.each(['unfinished', 'evicted', 'reused'] as const)(
    'a replay breaks off a conversation that is %s',
    async (reason) => {
      const { open, send, close } = conversationEvents();
      const connection = await first([open(), send('client', 'abc'), close(reason)]);
      expect(await read(connection).done).toMatchObject({
        code: 'incomplete',
        message: expect.stringContaining('after 3 bytes that 10.0.0.1:5000 sent'),
      });
    },
  );

  test('a replay hands out what was recorded of its own side, and what is written to it', async () => {
    const { open, send, end, close } = conversationEvents();
    const recorded: SideEvent[] = [];
    const written: string[] = [];
    const replayed$ = replayStreams(
      eventBatches([
        open(),
        send('server', 'hello'),
        send('client', 'a'),
        end('server'),
        end('client'),
        close(),
      ]),
    ).pipe(
      mergeMap(({ connection }) => {
        connection.recorded$.subscribe((event) => recorded.push(event));
        connection.written$.subscribe((bytes) => written.push(text(bytes)));
        return connection.chunks$.pipe(tap((chunk) => connection.write([chunk, chunk], () => {})));
      }),
    );
    await lastValueFrom(replayed$);
    expect(recorded.map((event) => (event.type === 'chunk' ? text(event.bytes) : event.type))).toEqual([
      'hello',
      'end',
    ]);
    expect(written).toEqual(['a', 'a']);
  });

  test('a replay errors with the fault of the capture, after everything before it was read', async () => {
    const fault: CaptureFault = { code: 'truncated', message: 'x.pcap ends early', position: 9, after: 3 };
    const { open, send } = conversationEvents();
    const said: string[] = [];
    const reading$ = replayStreams(eventBatches([[open(), send('client', 'abc')]], fault)).pipe(
      tap(({ connection }) => {
        connection.pause();
        setTimeout(() => connection.resume(), 20);
        connection.chunks$.subscribe({
          next: (chunk) => said.push(text(chunk)),
          error: (broken: ConnectionFault) => said.push(broken.message),
        });
      }),
    );
    await expect(lastValueFrom(reading$)).rejects.toBe(fault);
    expect(said).toEqual(['abc', 'the recording cannot be read any further: x.pcap ends early']);
  });

  test('a replay begins anew with each subscription', async () => {
    const replayed$ = replayStreams(eventBatches(monologue(0, 'abc')));
    expect(await allRead(replayed$)).toEqual({ 0: 'abc|' });
    expect(await allRead(replayed$)).toEqual({ 0: 'abc|' });
  });

  test('a replay refuses options that make no sense, at once', () => {
    const reading = eventBatches([]);
    expect(() => replayStreams(reading, { speed: 0 })).toThrow(RangeError);
    expect(() => replayStreams(reading, { speed: 'recorded', maxIdle: -1 })).toThrow(RangeError);
    expect(() => replayStreams(reading, { chunking: { seed: 0.1 } })).toThrow(RangeError);
  });
});

describe('the pace of a replay', () => {
  /** Reads chunks of 1,000 bytes for ever, and counts how many it was asked for. */
  function endless(lead: readonly StreamEvent[], next: () => StreamEvent) {
    const count = { read: 0, stopped: false };
    async function* reading(): AsyncGenerator<readonly StreamEvent[]> {
      try {
        yield lead;
        for (;;) {
          count.read++;
          yield [next()];
        }
      } finally {
        count.stopped = true;
      }
    }
    return { count, reading };
  }

  test('a replay stops while too many bytes wait to be read, and goes on when they are read', async () => {
    const { open, send } = conversationEvents();
    const { count, reading } = endless([open()], () => send('client', pattern(1000)));
    const connections: RecordedConnection[] = [];
    const replaying = replayStreams(reading, { maxWaiting: 50_000 }).subscribe(({ connection }) =>
      connections.push(connection),
    );
    for (let before = -1; before !== count.read; ) {
      before = count.read;
      await turns(50);
    }
    expect(count.read).toBeGreaterThan(30);
    expect(count.read).toBeLessThan(60);
    const reader = read(connections[0]!);
    await reader.reached(200_000);
    expect(
      reader
        .bytes()
        .subarray(0, 200_000)
        .equals(Buffer.concat(Array(200).fill(pattern(1000)))),
    ).toBe(true);
    connections[0]!.pause();
    const upTo = count.read;
    await turns(300);
    expect(count.read - upTo).toBeLessThan(60);
    replaying.unsubscribe();
  });

  test('unsubscribing stops a replay: it closes the file, and its connections break off', async () => {
    const { open, send } = conversationEvents();
    const { count, reading } = endless([open()], () => send('client', pattern(1000)));
    const replayed$ = replayStreams(reading);
    const connection = await new Promise<RecordedConnection>((resolve) => {
      const replaying = replayed$.subscribe(({ connection }) => {
        read(connection, () => {
          if (count.read > 20) replaying.unsubscribe();
        });
        resolve(connection);
      });
    });
    expect((await once(connection.closed$))?.message).toBe(
      'the replay was stopped before the connection was over',
    );
    await expect.poll(() => count.stopped).toBe(true);
  });

  test('a replay is not held up by a connection that was destroyed', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const events = [
      one.open(),
      ...Array.from({ length: 100 }, () => one.send('client', pattern(1000))),
      two.open(),
      two.send('client', 'x'),
      two.end('client'),
      two.close(),
    ];
    const said$ = replayStreams(eventBatches(events), { maxWaiting: 5000 }).pipe(
      tap(({ connection }) => connection.conversation.index === 0 && connection.destroy()),
      filter(({ connection }) => connection.conversation.index === 1),
      mergeMap(({ connection }) => connection.chunks$),
      map(text),
    );
    expect(await firstValueFrom(said$)).toBe('x');
  });
});

describe('a recorded connection keeps the contract of connections:', () => {
  const open = (...chunks: (string | Uint8Array)[]) => first(monologue(0, ...chunks));

  test('a recorded connection misses nothing before the subscription', async () => {
    const connection = await open('a', 'b');
    await turns(10);
    const reading = read(connection);
    expect(await reading.done).toBeNull();
    expect(text(reading.bytes())).toBe('ab');
    expect(await read(connection).done).toBeNull();
  });

  test('pausing stops a recorded connection at once, before the subscription too', async () => {
    const connection = await open('a', 'b', 'c');
    connection.pause();
    const reading = read(connection, () => connection.pause());
    await turns(10);
    expect(reading.length()).toBe(0);
    connection.resume();
    await turns(10);
    expect(text(reading.bytes())).toBe('a');
    connection.resume();
    await turns(10);
    expect(text(reading.bytes())).toBe('ab');
    connection.resume();
    await reading.reached(3);
    connection.resume();
    expect(await reading.done).toBeNull();
  });

  test('a recorded connection can be paused within a chunk that is cut anew', async () => {
    const connection = await first(monologue(0, 'abc', 'd'), { chunking: 'bytes' });
    const reading = read(connection, () => connection.pause());
    for (let length = 1; length <= 4; length++) {
      await reading.reached(length);
      await turns(5);
      expect(reading.length()).toBe(length);
      connection.resume();
    }
    expect(await reading.done).toBeNull();
    expect(reading.chunks.map(text)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('unsubscribing stops a recorded connection at once; the next subscriber goes on from there', async () => {
    const connection = await open('a', 'b', 'c');
    const one = read(connection, () => one.stop());
    await one.reached(1);
    await turns(5);
    const two = read(connection);
    expect(await two.done).toBeNull();
    expect([text(one.bytes()), text(two.bytes())]).toEqual(['a', 'bc']);
  });

  test('chunks$ of a recorded connection refuses a second subscriber at the same time', async () => {
    const connection = await first([conversationEvents().open()]);
    connection.pause();
    read(connection);
    expect(await read(connection).done).toBeInstanceOf(Error);
  });

  test('writes to a recorded connection settle once each, in order, and never within the call', async () => {
    const connection = await open('a');
    const order: number[] = [];
    for (let at = 0; at < 5; at++) connection.write([pattern(10)], () => order.push(at));
    expect(order).toEqual([]);
    await turns(2);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  test('a recorded connection is closed in good order once both sides have ended, after every write has settled', async () => {
    const connection = await open('a');
    const order: string[] = [];
    connection.closed$.subscribe((how) => order.push(`closed ${how}`));
    await read(connection).done;
    await turns(5);
    expect(order).toEqual([]);
    connection.write([pattern(1)], () => order.push('settled'));
    connection.end();
    connection.end();
    await turns(5);
    expect(order).toEqual(['settled', 'closed null']);
    expect((await write(connection, pattern(1)))?.code).toBe('failed');
    connection.destroy();
    expect(await once(connection.closed$)).toBeNull();
  });

  test('a destroyed recorded connection emits nothing more but that, and its writes settle with the fault', async () => {
    const connection = await open('a', 'b');
    const reading = read(connection, () => connection.destroy());
    expect((await reading.done)?.code).toBe('destroyed');
    expect(reading.chunks).toHaveLength(1);
    expect((await once(connection.closed$))?.code).toBe('destroyed');
    expect((await write(connection, pattern(1)))?.code).toBe('destroyed');
    expect((await read(connection).done)?.code).toBe('destroyed');
  });

  test('a destroyed recorded connection is closed, although it has no reader', async () => {
    const connection = await open('a', 'b');
    connection.destroy();
    expect((await once(connection.closed$))?.code).toBe('destroyed');
  });

  test('no two recorded connections have the same id', async () => {
    const ids = await lastValueFrom(
      replayStreams(eventBatches([...monologue(0, 'a'), ...monologue(1, 'b')])).pipe(
        map(({ connection }) => connection.id),
        toArray(),
      ),
    );
    expect(new Set(ids).size).toBe(2);
  });
});

describe('what waits at a recorded connection', () => {
  function side() {
    const counted = { waiting: 0, readToEnd: 0 };
    const recorded = createRecordedSide(conversationEvents().conversation, 'server', 'recorded', {
      onWaitingChange: (change) => {
        counted.waiting += change;
      },
      onReadToEnd: () => counted.readToEnd++,
    });
    return { ...recorded, counted };
  }

  test('bytes that wait at a recorded connection are a copy, and count until they are read', async () => {
    const { connection, chunk, over, counted } = side();
    const block = Buffer.from('abc');
    chunk(block);
    over(null);
    block.fill(0x78);
    expect(counted.waiting).toBeGreaterThan(3);
    const chunks = await lastValueFrom(connection.chunks$.pipe(map(text), toArray()));
    expect([chunks, counted]).toEqual([['abc'], { waiting: 0, readToEnd: 1 }]);
  });

  test('bytes that wait at a recorded connection count no more once the connection is destroyed', () => {
    const { connection, chunk, counted } = side();
    chunk(Buffer.from('abc'));
    connection.destroy();
    chunk(Buffer.from('def'));
    expect(counted).toEqual({ waiting: 0, readToEnd: 1 });
  });
});

describe('a server on a replay', () => {
  test('a server on a replay stores what the recorded clients have sent, and completes', async () => {
    const { open, send, end, close } = conversationEvents();
    const frames = Buffer.concat([putFrame('a.txt', 'hello'), putFrame('b/c.txt', 'world')]);
    const events = [
      open(),
      send('client', frames.subarray(0, 7)),
      send('client', frames.subarray(7)),
      end('client'),
      end('server'),
      close(),
    ];
    const store = memoryStore();
    const happened$ = serve({ connections$: replayStreams(eventBatches(events)), store }).pipe(toArray());
    const happened = await lastValueFrom(happened$);
    expect(happened.flatMap((event) => (event.type === 'stored' ? [event.filename] : []))).toEqual([
      'a.txt',
      'b/c.txt',
    ]);
    expect(happened.at(-1)).toMatchObject({ type: 'closed', fault: null, remote: '10.0.0.1:5000' });
    expect(text(store.contents.get('b/c.txt')!.bytes)).toBe('world');
  });

  test('a server on a replay leaves nothing of a file whose end is not in the recording', async () => {
    const { open, send, gap, close } = conversationEvents();
    const frame = putFrame('a.txt', 'hello');
    const store = memoryStore();
    const events = [open(), send('client', frame.subarray(0, -2)), gap('client', 2), close()];
    const happened$ = serve({ connections$: replayStreams(eventBatches(events)), store }).pipe(toArray());
    const happened = await lastValueFrom(happened$);
    expect(happened.at(-1)).toMatchObject({ type: 'closed', fault: { code: 'incomplete' } });
    expect([store.contents.size, store.sinks]).toEqual([0, 0]);
  });
});
