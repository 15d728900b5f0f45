/** The table of a recording: its rows for chunks, and its end; and what the page has of the same. */
import { describe, expect, test } from 'vitest';
import { captureOf } from '../../../src/capture/capture.ts';
import { inspect } from '../../../src/capture/inspect/inspect.ts';
import { createTable } from '../../../src/cli/inspect/table.ts';
import { createCollector } from '../../../src/web/inspect/data/collect.ts';
import { FILE_LIMITS } from '../../../src/web/inspect/data/limits.ts';
import { pcapBytes } from '../../support/captures/capture-bytes.ts';
import { ethernet, ipv4, piece, tcp } from '../../support/captures/packet-bytes.ts';
import { udp as udpIn, vxlan } from '../../support/captures/tunnels.ts';

const ends = { from: '10.0.0.1:40000', to: '10.0.0.2:7000' };
const udp = (port: number) => ipv4({ ...tcp({ ...ends, to: `10.0.0.2:${port}` }), protocol: 17 });
const times = (count: number, bytes: Uint8Array) => new Array<Uint8Array>(count).fill(bytes);

const eventsOf = (packets: readonly Uint8Array[]) =>
  inspect(captureOf(pcapBytes({ packets: packets.map((bytes) => ({ bytes })), linkType: 101 })));

async function tableOf(packets: readonly Uint8Array[], columns?: number): Promise<string[]> {
  const lines: string[] = [];
  const table = createTable((line) => lines.push(line), {
    chunks: false,
    absolute: false,
    ...(columns === undefined ? {} : { columns }),
  });
  for await (const events of eventsOf(packets)) for (const event of events) table.take(event);
  table.end();
  return lines;
}

describe('the end of the table', () => {
  test('the table ends with the packets that were not read, by reason, also when there was no connection', async () => {
    expect(await tableOf([...times(2, Uint8Array.of(0x50)), ...times(1200, udp(4789))])).toEqual([
      '0 conversations, 0 frames, 0 gaps, 0 faults, 1,202 packets not read',
      '  1,200 packets: UDP, port 4789, perhaps VXLAN',
      '  2 packets: RAW, IP version 5',
    ]);
  });

  test('the table ends with ten reasons at most, and how many packets were not read for others', async () => {
    const ports = Array.from({ length: 30 }, (_, at) => udp(20_000 + at));
    const lines = await tableOf(ports);
    expect(lines).toHaveLength(1 + 10 + 1);
    expect(lines.at(-1)).toBe('  20 packets for other reasons');
    expect(await tableOf(ports.slice(0, 11))).toHaveLength(1 + 11);
  });

  test('the table ends without packets that were not read when everything was read', async () => {
    const lines = await tableOf([ipv4(tcp({ ...ends, payload: 'abc' }))]);
    expect(lines.at(-1)).toBe('1 conversation, 0 frames, 0 gaps, 0 faults');
  });
});

test('the table has a conversation in a tunnel beside one with the same addresses outside, and what else the tunnel has', async () => {
  const inside = ipv4(tcp({ ...ends, payload: 'inside' }));
  const arp = ethernet(new Uint8Array(28), { etherType: 0x0806 });
  const lines = await tableOf([
    ipv4(tcp({ ...ends, payload: 'outside' })),
    ipv4(udpIn(4789, vxlan(42, ethernet(inside)))),
    ipv4(udpIn(4789, vxlan(42, arp))),
  ]);
  const heads = lines.filter((line) => line.startsWith('#')).map((line) => line.slice(0, 35));
  expect(heads).toEqual(['#0  10.0.0.1:40000 → 10.0.0.2:7000 ', '#1  10.0.0.1:40000 → 10.0.0.2:7000 ']);
  expect(lines.flatMap((line) => / chunk .*(\|.*\|)/.exec(line)?.[1] ?? [])).toEqual([
    '|outside|',
    '|inside|',
  ]);
  expect(lines.slice(-2)).toEqual([
    '2 conversations, 0 frames, 0 gaps, 0 faults, 1 packet not read',
    '  1 packet: EtherType 0x0806, ARP, in VXLAN',
  ]);
});

const unframed = [
  ipv4(tcp({ ...ends, seq: 1, flags: 'A', payload: 'ab' })),
  ipv4(tcp({ ...ends, seq: 3, flags: 'A', payload: 'cdefgh' })),
];

test('the table has a row for each chunk of a conversation without frames, also for chunks before that was known', async () => {
  const lines = await tableOf(unframed);
  expect(lines.flatMap((line) => / chunk .*(\|.*\|)/.exec(line)?.[1] ?? [])).toEqual(['|ab|', '|cdefgh|']);
});

test('the page has no more bytes of chunks than its limit, over all chunks', async () => {
  const collector = createCollector('a.pcap', { limits: { ...FILE_LIMITS, bytes: 5 } });
  for await (const events of eventsOf(unframed)) for (const event of events) collector.take(event);
  const { chunks, chunkBytes } = collector.flush().conversations[0]!.sides.client;
  // The second number of each six is its length, the last how many of its bytes are there.
  expect([chunks[1], chunks[5], chunks[7], chunks[11]]).toEqual([2, 2, 6, 3]);
  expect(Buffer.from(chunkBytes).toString()).toBe('abcde');
});

const whole = tcp({ ...ends, payload: 'x'.repeat(28) });
const fragment = (from: number, to: number) =>
  ipv4(piece(whole, from, to), { id: 7, offset: from, more: to < 48 });
const changed = fragment(0, 24);
changed[40]! ^= 1;

test('the table counts IP fragments that overlap and differ as conflicts, and describes them', async () => {
  const lines = await tableOf([fragment(0, 24), changed, fragment(24, 48)]);
  expect(lines.slice(-2)).toEqual([
    '1 conversation, 0 frames, 0 gaps, 0 faults, 1 conflict',
    '  IPv4: packet with id 7: fragments overlap and differ, 1 byte from 20 on, in packet 2',
  ]);
});

test('the page counts IP fragments that overlap and differ, and describes the first five', async () => {
  const packets = new Array<Uint8Array>(9).fill(changed).toSpliced(0, 0, fragment(0, 24));
  const collector = createCollector('a.pcap');
  for await (const events of eventsOf(packets)) for (const event of events) collector.take(event);
  const { totals, differing } = collector.flush();
  expect(totals.conflicts).toBe(9);
  expect(differing).toHaveLength(5);
  expect(differing[0]).toBe(
    'IPv4: packet with id 7: fragments overlap and differ, 1 byte from 20 on, in packet 2',
  );
});

test.each([40, 60, 80])(
  'the totals of the table, and the lines behind them, fit in %i columns',
  async (columns) => {
    const packets = [fragment(0, 24), changed, fragment(24, 48), ...times(1200, udp(4789))];
    const lines = await tableOf(packets, columns);
    const sum = lines.slice(lines.indexOf('') + 1);
    expect(sum.length).toBeGreaterThan(1);
    expect(sum.filter((line) => line.length > columns)).toEqual([]);
  },
);
