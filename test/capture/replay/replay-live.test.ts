/** Recorded clients against live servers over real sockets: what is sent when, and what is said of the answers. */
import {
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  type Observable,
  ReplaySubject,
  tap,
  toArray,
} from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import type { CaptureFault } from '../../../src/capture/capture-fault.ts';
import { presetReplies } from '../../../src/capture/replay/asked-replies.ts';
import type { LiveResult } from '../../../src/capture/replay/replay-client.ts';
import { type LiveOptions, replayStreamsTo } from '../../../src/capture/replay/replay-live.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { serve } from '../../../src/server/serve.ts';
import { sluiceReplies } from '../../../src/server/verify-replay.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen.ts';
import { connectTcp, listenTcp } from '../../../src/transport/socket/tcp.ts';
import { lengthField } from '../../../src/wire/length-field.ts';
import { presetNamed } from '../../../src/wire/presets.ts';
import { conversationEvents, eventBatches } from '../../support/captures/stream-events.ts';
import { frame, putFrame } from '../../support/network/peer.ts';
import { bytesFrom } from '../../support/seeded.ts';
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

describe('a recording sent to a live server', () => {
  test('a recording sent to a live server has the recorded bytes arrive and the replies compared', async () => {
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

  test('a recording sent to a live server is told from which byte on replies differ that are not in frames', async () => {
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

  test('a recording sent to a live server waits for an answer that only what was asked tells, which nothing follows', async () => {
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

  test('a recording sent to a live server sends a chunk only when the replies are there that its client had seen', async () => {
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

  test('a recording sent to a live server does not wait for what its client had not seen', async () => {
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

  test('a recording sent to a live server ends the side of the client where it did, and reads on', async () => {
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

  test('a recording sent to a live server breaks off where the client did', async () => {
    const faults: unknown[] = [];
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({ error: (fault) => faults.push(fault) });
    });
    const { open, send, reset, close } = conversationEvents();
    const events = [open(), send('client', 'a'), reset('client'), close('reset')];
    expect(await played(events, connect)).toMatchObject([{ same: true, fault: null }]);
    await expect.poll(() => faults).toMatchObject([{ code: 'reset' }]);
  });

  test('a recording sent to a live server has open at once what was open at once, and one after the other what was not', async () => {
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
  ])(
    'replies that are longer or shorter than they were are counted by frames where these are known: %s',
    async (_, answer) => {
      const { connect } = await answering(answer, '\x01z');
      const [result] = await played(asked(), connect, { replies });
      expect(result).toMatchObject({ sent: 4, replies: 2, same: false, fault: null });
      expect(result!.differences).toHaveLength(1);
      expect(result!.differences[0]).toMatchObject({ reply: 1, packet: 2 });
    },
  );

  test('replies that are longer or shorter than they were are waited for by their bytes where they are not, and it is said for what', async () => {
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

  test('replies that do not come at all are the fault of that conversation', async () => {
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

  test('replies that cannot be framed any more are not waited for, however much comes', async () => {
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

  test('replies that never end are listened to for a while', async () => {
    const { connect } = await server(forever(Buffer.alloc(65_536, 0x41)));
    const { open, send, close } = conversationEvents();
    const events = [open(), send('client', 'a'), send('server', 'AAAA'), close('unfinished')];
    const [result] = await played(events, connect);
    expect(result!.received).toBeLessThan(64 * 1024 * 1024);
  });

  test('replies that end too early are reported', async () => {
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
    'a live server of Sluice stores again what was recorded, cut %o',
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

  test('a live server of Sluice may send gigabytes: what was recorded of it waits in bounded memory', async () => {
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

  test('a server that is not there is the fault of each conversation', async () => {
    const { connect } = await server(() => {});
    for (const stop of stops.splice(0)) stop();
    await turns(5);
    const events = [open(), send('client', 'a'), send('server', 'b'), close('unfinished')];
    expect(await played(events, connect)).toMatchObject([
      { sent: 0, same: false, fault: { code: 'connect' } },
    ]);
  });

  test('a server that breaks off is told of', async () => {
    const { connect } = await server((connection) => {
      connection.chunks$.subscribe({ next: () => connection.destroy(), error: () => {} });
    });
    const events = [open(), send('client', 'a'), send('server', 'b'), close('unfinished')];
    expect(await played(events, connect)).toMatchObject([{ sent: 1, same: false, fault: { code: 'broke' } }]);
  });

  test('a capture that ends early is told behind the results of everything before it', async () => {
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

  test('unsubscribing drops the connections', async () => {
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
