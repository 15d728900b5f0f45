/**
 * Every capture of `test/golden/captures/`, judged by Wireshark: the conversations, what each side sent, byte for
 * byte, and where its messages begin and end.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sluicePreset } from '../../src/files/protocol/sluice-preset.ts';
import type { Preset } from '../../src/wire/preset.ts';
import { presetList } from '../../src/wire/presets.ts';
import {
  asFollowed,
  type RecordedConversation,
  type RecordedSide,
  recordedConversations,
} from '../support/captures/recorded-sides.ts';
import { type Told, type TsharkOptions, told } from '../support/captures/tshark.ts';
import { need } from '../support/install-tools.ts';
import { eventsOf } from '../wire/stream.ts';

const folder = 'test/golden/captures';

/** How Wireshark shows the lengths of a protocol's messages. */
interface Judge {
  /** The field with the length; with one value a message. */
  readonly length: string;
  /** More fields, for `total`. */
  readonly also?: readonly string[];
  /** The bytes of the whole message, when field `length` has `value` and the others have `also`. */
  readonly total: (value: number, also: string[]) => number;
  /** Which of our frames (by their label) have a value in this field. */
  readonly of?: (label: string | null) => boolean;
}

const isTls = (label: string | null) => label?.startsWith('TLS ') ?? false;
const untyped = ['SSL request', 'Startup message', 'Cancel request', 'GSS encrypt request'];

const postgresql: Judge = {
  length: 'pgsql.length',
  also: ['pgsql.type'],
  total: (value, [type]) => value + (untyped.includes(type!) ? 0 : 1),
  // Wireshark shows no length for the single byte that answers an SSLRequest.
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
  'holes.pcap': ['postgresql'],
  'mysql.pcap': ['mysql', { length: 'mysql.packet_length', total: (value) => value + 4 }],
  'mongodb.pcap': ['mongodb', { length: 'mongo.message_length', total: (value) => value }],
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
  'vxlan.pcapng': ['sluice'],
};

/** Ports that tshark does not know by itself. */
const options: TsharkOptions = { decodeAs: ['tcp.port==27017,mongo'] };

const everyPreset: readonly Preset[] = [...presetList, sluicePreset];

/** Captures in which bytes are missing, so that messages cannot be found in all of it. */
const withGaps = ['snapped.pcap', 'holes.pcap'];

/** Two addresses, in either order. */
const pair = (a: string, b: string): string => [a, b].sort().join(' ');

/** The chunks of a side in which nothing is missing. */
const chunksOf = (side: RecordedSide): Uint8Array[] =>
  side.pieces.map((piece) => {
    if (piece.type === 'gap')
      throw new Error(`${side.node}: ${piece.length} bytes missing at ${piece.position}`);
    return piece.bytes;
  });

test('every capture of the folder is judged', () => {
  const there = readdirSync(folder).filter((name) => /\.pcap(ng)?$/.test(name));
  expect(there.sort()).toEqual(Object.keys(captures).sort());
});

describe.skipIf(!need('tshark'))('Wireshark and we agree on', () => {
  describe.each(Object.entries(captures))('%s:', (name, [presetName, ...judges]) => {
    let recorded: readonly RecordedConversation[];
    let theirs: Told;
    beforeAll(async () => {
      const file = join(folder, name);
      recorded = await recordedConversations(file);
      const fields = judges.flatMap(({ length, also = [] }) => [length, ...also]);
      theirs = await told(file, { streams: recorded.length, fields }, options);
    });

    test('Wireshark and we agree on the conversations', () => {
      const ours = recorded.map(({ client, server }) => pair(client.node, server.node));
      expect(ours.length).toBeGreaterThan(0);
      expect(ours.sort()).toEqual(theirs.conversations.map(({ a, b }) => pair(a, b)).sort());
    });

    test('Wireshark and we agree on the bytes of each side', () => {
      for (const { index, client, server } of recorded) {
        const { nodes, bytes } = theirs.followed[index]!;
        const first = nodes.indexOf(client.node);
        expect([client.node, server.node].sort()).toEqual([...nodes].sort());
        expect(Buffer.compare(asFollowed(client), bytes[first]!), `conversation ${index}, client`).toBe(0);
        expect(Buffer.compare(asFollowed(server), bytes[1 - first]!), `conversation ${index}, server`).toBe(
          0,
        );
      }
    });

    if (withGaps.includes(name)) {
      test('Wireshark and we agree on what is missing: in more than three places', () => {
        const sides = recorded.flatMap(({ client, server }) => [client, server]);
        const gaps = sides.flatMap(({ pieces }) => pieces.filter(({ type }) => type === 'gap'));
        expect(gaps.length).toBeGreaterThan(3);
      });
      return;
    }

    const preset = everyPreset.find((each) => each.name === presetName)!;

    /** The label and the whole length of every frame of one side; the fault, should there be one. */
    const framesOf = (side: RecordedSide) =>
      eventsOf(preset.framing(), chunksOf(side)).flatMap((event) => {
        if (event.type === 'end') return [];
        if (event.type !== 'start') throw new Error(`${side.node}: ${JSON.stringify(event)}`);
        return [{ label: preset.label(event.header), size: event.head + event.length }];
      });

    test('every byte of either side of a capture is in a frame of its preset', () => {
      for (const { client, server } of recorded) {
        for (const side of [client, server]) {
          const framed = framesOf(side).reduce((sum, { size }) => sum + size, 0);
          expect(framed).toBe(asFollowed(side).length);
        }
      }
    });

    test.each(judges)('Wireshark and we agree on the messages of each side, by $length', (judge) => {
      const { length, also = [], total, of = () => true } = judge;
      let seen = 0;
      for (const { index, client, server } of recorded) {
        for (const side of [client, server]) {
          const counted = theirs.rows
            .filter(({ stream, port }) => stream === index && port === side.port)
            .flatMap(({ values }) =>
              values[length]!.map((value, i) =>
                total(
                  Number(value),
                  also.map((field) => values[field]![i]!),
                ),
              ),
            );
          const ours = framesOf(side)
            .filter(({ label }) => of(label))
            .map(({ size }) => size);
          expect(ours, `conversation ${index}, ${side.node}`).toEqual(counted);
          seen += ours.length;
        }
      }
      expect(seen).toBeGreaterThan(0);
    });
  });
});
