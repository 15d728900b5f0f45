/** From the bytes of a capture file to streams. */
import { describe, expect, test } from 'vitest';
import { type Capture, captureOf } from '../../src/capture/capture.ts';
import { readStreams, type StreamOptions } from '../../src/capture/read-streams.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { pcapBytes } from '../support/captures/capture-bytes.ts';
import { ipv4, piece, tcp } from '../support/captures/packet-bytes.ts';
import { inBlocks } from '../support/captures/read-capture.ts';
import { briefly, conversation, reassembled, type Script } from '../support/captures/segments.ts';
import { ipPacket, pcapOfSegments } from '../support/captures/segments-pcap.ts';

async function streamsOf(
  capture: Capture,
  options?: StreamOptions,
): Promise<{ events: StreamEvent[]; batches: number; fault: unknown }> {
  const events: StreamEvent[] = [];
  let batches = 0;
  try {
    for await (const batch of readStreams(capture, options)) {
      expect(batch).not.toHaveLength(0);
      events.push(...batch);
      batches++;
    }
  } catch (fault) {
    return { events, batches, fault };
  }
  return { events, batches, fault: null };
}

const ipv6 = {
  clientHost: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  serverHost: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
};
const exchange = (script: Script): Script =>
  script
    .handshake()
    .client('abc')
    .send('client', { position: 5, data: 'f' })
    .server('xyz')
    .client('g')
    .close();

describe.each([
  ['IPv4', {}],
  ['IPv6', ipv6],
])('over %s', (_, ends) => {
  const { segments } = exchange(conversation(ends));

  test('a capture file gives the same events as its segments', async () => {
    const { events, fault } = await streamsOf(captureOf(pcapOfSegments(segments)));
    expect(fault).toBeNull();
    const plain = (all: readonly StreamEvent[]) =>
      all.map((event) => (event.type === 'chunk' ? { ...event, bytes: [...event.bytes] } : event));
    expect(plain(events)).toEqual(plain(reassembled(segments)));
  });
});

const { segments } = exchange(conversation());
const file = pcapOfSegments(segments);

test('events come in batches, as the file is read', async () => {
  const { events, batches } = await streamsOf(inBlocks(file, new Array(file.length).fill(100)));
  expect(briefly(events)).toEqual(briefly(reassembled(segments)));
  expect(batches).toBeGreaterThan(3);
});

test('a file that ends too early gives the events before, closes its conversations, and then throws the fault', async () => {
  const { events, fault } = await streamsOf(captureOf(file.subarray(0, 24 + 56 * 3 + 59 + 10), 'short.pcap'));
  expect(briefly(events)).toEqual(['open', 'client "abc"', 'close unfinished']);
  expect(fault).toMatchObject({ code: 'truncated', after: 4, position: 24 + 56 * 3 + 59 });
});

test('a file that is no capture throws the fault, and gives no event', async () => {
  const { events, fault } = await streamsOf(captureOf(new Uint8Array(100)));
  expect(events).toEqual([]);
  expect(fault).toMatchObject({ code: 'not-a-capture' });
});

describe('packets that are in no stream', () => {
  const packets = segments.map(ipPacket);
  const [syn] = packets;
  const skippedIn = async (bytes: Uint8Array, originalLength = bytes.length) => {
    const capture = captureOf(pcapBytes({ packets: [...packets, { bytes, originalLength }], linkType: 101 }));
    const { events } = await streamsOf(capture);
    const last = events.pop();
    expect(briefly(events).filter((it) => !it.startsWith('skipped'))).toEqual(briefly(reassembled(segments)));
    expect(last).toMatchObject({ type: 'unread', packets: 1, reasons: [{ firstPacket: number }], others: 0 });
    return events.filter(({ type }) => type === 'skipped');
  };
  const changed = (at: number, ...bytes: readonly number[]): Uint8Array => {
    const packet = syn!.bytes.slice();
    packet.set(bytes, at);
    return packet;
  };
  const number = packets.length + 1;

  test('packets that are in no stream are reported when too little of them was captured', async () => {
    expect(await skippedIn(syn!.bytes.subarray(0, 30), 40)).toMatchObject([{ packet: number, why: 'cut' }]);
  });
  test('packets that are in no stream are reported when they contradict themselves', async () => {
    expect(await skippedIn(changed(32, 0x10))).toMatchObject([{ packet: number, why: 'malformed' }]);
  });
  test('packets that are in no stream are reported at the end, when they are fragments of packets that never became whole', async () => {
    // All fragments but the last have a multiple of 8 bytes: here 24.
    const { bytes } = ipPacket(conversation().client('abcd').segments[0]!);
    bytes.set([0x20, 0], 6);
    expect(await skippedIn(bytes)).toMatchObject([{ packet: number, why: 'fragment' }]);
  });
  test('packets that are in no stream are not reported one by one when they are not TCP', async () => {
    expect(await skippedIn(changed(9, 17))).toEqual([]);
  });
  test('packets with a wrong checksum are reported only when checksums are verified', async () => {
    const { events } = await streamsOf(captureOf(file), { checksums: 'verify' });
    expect(events.length).toBe(segments.length + 1);
    expect(new Set(briefly(events.slice(0, -1)))).toEqual(new Set(['skipped checksum']));
    expect(events.at(-1)).toMatchObject({ packets: segments.length, reasons: [{ why: 'checksum' }] });
  });
});

describe('at its end, a capture has an event with the packets that were not read, and why', () => {
  const ends = { from: '10.0.0.1:40000', to: '10.0.0.2:4789' };
  const udp = (port: number) => {
    const carried = { ...tcp({ ...ends, to: `10.0.0.2:${port}` }), protocol: 17 };
    return ipv4(carried);
  };
  const fragment = (id: number, from: number, to: number) =>
    ipv4(piece(tcp({ ...ends, payload: 'x'.repeat(100) }), from, to), { id, offset: from, more: to < 120 });
  const unreadIn = async (packets: readonly Uint8Array[], linkType = 101) => {
    const capture = captureOf(pcapBytes({ packets: packets.map((bytes) => ({ bytes })), linkType }));
    const { events } = await streamsOf(capture);
    return events.at(-1);
  };

  test('`unread` has the most frequent reason first, each with its first packet', async () => {
    const packets = [udp(9000), udp(4789), udp(4789), Uint8Array.of(0x50), udp(4789), udp(9000)];
    expect(await unreadIn(packets)).toEqual({
      type: 'unread',
      packets: 6,
      reasons: [
        { why: 'other', message: 'UDP, port 4789, perhaps VXLAN', packets: 3, firstPacket: 2 },
        { why: 'other', message: 'UDP, port 9000', packets: 2, firstPacket: 1 },
        { why: 'other', message: 'RAW, IP version 5', packets: 1, firstPacket: 4 },
      ],
      others: 0,
    });
  });

  test('`unread` has the same words for packets that are damaged or cut in the same way', async () => {
    const short = [25, 26, 27].map((length) => udp(4789).slice(0, length).fill(6, 9, 10));
    expect(await unreadIn(short)).toMatchObject({
      reasons: [{ why: 'malformed', message: 'TCP: the packet ends within the header', packets: 3 }],
    });
  });

  test('`unread` counts packets of a link type that is not read', async () => {
    expect(await unreadIn([udp(1), udp(2)], 143)).toMatchObject({
      reasons: [{ message: 'link type 143 (DOCSIS) is not read', packets: 2 }],
    });
  });

  test('`unread` counts fragments whose packet never became whole, with and without the first of them', async () => {
    const packets = [fragment(1, 0, 48), fragment(1, 48, 96), fragment(2, 48, 96), fragment(3, 96, 120)];
    expect(await unreadIn(packets)).toMatchObject({
      packets: 4,
      reasons: [
        { why: 'fragment', message: 'IPv4 fragment without its others', packets: 2, firstPacket: 1 },
        { why: 'fragment', message: 'IPv4 fragment without its first', packets: 2, firstPacket: 3 },
      ],
    });
  });

  test('`unread` does not count fragments of a packet that became whole', async () => {
    expect(await unreadIn([fragment(1, 0, 48), fragment(1, 48, 120)])).toMatchObject({ type: 'close' });
  });

  test('`unread` also counts fragments beyond those that are reported one by one', async () => {
    const packets = Array.from({ length: 3000 }, (_, id) => fragment(id, 48, 96));
    expect(await unreadIn(packets)).toMatchObject({
      packets: 3000,
      reasons: [
        { message: 'IP fragment of a packet that never became whole', packets: 3000 - 1024 },
        { message: 'IPv4 fragment without its first', packets: 1024 },
      ],
    });
  });

  test('`unread` comes also when the capture is damaged', async () => {
    const bytes = pcapBytes({ packets: [{ bytes: udp(53) }], linkType: 101 });
    const { events, fault } = await streamsOf(captureOf(Buffer.concat([bytes, new Uint8Array(5)])));
    expect(fault).toMatchObject({ code: 'truncated' });
    expect(events).toMatchObject([{ type: 'unread', packets: 1 }]);
  });

  test('`unread` does not come when all packets were read', async () => {
    const { events } = await streamsOf(captureOf(file));
    expect(events.at(-1)).toMatchObject({ type: 'close' });
  });

  test('fragments that overlap and differ are reported where they come', async () => {
    const one = fragment(1, 0, 48);
    const changed = one.slice();
    changed[60]! ^= 1;
    const packets = [one, changed, fragment(1, 48, 120)].map((bytes) => ({ bytes }));
    const { events } = await streamsOf(captureOf(pcapBytes({ packets, linkType: 101 })));
    expect(briefly(events)).toEqual([
      'fragment-conflict 40+1',
      'open',
      `client "${'x'.repeat(100)}"`,
      'close unfinished',
    ]);
  });
});

describe('behind a RST that is not decided about, what belongs to no conversation', () => {
  const ends = { from: '10.0.0.1:40000', to: '10.0.0.9:7000' };
  const fragment = ipv4(piece(tcp({ ...ends, payload: 'x'.repeat(100) }), 0, 48), { id: 1, more: true });
  const changed = fragment.slice();
  changed[60]! ^= 1;
  const udp = ipv4({ ...tcp(ends), protocol: 17 });
  const before = conversation().handshake().client('abc').rst('server').segments;
  const others = conversation({ clientPort: 4, from: 1_700_000_001_000_000_000n }).handshake().client('d');
  const packets = [
    ...before.map(ipPacket),
    ...[fragment, changed, udp].map((bytes) => ({ bytes, time: 1_700_000_001_000_000_000n })),
    ...others.segments.map(ipPacket),
  ];
  const capture = captureOf(pcapBytes({ packets, nano: true, linkType: 101 }));
  const reset = ['server reset', 'close reset'];
  const conflict = ['fragment-conflict 40+1', 'open', 'client "d"'];
  // Both fragments are of one packet, which never became whole; the third is UDP.
  const ending = ['skipped fragment', 'close unfinished', 'unread 3'];
  const opening = ['open', 'client "abc"'];

  test('an event of no conversation, behind an undecided RST, comes where its packet was when resets do, and what is not read comes last', async () => {
    const { events } = await streamsOf(capture, { resets: 'in-place' });
    expect(briefly(events)).toEqual([...opening, ...reset, ...conflict, ...ending]);
  });
  test('an event of no conversation, behind an undecided RST, does not wait for it otherwise, and what is not read comes last all the same', async () => {
    const { events } = await streamsOf(capture);
    expect(briefly(events)).toEqual([...opening, ...conflict, ending[0], ...reset, ...ending.slice(1)]);
  });
});

test('options that are out of their bounds are refused', async () => {
  const { fault } = await streamsOf(captureOf(file), { maxHeldBytes: -1 });
  expect(fault).toBeInstanceOf(RangeError);
});
