/**
 * Every capture of `test/golden/captures/`, judged by Wireshark: the conversations, what each side sent, byte for
 * byte, and where its messages begin and end.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { presetNamed } from '../../src/wire/presets.ts';
import { need } from '../support/install-tools.ts';
import { goldenStreams, type RecordedSide } from '../support/recorded-sides.ts';
import { conversations, fieldRows, follow, missingText, type TsharkOptions } from '../support/tshark.ts';
import { concat, eventsOf } from '../wire/stream.ts';

const folder = 'test/golden/captures';

/** How Wireshark tells the lengths of a protocol's messages. */
interface Judge {
  /** The field with the length; with one value a message. */
  readonly length: string;
  /** More fields, for `total`. */
  readonly also?: readonly string[];
  /** Bytes of the whole message, when `length` says `value` and the others say `also`. */
  readonly total: (value: number, also: string[]) => number;
  /** Which of our frames (by their label) are told of in this field. */
  readonly of?: (label: string | null) => boolean;
  readonly options?: TsharkOptions;
}

const isTls = (label: string | null) => label?.startsWith('TLS ') ?? false;
const untyped = ['SSL request', 'Startup message', 'Cancel request', 'GSS encrypt request'];

const postgresql: Judge = {
  length: 'pgsql.length',
  also: ['pgsql.type'],
  total: (value, [type]) => value + (untyped.includes(type!) ? 0 : 1),
  // Wireshark says nothing of the one byte that answers an SSLRequest.
  of: (label) => !isTls(label) && !label!.includes(':'),
};
const tlsRecords: Judge = { length: 'tls.record.length', total: (value) => value + 5 };
const varint = (value: number) => (value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4);
const dns: Judge = { length: 'dns.length', total: (value) => value + 2 };
const mqtt: Judge = { length: 'mqtt.len', total: (value) => 1 + varint(value) + value };

/** The captures, what is spoken in each, and how Wireshark counts its messages. */
const captures: Readonly<Record<string, readonly [preset: string, ...judges: Judge[]]>> = {
  'dns.pcap': ['dns', dns],
  'dns-ipv6.pcapng': ['dns', dns],
  'reuse.pcap': ['dns', dns],
  'tls.pcapng': ['tls', tlsRecords],
  'postgresql.pcap': ['postgresql', postgresql],
  'postgresql-tls.pcap': ['postgresql', postgresql, { ...tlsRecords, of: isTls }],
  'lossy.pcap': ['postgresql', postgresql],
  'snapped.pcap': ['postgresql'],
  'mysql.pcap': ['mysql', { length: 'mysql.packet_length', total: (value) => value + 4 }],
  'mongodb.pcap': [
    'mongodb',
    {
      length: 'mongo.message_length',
      total: (value) => value,
      options: { decodeAs: ['tcp.port==27017,mongo'] },
    },
  ],
  'kafka.pcapng': ['kafka', { length: 'kafka.len', total: (value) => value + 4 }],
  'smb.pcap': ['smb', { length: 'nbss.length', total: (value) => value + 4 }],
  'bgp.pcap': ['bgp', { length: 'bgp.length', total: (value) => value }],
  'tds.pcap': ['tds', { length: 'tds.length', total: (value) => value }],
  'amqp.pcapng': [
    'amqp',
    // Wireshark gives the protocol header no length.
    { length: 'amqp.length', total: (value) => value + 8, of: (label) => label !== 'protocol header' },
  ],
  'mqtt.pcap': ['mqtt', mqtt],
  'midstream.pcapng': ['mqtt', mqtt],
  // Sluice's own: Wireshark knows nothing of it but the bytes.
  'sluice.pcapng': ['sluice'],
};

/** Captures in which bytes are missing, so that messages cannot be found in all of it. */
const withGaps = ['snapped.pcap'];

const bytesOf = (side: RecordedSide): Uint8Array =>
  concat(
    ...side.pieces.map((piece) =>
      typeof piece === 'number' ? new TextEncoder().encode(missingText(piece)) : piece,
    ),
  );

test('every capture of the folder is judged', () => {
  const there = readdirSync(folder).filter((name) => /\.pcap(ng)?$/.test(name));
  expect(there.sort()).toEqual(Object.keys(captures).sort());
});

describe.skipIf(!need('tshark'))('Wireshark and we agree on', () => {
  describe.each(Object.entries(captures))('%s:', (name, [presetName, ...judges]) => {
    const file = join(folder, name);

    test('the conversations, and how many packets each has', async () => {
      const ours = (await goldenStreams(file)).map(({ client, server, packets }) => [
        ...[client.node, server.node].sort(),
        packets,
      ]);
      const theirs = (await conversations(file)).map(({ a, b, packets }) => [...[a, b].sort(), packets]);
      expect(ours.length).toBeGreaterThan(0);
      expect(ours.sort()).toEqual(theirs.sort());
    });

    test('the bytes of each side', async () => {
      for (const { index, client, server } of await goldenStreams(file)) {
        const { nodes, bytes } = await follow(file, index);
        const first = nodes.indexOf(client.node);
        expect([client.node, server.node].sort()).toEqual([...nodes].sort());
        expect(Buffer.compare(bytesOf(client), bytes[first]!), `conversation ${index}, client`).toBe(0);
        expect(Buffer.compare(bytesOf(server), bytes[1 - first]!), `conversation ${index}, server`).toBe(0);
      }
    });

    const preset = presetNamed(presetName);
    if (preset === null || withGaps.includes(name)) return;

    /** The label and the whole length of every frame of one side; the fault, should there be one. */
    const framesOf = (side: RecordedSide) =>
      eventsOf(preset.framing(), side.pieces as Uint8Array[]).flatMap((event) => {
        if (event.type === 'end') return [];
        if (event.type !== 'start') throw new Error(`${side.node}: ${JSON.stringify(event)}`);
        return [{ label: preset.label(event.header), size: event.head + event.length }];
      });

    test.each(judges)('the messages of each side, by $length', async (judge) => {
      const { length, also = [], total, of = () => true, options = {} } = judge;
      const rows = await fieldRows(file, [length, ...also], options);
      let seen = 0;
      for (const { index, client, server } of await goldenStreams(file)) {
        for (const side of [client, server]) {
          const theirs = rows
            .filter(({ stream, port }) => stream === index && port === side.port)
            .flatMap(({ values: [lengths, ...others] }) =>
              lengths!.map((value, i) =>
                total(
                  Number(value),
                  others.map((each) => each[i]!),
                ),
              ),
            );
          const ours = framesOf(side)
            .filter(({ label }) => of(label))
            .map(({ size }) => size);
          expect(ours, `conversation ${index}, ${side.node}`).toEqual(theirs);
          seen += ours.length;
        }
      }
      expect(seen).toBeGreaterThan(0);
    });
  });
});
