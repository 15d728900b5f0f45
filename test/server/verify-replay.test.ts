/** Recorded sessions put to a server again: what is the same, and what is said of what is not. */
import { lastValueFrom, Subject, share, tap, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { LiveResult } from '../../src/capture/replay/live-result.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { replyFraming } from '../../src/files/protocol/reply.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import { serve } from '../../src/server/serve.ts';
import { type VerifyOptions, verifyStreams } from '../../src/server/verify-replay.ts';
import type { FileStore } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { ListenEvent } from '../../src/transport/listen-event.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { deframe } from '../../src/wire/deframe/deframe.ts';
import { conversationEvents, eventBatches } from '../support/captures/stream-events.ts';
import { frame, putFrame } from '../support/network/peer.ts';
import { bytesFrom } from '../support/random/seeded.ts';
import { pattern } from '../transport/connection-helpers.ts';

const verify = (events: readonly StreamEvent[], options: VerifyOptions = {}): Promise<LiveResult[]> =>
  lastValueFrom(verifyStreams(eventBatches(events), options).pipe(toArray()));

/** A conversation with a real server, recorded: each request, and all of its reply in one chunk behind it. */
async function recorded(
  requests: readonly Uint8Array[],
  { index = 0, store = memoryStore() } = {},
): Promise<StreamEvent[]> {
  const connections$ = new Subject<ListenEvent>();
  const serving = serve({ connections$, store }).subscribe();
  const [here, there] = memoryPair();
  connections$.next({ type: 'connection', connection: there });
  const { open, send, end, close } = conversationEvents(index);
  const events: StreamEvent[] = [open()];
  let reply: Uint8Array[] = [];
  let replies = 0;
  let isReply = false;
  const frames$ = here.chunks$.pipe(
    tap((chunk) => reply.push(chunk)),
    deframe(replyFraming()),
    tap((event) => {
      if (event.type === 'start') isReply = event.header.ack !== 'progress';
      // A reply is there with the last byte of its body.
      if (event.type === 'end' && isReply) replies++;
    }),
    share(),
  );
  const over = lastValueFrom(frames$, { defaultValue: null });
  for (const [at, request] of requests.entries()) {
    events.push(send('client', request));
    here.write([request], () => {});
    await expect.poll(() => replies, { interval: 5 }).toBeGreaterThan(at);
    events.push(send('server', Buffer.concat(reply)));
    reply = [];
  }
  here.end();
  await over;
  serving.unsubscribe();
  return [...events, end('client'), end('server'), close()];
}

const everyCommand = [
  frame({ cmd: 'hello', id: 1 }),
  putFrame('a.txt', 'hello', { id: 'x' }),
  putFrame('big', bytesFrom(3, 300_000), { id: 2, progress: 1000, upload: 'up' }),
  frame({ cmd: 'get', filename: 'big', id: 3 }),
  frame({ cmd: 'get', filename: 'a.txt', offset: 1, length: 2, id: 4 }),
  frame({ cmd: 'list', id: 5 }),
  frame({ cmd: 'stat', filename: 'none', id: 6 }),
  frame({ cmd: 'rename', filename: 'a.txt', to: 'b.txt', id: 7 }),
  frame({ cmd: 'delete', filename: 'big', id: 8 }),
  frame({ cmd: 'dance', filesize: 3, id: 9 }, 'abc'),
  frame({ cmd: 'ping', id: 10 }),
];

describe('a recorded session, verified,', () => {
  test('a replay equals its recording, whatever the requests were and however they are cut', async () => {
    const events = await recorded(everyCommand);
    for (const chunking of ['recorded', 'bytes', 'whole', { seed: 1 }] as const) {
      const [result] = await verify(events, { chunking });
      expect(result).toMatchObject({
        same: true,
        differences: [],
        fault: null,
        replies: everyCommand.length,
      });
    }
  });

  test.each(['bytes', 'whole'] as const)(
    'a replay equals a recording with lost frames, cut %s',
    async (chunking) => {
      const events = await recorded([frame({ cmd: 'ping' }), Buffer.from('GET / HTTP/1.1\r\n\r\n')]);
      expect(await verify(events, { chunking })).toMatchObject([{ same: true, fault: null, compared: 2 }]);
    },
  );

  test('a replay equals its recording when replies come in other pieces', async () => {
    const { open, send, end, close } = conversationEvents();
    const events = await recorded(everyCommand);
    const again: StreamEvent[] = [open()];
    for (const event of events) {
      if (event.type !== 'chunk') continue;
      if (event.from === 'client') again.push(send('client', event.bytes));
      else for (const byte of event.bytes.subarray(0, 900)) again.push(send('server', Uint8Array.of(byte)));
      if (event.from === 'server' && event.bytes.length > 900)
        again.push(send('server', event.bytes.subarray(900)));
    }
    again.push(end('client'), end('server'), close());
    expect(await verify(again)).toMatchObject([{ same: true, fault: null }]);
  });

  test('a replay equals its recording when the client had ended its side before the replies', async () => {
    const events = await recorded(everyCommand);
    const of = (from: string) =>
      events.filter((event) => (event.type === 'chunk' || event.type === 'end') && event.from === from);
    const [opened, ended] = [events[0]!, events.at(-1)!];
    const early = [opened, ...of('client'), ...of('server'), ended].map((event) =>
      event.type === 'chunk' ? { ...event, seen: 0 } : event,
    );
    expect(await verify(early)).toMatchObject([{ same: true, fault: null, differences: [] }]);
  });

  /** The recorded reply to the request at an index, with something else in it. */
  async function tampered(at: number, change: (reply: Buffer) => Buffer): Promise<LiveResult> {
    const events = await recorded([
      putFrame('a.txt', 'hello', { id: 1 }),
      frame({ cmd: 'get', filename: 'a.txt', id: 2 }),
      frame({ cmd: 'ping', id: 3 }),
    ]);
    let reply = 0;
    const { open, send, end, close } = conversationEvents();
    const changed = events.flatMap((event): StreamEvent[] => {
      if (event.type !== 'chunk') return [];
      if (event.from === 'client') return [send('client', event.bytes)];
      const bytes = reply++ === at ? change(Buffer.from(event.bytes)) : event.bytes;
      return bytes.length === 0 ? [] : [send('server', bytes)];
    });
    const [result] = await verify([open(), ...changed, end('client'), end('server'), close()]);
    return result!;
  }

  test('a difference names the field, the reply, the packet and the time', async () => {
    const result = await tampered(0, (reply) =>
      Buffer.from(reply.toString('latin1').replace('"size":5', '"size":6'), 'latin1'),
    );
    expect(result).toMatchObject({ same: false, fault: null, more: 0 });
    expect(result.differences).toMatchObject([
      {
        kind: 'header',
        reply: 1,
        packet: 2,
        at: expect.any(BigInt),
        expected: { ack: 'put', size: 6 },
        got: { ack: 'put', size: 5 },
        fields: [{ path: 'size', expected: 6, got: 5 }],
        message: 'reply 1: size was 6 and is 5',
      },
    ]);
  });

  test('a difference names the first byte of a body that differs, and later replies are still compared', async () => {
    const result = await tampered(1, (reply) => Buffer.concat([reply.subarray(0, -2), Buffer.from('XY')]));
    expect(result.differences).toMatchObject([
      {
        kind: 'body',
        reply: 2,
        message: 'reply 2: from byte 3 of the body on it was bytes 58 59 and is bytes 6c 6f',
      },
    ]);
    expect(result.replies).toBe(3);
  });

  test('a difference names a recorded reply that does not come', async () => {
    const result = await tampered(2, (reply) => Buffer.concat([reply, frame({ ack: 'more' })]));
    expect(result.differences).toMatchObject([{ kind: 'missing', reply: 4, expected: { ack: 'more' } }]);
    expect(result.fault).toMatchObject({
      code: 'ended',
      message: expect.stringContaining('4 replies, and 3 came'),
    });
  });

  test('a difference names a reply that was not recorded', async () => {
    const result = await tampered(2, () => Buffer.alloc(0));
    expect(result.differences).toMatchObject([{ kind: 'unexpected', reply: 3, got: { ack: 'ping', id: 3 } }]);
    expect(result.same).toBe(false);
  });

  test('a replay compares only the fields that are not ignored', async () => {
    const store = memoryStore();
    const events = await recorded(
      [putFrame('a', 'x', { id: 1, mtime: 5 }), frame({ cmd: 'stat', filename: 'a', id: 2 })],
      { store },
    );
    expect(await verify(events, { ignore: [] })).toMatchObject([{ same: true }]);
    const version = await recorded([frame({ cmd: 'hello', id: 1 })]);
    const [, , reply] = version;
    const other = {
      ...reply,
      bytes: Buffer.from(
        Buffer.from((reply as { bytes: Uint8Array }).bytes)
          .toString()
          .replace('sluice', 'slaice'),
      ),
    };
    const changed = version.map((event, at) => (at === 2 ? (other as StreamEvent) : event));
    expect(await verify(changed)).toMatchObject([{ same: true }]);
    expect(await verify(changed, { ignore: ['mtime'] })).toMatchObject([
      { same: false, differences: [{ fields: [{ path: 'server', expected: 'slaice', got: 'sluice' }] }] },
    ]);
  });

  test('a replay runs on the given store', async () => {
    const oldStore = async () => {
      const store = memoryStore();
      const sink = await store.put('old', { size: 3 });
      if (!sink.ok) throw new Error();
      await sink.value.write([pattern(3)]);
      await sink.value.commit();
      return store;
    };
    const events = await recorded([frame({ cmd: 'get', filename: 'old', id: 1 })], {
      store: await oldStore(),
    });
    expect(await verify(events)).toMatchObject([
      { same: false, differences: [{ kind: 'header', got: { error: { code: 'not-found' } } }] },
    ]);
    expect(await verify(events, { store: await oldStore() })).toMatchObject([{ same: true }]);
  });

  test('when a replay completes, the server has said of every connection that it is closed', async () => {
    const { open, send, reset, close } = conversationEvents();
    // The put is cut off in the middle, and what is left of it takes a while.
    const events = [
      open(),
      send('client', putFrame('a', pattern(300_000)).subarray(0, -1000)),
      reset('client'),
    ];
    const memory = memoryStore();
    const store: FileStore = {
      ...memory,
      put: async (...args) => {
        for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
        return memory.put(...args);
      },
    };
    const types: string[] = [];
    const onServerEvent = ({ type }: ServerEvent) => types.push(type);
    await verify([...events, close('reset')], { store, onServerEvent });
    const count = (wanted: string) => types.filter((type) => type === wanted).length;
    expect([count('opened'), count('closed')]).toEqual([1, 1]);
  });

  test('a replay keeps the order between conversations: one gets the file that another has stored', async () => {
    const store = memoryStore();
    const first = await recorded([putFrame('a', bytesFrom(1, 200_000), { id: 1 })], { store });
    const second = await recorded(
      [frame({ cmd: 'get', filename: 'a', id: 1 }), frame({ cmd: 'delete', filename: 'a', id: 2 })],
      { index: 1, store },
    );
    const third = await recorded([frame({ cmd: 'list', id: 1 })], { index: 2, store });
    // The first one stays open while the others come and go.
    const events = [...first.slice(0, -3), ...second, ...third, ...first.slice(-3)];
    for (let run = 0; run < 5; run++) {
      expect((await verify(events)).map(({ same }) => same)).toEqual([true, true, true]);
    }
  });

  test('a replay reports when a conversation is incomplete, and what cannot be compared', async () => {
    const { open, send, gap, close } = conversationEvents();
    const ping = frame({ cmd: 'ping' });
    const reply = frame({ ack: 'ping' });
    const lacking = [
      open(),
      send('client', ping),
      send('server', reply),
      gap('client', 9),
      send('client', ping),
      close('unfinished'),
    ];
    expect(await verify(lacking)).toMatchObject([
      {
        same: true,
        replies: 1,
        fault: {
          code: 'incomplete',
          message: expect.stringMatching(/^9 bytes that 10.0.0.1:5000 sent are missing/),
        },
      },
    ]);
    const other = conversationEvents(1);
    const half = [
      other.open(),
      other.send('client', ping),
      other.gap('server', 50),
      other.end('client'),
      other.end('server'),
      other.close(),
    ];
    expect(await verify(half)).toMatchObject([{ same: null, differences: [] }]);
  });

  test('a replay compares the recorded part of a conversation whose recording ends early', async () => {
    const { open, send, close } = conversationEvents();
    const ping = frame({ cmd: 'ping' });
    const events = [
      open(),
      send('client', ping),
      send('server', frame({ ack: 'ping' })),
      send('client', ping),
      close('unfinished'),
    ];
    expect(await verify(events)).toMatchObject([{ same: true, fault: null, replies: 2 }]);
  });

  test('a replay breaks off where the recorded client broke off', async () => {
    const { open, send, reset, close } = conversationEvents();
    const store = memoryStore();
    const events = [
      open(),
      send('client', putFrame('a', 'x', { id: 1 })),
      send('server', frame({ ack: 'put', id: 1, filename: 'a', size: 1, crc32: 2363233923, durable: true })),
      send('client', putFrame('b', 'yz').subarray(0, -1)),
      reset('client'),
      close('reset'),
    ];
    expect(await verify(events, { store })).toMatchObject([{ same: true, fault: null }]);
    expect([...store.contents.keys()]).toEqual(['a']);
  });

  test('a replay continues with other conversations when one is stuck, and names what it waited for', async () => {
    const [one, two] = [conversationEvents(0), conversationEvents(1)];
    const ping = frame({ cmd: 'ping' });
    const pong = frame({ ack: 'ping' });
    const events = [
      one.open(),
      one.send('client', ping),
      one.send('server', pong),
      one.send('server', frame({ ack: 'never' })),
      two.open(),
      two.send('client', ping),
      two.send('server', pong),
      two.end('client'),
      two.end('server'),
      two.close(),
      one.send('client', ping),
      one.send('server', pong),
      one.end('client'),
      one.end('server'),
      one.close(),
    ];
    const results = await verify(events, { stall: 100 });
    expect(results.map(({ conversation: { index }, same }) => [index, same])).toEqual([
      [1, true],
      [0, false],
    ]);
    expect(results[1]!.fault).toEqual({
      code: 'stalled',
      message: 'nothing has come for 0.1 s; recorded were 2 replies, and 1 came',
    });
  });

  test('a replay has no more conversations open at once than allowed', async () => {
    const conversations = [conversationEvents(0), conversationEvents(1), conversationEvents(2)];
    const events = [
      ...conversations.map(({ open }) => open()),
      ...conversations.flatMap(({ end, close }) => [end('client'), end('server'), close()]),
    ];
    const results = await verify(events, { maxOpen: 2 });
    expect(results.map(({ conversation: { index }, fault }) => [index, fault?.code])).toEqual([
      [2, 'too-many'],
      [0, undefined],
      [1, undefined],
    ]);
  });
});
