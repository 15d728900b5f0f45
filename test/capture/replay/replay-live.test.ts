/** Recorded clients against live servers over real sockets: what is sent when, and what is said of the answers. */
import {
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  NEVER,
  type Observable,
  of,
  ReplaySubject,
  Subject,
  tap,
  toArray,
} from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import type { CaptureFault } from '../../../src/capture/capture-fault.ts';
import { presetReplies } from '../../../src/capture/replay/asked-replies.ts';
import type { LiveResult } from '../../../src/capture/replay/live-result.ts';
import { type LiveOptions, replayStreamsTo } from '../../../src/capture/replay/replay-live.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { serve } from '../../../src/server/serve.ts';
import { sluiceReplies } from '../../../src/server/verify-replay.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { connectTcp, listenTcp } from '../../../src/transport/socket/tcp.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { presetNamed } from '../../../src/wire/presets.ts';
import { conversationEvents, eventBatches } from '../../support/captures/stream-events.ts';
import { frame, putFrame } from '../../support/network/peer.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { turns } from '../../transport/connection-helpers.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server that does this with each of its connections, in the order in which they come. */
async function server(attend: (connection: Connection, number: number) => void) {
  const events$ = new ReplaySubject<ListenEvent>();
  const connections: Connection[] = [];
  const listening = listenTcp({ port: 0 })
    .pipe(
      tap((event) => {
        if (event.type !== 'connection') return;
        connections.push(event.connection);
        attend(event.connection, connections.length - 1);
      }),
    )
    .subscribe(events$);
  stops.push(() => {
    listening.unsubscribe();
    for (const connection of connections) connection.destroy();
  });
  const { port } = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
  return { connect: () => connectTcp({ host: '127.0.0.1', port }), connections };
}

const played = <H>(
  events: readonly (StreamEvent | readonly StreamEvent[])[],
  connect: () => Observable<Connection>,
  options: LiveOptions<H> = {},
): Promise<LiveResult[]> =>
  lastValueFrom(replayStreamsTo(eventBatches(events), connect, { stall: 2000, ...options }).pipe(toArray()));

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const say = (connection: Connection, bytes: string | Uint8Array): void =>
  connection.write([Buffer.from(bytes)], () => {});

/** Answers each chunk in upper case, and ends when it is ended. */
function upper(connection: Connection): void {
  connection.chunks$.subscribe({
    next: (chunk) => say(connection, text(chunk).toUpperCase()),
    complete: () => connection.end(),
    error: () => {},
  });
}

/** A connection in memory whose server is this test. */
const scripted = (script: Partial<Connection>): Connection => ({
  id: 'scripted',
  local: 'client',
  remote: 'server',
  closed$: NEVER,
  chunks$: NEVER,
  write: (_chunks, settled) => setImmediate(settled),
  pause: () => {},
  resume: () => {},
  end: () => {},
  destroy: () => {},
  ...script,
});

describe('a recording sent to a live server', () => {
  test('a live server receives the recorded bytes, and its replies are compared', async () => {
    const { connect } = await server(upper);
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'hello'),
      send('server', 'HEL'),
      send('server', 'LO'),
      send('client', 'you'),
      send('server', 'YOU'),
      end('client'),
      end('server'),
      close(),
    ];
    expect(await played(events, connect)).toMatchObject([
      { sent: 8, received: 8, same: true, differences: [], fault: null },
    ]);
  });

  test('a difference in replies without frames names the first byte that differs', async () => {
    const { connect } = await server(upper);
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'abcd'),
      send('server', 'ABXD'),
      end('client'),
      end('server'),
      close(),
    ];
    expect(await played(events, connect)).toMatchObject([
      {
        same: false,
        fault: null,
        differences: [
          { kind: 'bytes', message: 'from byte 2 of the replies on it was bytes 58 44 and is bytes 43 44' },
        ],
      },
    ]);
  });

  test('a replay to a live server waits for a last reply that can be framed only by what was asked', async () => {
    const heard: string[] = [];
    const { connect } = await server((connection) => {
      let asked = 0;
      connection.chunks$.subscribe({
        next: async (chunk) => {
          heard.push(`${chunk.length} bytes`);
          if (++asked > 1) return say(connection, Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0));
          // What is sent without an answer comes in this time.
          await turns(30);
          heard.push('answered');
          say(connection, 'N');
        },
        complete: () => connection.end(),
        error: () => {},
      });
    });
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', Uint8Array.of(0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f)),
      send('server', 'N'),
      send('client', Uint8Array.of(0, 0, 0, 9, 0, 3, 0, 0, 0)),
      send('server', Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0)),
      end('client'),
      end('server'),
      close(),
    ];
    const replies = presetReplies(presetNamed('postgresql')!);
    expect(await played(events, connect, { replies })).toMatchObject([
      { replies: 2, compared: 2, same: true, fault: null },
    ]);
    expect(heard).toEqual(['8 bytes', 'answered', '9 bytes']);
  });

  test('a replay to a live server sends a chunk only when the replies have come that its client had seen', async () => {
    const heard: string[] = [];
    const { connect } = await server((connection) => {
      let asked = 0;
      connection.chunks$.subscribe({
        next: (chunk) => {
          heard.push(text(chunk));
          if (++asked > 1) return;
          // The answer comes in two parts, with time between them in which nothing more may come.
          say(connection, 'on');
          setTimeout(() => {
            heard.push('answered');
            say(connection, 'e');
          }, 60);
        },
        complete: () => connection.end(),
        error: () => {},
      });
    });
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'first'),
      send('server', 'one'),
      send('client', 'second', 0, 3),
      end('client'),
      end('server'),
      close(),
    ];
    expect(await played(events, connect)).toMatchObject([{ same: true, fault: null }]);
    expect(heard).toEqual(['first', 'answered', 'second']);
  });

  test('a replay to a live server does not wait for replies that its client had not seen', async () => {
    const { connect } = await server((connection) => {
      let all = '';
      connection.chunks$.subscribe({
        next: (chunk) => {
          all += text(chunk);
          if (all === 'firstsecond') say(connection, 'both');
        },
        complete: () => connection.end(),
        error: () => {},
      });
    });
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'first'),
      // Captured before the client sent on, but not yet there.
      send('server', 'both'),
      send('client', 'second', 0, 0),
      end('client'),
      end('server'),
      close(),
    ];
    expect(await played(events, connect)).toMatchObject([{ same: true, fault: null }]);
  });

  test('a replay to a live server ends its side where the client did, and reads on', async () => {
    const order: string[] = [];
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({
        next: (chunk) => order.push(text(chunk)),
        complete: () => {
          order.push('ended');
          say(connection, 'late');
          connection.end();
        },
        error: () => {},
      });
    });
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'a'),
      end('client'),
      send('server', 'late'),
      end('server'),
      close(),
    ];
    expect(await played(events, connect)).toMatchObject([{ received: 4, same: true, fault: null }]);
    expect(order).toEqual(['a', 'ended']);
  });

  test('a replay to a live server resets the connection where the client did', async () => {
    const faults: unknown[] = [];
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({ error: (fault) => faults.push(fault) });
    });
    const { open, send, reset, close } = conversationEvents();
    const events = [open(), send('client', 'a'), reset('client'), close('reset')];
    expect(await played(events, connect)).toMatchObject([{ same: true, fault: null }]);
    await expect.poll(() => faults).toMatchObject([{ code: 'reset' }]);
  });

  test('a replay to a live server opens connections at once that were open at once, and others one after the other', async () => {
    const { connect, connections } = await server(upper);
    const [one, two, three] = [conversationEvents(0), conversationEvents(1), conversationEvents(2)];
    let most = 0;
    let open = 0;
    const counted$ = () =>
      connect().pipe(
        tap((connection) => {
          most = Math.max(most, ++open);
          connection.closed$.subscribe(() => open--);
        }),
      );
    const whole = ({ open, send, end, close }: typeof one) => [
      [open(), send('client', 'x'), send('server', 'X')],
      [end('client'), end('server'), close()],
    ];
    const [a, b, c] = [whole(one), whole(two), whole(three)];
    await played([...a, ...b, ...c], counted$);
    expect(most).toBe(1);
    await played([a[0]!, b[0]!, c[0]!, a[1]!, b[1]!, c[1]!], counted$);
    expect(most).toBe(3);
    expect(connections).toHaveLength(6);
  });
});

describe('the pace of a live server', () => {
  test('a live server that takes nothing of what is sent gives its conversation a fault', async () => {
    const { open, send, close } = conversationEvents();
    const events = [open(), send('client', new Uint8Array(1024 * 1024 + 1)), close('unfinished')];
    const connect = () => of(scripted({ write: () => {} }));
    expect(await played(events, connect, { stall: 50 })).toMatchObject([
      { fault: { code: 'stalled', message: 'the server has taken nothing for 0.05 s' } },
    ]);
  });

  test('a live server that is far ahead of the recording is paused until the recording comes to it', async () => {
    const half = new Uint8Array(3 * 1024 * 1024);
    const chunks$ = new Subject<Uint8Array>();
    const calls: string[] = [];
    const connect = () =>
      of(
        scripted({
          chunks$,
          write(_chunks, settled) {
            setImmediate(settled);
            chunks$.next(half);
            chunks$.next(half);
          },
          pause: () => calls.push('pause'),
          resume() {
            calls.push('resume');
            chunks$.next(Uint8Array.of(1));
            chunks$.complete();
          },
        }),
      );
    const { open, send, end, close } = conversationEvents();
    const events = [
      open(),
      send('client', 'a'),
      send('server', half),
      send('server', half),
      send('server', Uint8Array.of(1)),
      end('client'),
      end('server'),
      close(),
    ];
    expect(await played(events, connect)).toMatchObject([{ same: true, fault: null }]);
    expect(calls).toEqual(['pause', 'resume']);
  });
});

describe('several conversations with a live server', () => {
  test('a conversation beyond maxOpen is not replayed, and its fault says so', async () => {
    const { connect, connections } = await server(upper);
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const parts = ({ open, send, end, close }: typeof one) => [
      [open(), send('client', 'x'), send('server', 'X')],
      [end('client'), end('server'), close()],
    ];
    const [a, b] = [parts(one), parts(two)];
    const results = await played([a[0]!, b[0]!, a[1]!, b[1]!], connect, { maxOpen: 1 });
    expect(results).toMatchObject([
      {
        sent: 0,
        same: null,
        fault: { code: 'too-many', message: '1 conversations are open already' },
      },
      { sent: 1, same: true, fault: null },
    ]);
    expect(connections).toHaveLength(1);
  });

  test('bytes that are put together for a larger chunk are sent before another conversation sends', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const written: string[] = [];
    const connect = () =>
      of(
        scripted({
          write(chunks, settled) {
            written.push(...chunks.map(text));
            setImmediate(settled);
          },
        }),
      );
    const events = [
      one.open(),
      two.open(),
      one.send('client', 'o'),
      one.send('client', 'ne'),
      two.send('client', 'two'),
      two.end('client'),
      two.close('unfinished'),
      one.close('unfinished'),
    ];
    await played(events, connect, { chunking: 'whole', stall: 50 });
    expect(written).toEqual(['one', 'two']);
  });
});

describe('replies that are longer or shorter than they were', () => {
  /** Two questions, the second asked when the first was answered. */
  function asked(): StreamEvent[] {
    const { open, send, end, close } = conversationEvents();
    return [
      open(),
      send('client', 'q1'),
      send('server', '\x03abc'),
      send('client', 'q2'),
      send('server', '\x01z'),
      end('client'),
      end('server'),
      close(),
    ];
  }
  const answering = (...answers: string[]) =>
    server((connection) => {
      connection.chunks$.subscribe({
        next: () => say(connection, answers.shift() ?? ''),
        complete: () => connection.end(),
        error: () => {},
      });
    });
  const replies = { framing: lengthField({ width: 1, maxLength: 255 }) };

  test.each([
    ['shorter', '\x01a'],
    ['longer', '\x05abcde'],
  ])('replies with frames are counted by frames, also when they are %s than they were', async (_, answer) => {
    const { connect } = await answering(answer, '\x01z');
    const [result] = await played(asked(), connect, { replies });
    expect(result).toMatchObject({ sent: 4, replies: 2, same: false, fault: null });
    expect(result!.differences).toHaveLength(1);
    expect(result!.differences[0]).toMatchObject({ reply: 1, packet: 2 });
  });

  test('replies without frames are awaited by their bytes, and the fault says how many did not come', async () => {
    const { connect } = await answering('\x01a', '\x01z');
    expect(await played(asked(), connect, { stall: 100 })).toMatchObject([
      {
        sent: 2,
        same: false,
        fault: {
          code: 'stalled',
          message: 'nothing has come for 0.1 s; recorded were 4 bytes of replies, and 2 came',
        },
      },
    ]);
  });

  test('replies that do not come at all give their conversation a fault', async () => {
    const { connect } = await answering();
    expect(await played(asked(), connect, { stall: 100, replies })).toMatchObject([
      {
        fault: {
          code: 'stalled',
          message: 'nothing has come for 0.1 s; recorded was 1 reply, and 0 came',
        },
      },
    ]);
  });

  /** Says it again and again, as fast as it is read. */
  const forever = (words: Uint8Array) => (connection: Connection) => {
    const go = (fault?: unknown): void => {
      if (fault === undefined) connection.write([words], go);
    };
    connection.chunks$.subscribe({ next: () => go(), error: () => {} });
  };

  test('a replay to a live server waits no more once the replies cannot be framed, however much comes', async () => {
    const { connect } = await server(forever(Buffer.alloc(65_536, 0xff)));
    const short = { framing: lengthField({ width: 1, maxLength: 100 }) };
    expect(await played(asked(), connect, { replies: short })).toMatchObject([
      {
        same: false,
        fault: {
          code: 'stalled',
          message: 'no more replies are understood; recorded was 1 reply, and 0 came',
        },
      },
    ]);
  });

  test('replies that never end are read up to a bound', async () => {
    const { connect } = await server(forever(Buffer.alloc(65_536, 0x41)));
    const { open, send, close } = conversationEvents();
    const events = [open(), send('client', 'a'), send('server', 'AAAA'), close('unfinished')];
    const [result] = await played(events, connect);
    expect(result!.received).toBeLessThan(64 * 1024 * 1024);
  });

  test('replies of many bytes that an unfinished recording does not have are read without a wait', async () => {
    // So long a wait would outlast the test.
    const stall = 2 ** 31 - 1;
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({
        next: () => connection.write([Buffer.alloc(10_000_000)], () => {}),
        complete: () => connection.end(),
        error: () => {},
      });
    });
    const { open, send, close } = conversationEvents();
    const events = [open(), send('client', 'a'), close('unfinished')];
    const [result] = await played(events, connect, { stall });
    expect(result).toMatchObject({ received: 10_000_000, same: true, fault: null });
  });

  test('a server that ends its side before all replies have come gives the conversation a fault', async () => {
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({ next: () => connection.end(), error: () => {} });
    });
    expect(await played(asked(), connect, { replies })).toMatchObject([
      {
        fault: {
          code: 'ended',
          message: 'the server ended the connection; recorded was 1 reply, and 0 came',
        },
      },
    ]);
  });
});

describe('a server of Sluice', () => {
  const files = { a: bytesFrom(1, 100_000), b: bytesFrom(2, 3_000_000) };
  async function sluiceServer() {
    const store = memoryStore();
    const events$ = new ReplaySubject<ServerEvent>();
    const serving = serve({ connections$: listenTcp({ port: 0 }), store }).subscribe(events$);
    stops.push(() => serving.unsubscribe());
    const { port } = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening')));
    return { store, connect: () => connectTcp({ host: '127.0.0.1', port }) };
  }

  test.each(['recorded', 'whole', { seed: 4 }] as const)(
    'a live server of Sluice stores again what was recorded, in chunks as %o makes them',
    async (chunking) => {
      const { store, connect } = await sluiceServer();
      const { open, send, end, close } = conversationEvents();
      const events: StreamEvent[] = [open()];
      for (const [name, bytes] of Object.entries(files)) {
        const put = putFrame(name, bytes, { id: name });
        for (let at = 0; at < put.length; at += 16_000)
          events.push(send('client', put.subarray(at, at + 16_000), 0, null));
      }
      events.push(end('client'), end('server'), close('unfinished'));
      const [result] = await played(events, connect, { chunking, replies: sluiceReplies() });
      expect(result).toMatchObject({ fault: null, replies: 2 });
      expect(Buffer.from(store.contents.get('b')!.bytes).equals(files.b)).toBe(true);
      expect(Buffer.from(store.contents.get('a')!.bytes).equals(files.a)).toBe(true);
    },
  );

  test('recorded replies of many bytes wait in bounded memory while a live server sends its own', async () => {
    const { store, connect } = await sluiceServer();
    const size = 64 * 1024 * 1024;
    const sink = await store.put('huge', { size });
    if (!sink.ok) throw new Error('no');
    const block = bytesFrom(9, 1024 * 1024);
    for (let at = 0; at < size; at += block.length) await sink.value.write([block]);
    const committed = await sink.value.commit();
    if (!committed.ok) throw new Error('no');
    const { open, send, end, close } = conversationEvents();
    const { mtime, crc32 } = committed.value;
    const reply = frame({ ack: 'get', filename: 'huge', size, mtime, crc32, offset: 0, body: size, id: 1 });
    const lead = [
      open(),
      send('client', frame({ cmd: 'get', filename: 'huge', id: 1 })),
      send('server', reply),
    ];
    /** Bytes that the recording has said and that have not come. */
    let most = 0;
    let said = 0;
    let came = 0;
    async function* reading(): AsyncGenerator<readonly StreamEvent[]> {
      yield lead;
      for (let at = 0; at < size; at += block.length) {
        yield [send('server', block)];
        said += block.length;
        most = Math.max(most, said - came);
      }
      yield [end('client'), end('server'), close()];
    }
    const counted$ = () =>
      connect().pipe(
        map((connection) => ({
          ...connection,
          chunks$: connection.chunks$.pipe(tap(({ length }) => (came += length))),
        })),
      );
    const results$ = replayStreamsTo(reading, counted$, { replies: sluiceReplies() });
    expect(await lastValueFrom(results$)).toMatchObject({ same: true, replies: 1, fault: null });
    expect(most).toBeLessThan(18 * 1024 * 1024);
    expect(came).toBeGreaterThan(size);
  });
});

describe('what can go wrong', () => {
  const { open, send, close } = conversationEvents();

  test('a server that is not there gives each conversation a fault', async () => {
    const { connect } = await server(() => {});
    for (const stop of stops.splice(0)) stop();
    await turns(5);
    const events = [open(), send('client', 'a'), send('server', 'b'), close('unfinished')];
    expect(await played(events, connect)).toMatchObject([
      { sent: 0, same: false, fault: { code: 'connect' } },
    ]);
  });

  test('a server that breaks off gives its conversation a fault', async () => {
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({ next: () => connection.destroy(), error: () => {} });
    });
    const events = [open(), send('client', 'a'), send('server', 'b'), close('unfinished')];
    expect(await played(events, connect)).toMatchObject([{ sent: 1, same: false, fault: { code: 'broke' } }]);
  });

  test('a replay to a live server of a cut capture errors after the results of everything before the cut', async () => {
    const { connect } = await server(upper);
    const fault: CaptureFault = { code: 'truncated', message: 'too short', position: 1, after: 1 };
    const results: LiveResult[] = [];
    const one = conversationEvents();
    const events = [one.open(), one.send('client', 'a'), one.send('server', 'A')];
    const run$ = replayStreamsTo(eventBatches(events, fault), connect).pipe(
      tap((result) => results.push(result)),
    );
    await expect(lastValueFrom(run$)).rejects.toBe(fault);
    expect(results).toMatchObject([{ sent: 1, same: true }]);
  });

  test('unsubscribing from a replay to a live server drops its connections', async () => {
    const closed: unknown[] = [];
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({ next: () => replaying.unsubscribe(), error: () => {} });
      connection.closed$.subscribe((how) => closed.push(how));
    });
    const events = [
      open(),
      send('client', 'a'),
      send('server', 'never'),
      send('client', 'b'),
      close('unfinished'),
    ];
    const replaying = replayStreamsTo(eventBatches(events), connect).subscribe();
    await expect.poll(() => closed).toMatchObject([{ code: 'reset' }]);
  });
});
