/** From the bytes of a capture file to streams. */
import { describe, expect, test } from 'vitest';
import { type Capture, captureOf } from '../../src/capture/capture.ts';
import { readStreams, type StreamOptions } from '../../src/capture/read-streams.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { pcapBytes } from '../support/capture-bytes.ts';
import { inBlocks } from '../support/reading.ts';
import { briefly, conversation, reassembled, type Script } from '../support/segments.ts';
import { ipPacket, pcapOfSegments } from '../support/segments-pcap.ts';

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
const talk = (script: Script): Script =>
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
  const { segments } = talk(conversation(ends));

  test('a file tells what its segments tell', async () => {
    const { events, fault } = await streamsOf(captureOf(pcapOfSegments(segments)));
    expect(fault).toBeNull();
    const plain = (all: readonly StreamEvent[]) =>
      all.map((event) => (event.type === 'chunk' ? { ...event, bytes: [...event.bytes] } : event));
    expect(plain(events)).toEqual(plain(reassembled(segments)));
  });
});

const { segments } = talk(conversation());
const file = pcapOfSegments(segments);

test('events come in batches, as the file is read', async () => {
  const { events, batches } = await streamsOf(inBlocks(file, new Array(file.length).fill(100)));
  expect(briefly(events)).toEqual(briefly(reassembled(segments)));
  expect(batches).toBeGreaterThan(3);
});

test('a file that ends too early gives what came before, closes, and then says so', async () => {
  const { events, fault } = await streamsOf(captureOf(file.subarray(0, 24 + 56 * 3 + 59 + 10), 'short.pcap'));
  expect(briefly(events)).toEqual(['open', 'client "abc"', 'close unfinished']);
  expect(fault).toMatchObject({ code: 'truncated', after: 4, position: 24 + 56 * 3 + 59 });
});

test('what is no capture says so, and nothing else', async () => {
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
    expect(briefly(events).filter((it) => !it.startsWith('skipped'))).toEqual(briefly(reassembled(segments)));
    return events.filter(({ type }) => type === 'skipped');
  };
  const changed = (at: number, ...bytes: readonly number[]): Uint8Array => {
    const packet = syn!.bytes.slice();
    packet.set(bytes, at);
    return packet;
  };
  const number = packets.length + 1;

  test('are told when too little of them was captured', async () => {
    expect(await skippedIn(syn!.bytes.subarray(0, 30), 40)).toMatchObject([{ packet: number, why: 'cut' }]);
  });
  test('and when they contradict themselves', async () => {
    expect(await skippedIn(changed(32, 0x10))).toMatchObject([{ packet: number, why: 'malformed' }]);
  });
  test('and at the end, when they are fragments of what never became whole', async () => {
    // All fragments but the last have a multiple of 8 bytes: here 24.
    const { bytes } = ipPacket(conversation().client('abcd').segments[0]!);
    bytes.set([0x20, 0], 6);
    expect(await skippedIn(bytes)).toMatchObject([{ packet: number, why: 'fragment' }]);
  });
  test('but not when they are not TCP', async () => {
    expect(await skippedIn(changed(9, 17))).toEqual([]);
  });
  test('and with a wrong checksum only when checksums are verified', async () => {
    const { events } = await streamsOf(captureOf(file), { checksums: 'verify' });
    expect(events.length).toBe(segments.length);
    expect(new Set(briefly(events))).toEqual(new Set(['skipped checksum']));
  });
});

test('options that are out of their bounds are refused', async () => {
  const { fault } = await streamsOf(captureOf(file), { maxHeldBytes: -1 });
  expect(fault).toBeInstanceOf(RangeError);
});
