/** How the bytes of one side come together: order, overlaps, retransmissions, probes. */
import { describe, expect, test } from 'vitest';
import type { ConversationClose, StreamChunk, StreamEvent } from '../../../src/capture/stream-event.ts';
import {
  briefEvents,
  briefly,
  conversation,
  opened,
  reassembled,
  type Script,
} from '../../support/captures/segments.ts';

const totals = (events: readonly StreamEvent[]) =>
  events.find((event): event is ConversationClose => event.type === 'close')!.totals;

test('bytes in order are handed on at once, as views of their packets', () => {
  const { segments } = opened().client('abc');
  const events = reassembled(segments);
  expect(briefly(events)).toEqual(['open', 'client "abc"', 'close unfinished']);
  const chunk = events.find((event): event is StreamChunk => event.type === 'chunk')!;
  expect(chunk.bytes).toBe(segments.at(-1)!.payload);
  expect(chunk).toMatchObject({ position: 0, packet: 4, capturedAt: segments.at(-1)!.packet.time });
});

test('a segment without bytes has no event', () => {
  expect(briefEvents(opened().ack('client').ack('server'))).toEqual(['open', 'close unfinished']);
});

test('two sides are put in order apart from each other', () => {
  expect(briefEvents(opened().client('ab').server('cd').client('ef'))).toEqual([
    'open',
    'client "ab"',
    'server "cd"',
    'client "ef"',
    'close unfinished',
  ]);
});

describe('out of order', () => {
  const script = (): Script =>
    opened()
      .send('client', { position: 4, data: 'ef' })
      .send('client', { position: 2, data: 'cd' })
      .send('client', { position: 0, data: 'ab' });

  test('bytes that came out of order wait for those in front of them', () => {
    expect(briefEvents(script())).toEqual([
      'open',
      'client "ab"',
      'client "cd"',
      'client "ef"',
      'close unfinished',
    ]);
  });
  test('bytes that came out of order keep their capture time, and are not deliverable before those in front of them', () => {
    const { segments } = script();
    const times = segments.map(({ packet }) => packet.time);
    const chunks = reassembled(segments).filter((event): event is StreamChunk => event.type === 'chunk');
    expect(chunks.map(({ capturedAt }) => capturedAt)).toEqual([times[5], times[4], times[3]]);
    expect(chunks.map(({ deliverableAt }) => deliverableAt)).toEqual([times[5], times[5], times[5]]);
    expect(chunks.map(({ packet }) => packet)).toEqual([6, 5, 4]);
  });
  test('packets that came out of order are counted', () => {
    expect(totals(reassembled(script().segments)).client).toEqual({
      packets: 5,
      bytes: 6,
      missing: 0,
      retransmitted: 0,
      outOfOrder: 2,
    });
  });
  test('packets behind one that was lost were not out of order', () => {
    const { segments } = opened().lose('client', 5).client('ab');
    expect(totals(reassembled(segments)).client).toMatchObject({ bytes: 2, missing: 5, outOfOrder: 0 });
  });
});

describe('retransmitted', () => {
  test('retransmitted bytes are dropped, and counted', () => {
    const { segments } = opened().client('abc').send('client', { position: 0, data: 'abc' }).client('d');
    const events = reassembled(segments);
    expect(briefly(events)).toEqual(['open', 'client "abc"', 'client "d"', 'close unfinished']);
    expect(totals(events).client).toMatchObject({ bytes: 4, retransmitted: 1, packets: 5 });
  });
  test('a retransmission with new bytes behind the old ones delivers only the new ones', () => {
    expect(briefEvents(opened().client('abc').send('client', { position: 1, data: 'bcde' }))).toEqual([
      'open',
      'client "abc"',
      'client "de"',
      'close unfinished',
    ]);
  });
  test('retransmitted bytes are dropped and counted while the first copy waits', () => {
    const { segments } = opened()
      .send('client', { position: 2, data: 'cd' })
      .send('client', { position: 2, data: 'cd' })
      .send('client', { position: 0, data: 'ab' });
    const events = reassembled(segments);
    expect(briefly(events)).toEqual(['open', 'client "ab"', 'client "cd"', 'close unfinished']);
    expect(totals(events).client).toMatchObject({ retransmitted: 1 });
  });
  test('a retransmission that fills several holes at once keeps what waited between them', () => {
    const script = opened()
      .send('client', { position: 1, data: 'B' })
      .send('client', { position: 3, data: 'D' })
      .send('client', { position: 0, data: 'aBcDe' });
    const events = reassembled(script.segments);
    expect(briefly(events).slice(1, -1).join('')).toBe('client "a"client "B"client "c"client "D"client "e"');
    const packets = events.flatMap((event) => (event.type === 'chunk' ? [event.packet] : []));
    expect(packets).toEqual([6, 4, 6, 5, 6]);
  });
});

describe('overlapping bytes that differ', () => {
  test('of overlapping bytes that differ, the first to come win while they wait', () => {
    const script = opened()
      .send('client', { position: 2, data: 'cdef' })
      .send('client', { position: 1, data: 'bcXXf' })
      .send('client', { position: 0, data: 'a' });
    expect(briefEvents(script)).toEqual([
      'open',
      'client conflict 3+2',
      'client "a"',
      'client "b"',
      'client "cdef"',
      'close unfinished',
    ]);
  });
  test('of overlapping bytes that differ, the first to come win shortly after they were delivered, too', () => {
    const script = opened().client('abc').client('def').send('client', { position: 1, data: 'bXdYfgh' });
    const events = reassembled(script.segments);
    expect(briefly(events)).toEqual([
      'open',
      'client "abc"',
      'client "def"',
      'client "gh"',
      'client conflict 2+3',
      'close unfinished',
    ]);
    expect(events.find(({ type }) => type === 'conflict')).toMatchObject({ packet: 6 });
  });
  test('a conflict is from the first to the last byte that differs, however long the overlap', () => {
    const long = new Uint8Array(5000).fill(7);
    const later = long.slice();
    later[100] = 1;
    later[4000] = 2;
    const { segments } = opened().client(long).send('client', { position: 0, data: later });
    expect(briefly(reassembled(segments)).slice(2)).toEqual(['client conflict 100+3901', 'close unfinished']);
  });
  test('overlapping bytes of different conversations are not compared', () => {
    const one = conversation().handshake().client('aaaa');
    const two = conversation({ clientPort: 2, number: 9 }).handshake().client('bbbb');
    const again = one.segments.at(-1)!;
    expect(briefly(reassembled([...one.segments, ...two.segments, again])).join()).not.toContain('conflict');
  });
  test('overlapping bytes that differ are noticed before it is known where the side begins', () => {
    const script = conversation()
      .send('client', { position: 2, data: 'cd' })
      .send('client', { position: 2, data: 'cX' })
      .send('client', { position: 0, data: 'ab' });
    expect(briefEvents(script)).toEqual([
      'open',
      'client conflict 3+1',
      'client "ab"',
      'client "cd"',
      'close unfinished',
    ]);
  });
});

describe('sequence numbers that wrap', () => {
  test.each([2 ** 32 - 1, 2 ** 32 - 2, 2 ** 32 - 3, 2 ** 31 - 2])(
    'sequence numbers from %i on may wrap',
    (clientIsn) => {
      const script = conversation({ clientIsn, serverIsn: clientIsn })
        .handshake()
        .client('ab')
        .send('client', { position: 4, data: 'ef' })
        .server('xyz')
        .send('client', { position: 2, data: 'cd' })
        .send('client', { position: 1, data: 'bcd' })
        .close();
      expect(briefEvents(script)).toEqual([
        'open',
        'client "ab"',
        'server "xyz"',
        'client "cd"',
        'client "ef"',
        'client end',
        'server end',
        'close ended',
      ]);
    },
  );
  test('positions go on beyond 2^32', () => {
    const script = opened();
    for (let i = 0; i < 6; i++) script.lose('client', 2 ** 30).client('x');
    const chunks = reassembled(script.segments, { maxHeldSegments: 0 }).filter(
      (event): event is StreamChunk => event.type === 'chunk',
    );
    expect(chunks.map(({ position }) => position)).toEqual(
      [1, 2, 3, 4, 5, 6].map((i) => i * 2 ** 30 + i - 1),
    );
  });
});

describe('keep-alives and probes', () => {
  test('a keep-alive without a byte has no event', () => {
    const { segments } = opened().client('abc').send('client', { position: 2 }).ack('server').client('d');
    expect(briefly(reassembled(segments))).toEqual([
      'open',
      'client "abc"',
      'client "d"',
      'close unfinished',
    ]);
  });
  test('the byte of a keep-alive is neither data nor a conflict', () => {
    const { segments } = opened().client('abc').send('client', { position: 2, data: '\0' }).client('d');
    const events = reassembled(segments);
    expect(briefly(events)).toEqual(['open', 'client "abc"', 'client "d"', 'close unfinished']);
    expect(totals(events).client).toMatchObject({ retransmitted: 0, bytes: 4 });
  });
  test('a keep-alive before the first byte of a side is neither data nor a conflict', () => {
    expect(briefEvents(opened().send('client', { position: -1, data: '\0' }).client('a'))).toEqual([
      'open',
      'client "a"',
      'close unfinished',
    ]);
  });
  test('a keep-alive while bytes wait behind a hole is neither data nor a conflict', () => {
    const script = opened()
      .send('client', { position: 2, data: 'cd' })
      .send('client', { position: 3, data: '\0' })
      .send('client', { position: 0, data: 'ab' });
    expect(briefEvents(script)).toEqual(['open', 'client "ab"', 'client "cd"', 'close unfinished']);
  });
  test('a zero window probe brings the next byte, which is data', () => {
    const script = opened()
      .client('abc')
      .send('client', { position: 3, data: 'd' })
      .send('client', { position: 3, data: 'd' })
      .send('client', { position: 3, data: 'def' });
    expect(briefEvents(script)).toEqual([
      'open',
      'client "abc"',
      'client "d"',
      'client "ef"',
      'close unfinished',
    ]);
  });
});

test('times before 1970, which an offset of pcapng can make, are times like others', () => {
  const script = opened().send('client', { data: 'a', time: -5_000_000_000n });
  const chunk = reassembled(script.segments).find(({ type }) => type === 'chunk');
  expect(chunk).toMatchObject({ capturedAt: -5_000_000_000n, deliverableAt: -5_000_000_000n });
});

describe('what a sender had seen', () => {
  const seen = (script: Script): (number | null)[] =>
    reassembled(script.segments).flatMap((event) => (event.type === 'chunk' ? [event.seen] : []));

  test('the `seen` of a chunk is what it had acknowledged, as a position of the other side', () => {
    expect(
      seen(opened().client('abc').server('d').client('e').send('server', { data: 'f', ack: 3 })),
    ).toEqual([0, 3, 1, 3]);
  });
  test('the `seen` of a chunk is the same for bytes that waited', () => {
    const script = opened()
      .server('xyz')
      .send('client', { position: 1, data: 'b', ack: 3 })
      .send('client', { position: 0, data: 'a', ack: 2 });
    expect(seen(script)).toEqual([0, 2, 3]);
  });
  test('the `seen` of a chunk does not count a FIN, which has a number but is no byte', () => {
    expect(seen(opened().client('abc').fin('client').server('d'))).toEqual([0, 3]);
  });
  test('the `seen` of a chunk is not known without an acknowledgement, or when nothing of the other side is', () => {
    expect(seen(opened().send('client', { data: 'a', ack: null }))).toEqual([null]);
  });
});
