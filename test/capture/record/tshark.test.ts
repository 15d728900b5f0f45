/** Recordings, judged by Wireshark: every connection whole, every checksum good, every byte where it was. */
import { describe, expect, test } from 'vitest';
import { createPacketWriter } from '../../../src/capture/record/packet-writer.ts';
import { record } from '../../../src/capture/record/record.ts';
import { processClock } from '../../../src/capture/record/record-clock.ts';
import { createRecordFile } from '../../../src/capture/record/record-file.ts';
import { createSpool } from '../../../src/capture/record/spool.ts';
import { endpointsOf } from '../../../src/capture/record/synthetic-address.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { recorded } from '../../support/captures/recorded.ts';
import { told, toldOfFaultless, tshark } from '../../support/captures/tshark.ts';
import { need } from '../../support/install-tools.ts';
import { frame } from '../../support/network/peer.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { once, pattern, read, write } from '../../transport/connection-helpers.ts';
import { tcpPair } from '../../transport/tcp-pair.ts';

const raw = { redact: null } as const;
/** With the three-way handshake, data, and an end of each side; or a reset. */
const [complete, completeByReset] = ['31', '47'];

const last = <T>(list: readonly T[]): T => list.at(-1)!;

/** Both ends send everything, end, and are read to the end. */
async function exchange(client: Connection, server: Connection, up: Uint8Array, down: Uint8Array) {
  const [atClient, atServer] = [read(client), read(server)];
  await Promise.all([write(client, up), write(server, down)]);
  client.end();
  await atServer.done;
  server.end();
  await atClient.done;
}

describe.skipIf(!need('tshark'))('Wireshark', () => {
  const kinds: [string, () => Promise<[Connection, Connection]> | [Connection, Connection]][] = [
    ['TCP, IPv4', () => tcpPair()],
    ['IPv6', () => memoryPair({ ids: ['[2001:db8::5]:40000', '[2001:db8::1]:80'] })],
    ['no network', () => memoryPair()],
    ['addresses of two families', () => memoryPair({ ids: ['10.0.0.1:40000', '[::1]:80'] })],
  ];
  test.each(kinds)(
    'Wireshark finds every byte, every checksum and both ends of a connection over %s',
    async (_, pair) => {
      const [up, down] = [pattern(1_000_000), pattern(70_001, 5)];
      const { path } = await recorded((client, server) => exchange(client, server, up, down), {
        ...raw,
        ends: await pair(),
      });
      const { followed, rows } = await toldOfFaultless(path, { streams: 1, fields: ['tcp.completeness'] });
      const { bytes } = followed[0]!;
      expect(Buffer.from(bytes[0]).equals(up)).toBe(true);
      expect(Buffer.from(bytes[1]).equals(down)).toBe(true);
      expect(last(rows).values['tcp.completeness']).toEqual([complete]);
    },
  );

  test('Wireshark has nothing to say of a half-close', async () => {
    const { path } = await recorded(async (client, server) => {
      const [atClient, atServer] = [read(client), read(server)];
      client.end();
      await atServer.done;
      await write(server, pattern(200_000));
      server.end();
      await atClient.done;
    }, raw);
    const { rows } = await toldOfFaultless(path, { fields: ['tcp.flags.fin', 'tcp.seq_raw'] });
    const fins = rows.filter(({ values }) => values['tcp.flags.fin']?.[0] === '1');
    expect(fins.map(({ values }) => values['tcp.seq_raw'])).toEqual([['1'], ['200001']]);
  });

  test('Wireshark shows a reset, and why it came', async () => {
    const { path } = await recorded(async (client, server) => {
      const [, atServer] = [read(client), read(server)];
      await write(client, pattern(10));
      await atServer.reached(10);
      client.destroy();
    }, raw);
    const fields = ['tcp.flags.reset', 'frame.comment', 'tcp.completeness'];
    expect((await toldOfFaultless(path, { fields })).rows.at(-1)!.values).toEqual({
      'tcp.flags.reset': ['1'],
      'frame.comment': ['reset: the peer reset the connection'],
      'tcp.completeness': [completeByReset],
    });
  });

  test('Wireshark shows how much of what was written never left', async () => {
    const { path } = await recorded(async (client, server) => {
      read(server);
      server.write([pattern(1_000_000)], () => {});
      client.destroy();
    }, raw);
    const { rows } = await toldOfFaultless(path, { fields: ['frame.number', 'frame.comment'] });
    expect(last(rows).values['frame.comment']).toEqual([
      expect.stringContaining('up to 1000000 bytes never left'),
    ]);
  });

  test('Wireshark shows which way a packet went, seen from where it was recorded', async () => {
    for (const at of ['client', 'server'] as const) {
      const path = `${tempFolder()}/way.pcapng`;
      const recorder = record(path, { ...raw, at });
      const [client, server] = memoryPair();
      const [left, right] =
        at === 'client' ? [recorder.wrap(client), server] : [client, recorder.wrap(server)];
      const over = once((at === 'client' ? left : right).closed$);
      await exchange(left, right, pattern(10), pattern(20));
      await over;
      await recorder.close();
      const fields = ['tcp.len', 'frame.packet_flags_direction'];
      const { rows } = await toldOfFaultless(path, { fields });
      const sent = rows.filter(({ values }) => values['tcp.len']?.[0] === '10');
      expect(sent.map(({ values }) => Number(values['frame.packet_flags_direction']))).toEqual([
        at === 'client' ? 2 : 1,
      ]);
    }
  });

  test('Wireshark shows the comment of a refusal at its reply', async () => {
    const { path } = await recorded((client, server) =>
      exchange(
        client,
        server,
        frame({ cmd: 'get', filename: 'x' }),
        frame({ error: { code: 'not-found', message: 'there is no such file: ä' }, cmd: 'get' }),
      ),
    );
    const said = await tshark(path, [
      '-Y',
      'frame.comment',
      '-T',
      'fields',
      '-e',
      'frame.comment',
      '-e',
      'tcp.len',
    ]);
    expect(said).toMatch(
      /^refused( request 1 \(get, packet 4\))?: not-found: there is no such file: ä\t\d+\n$/,
    );
  });

  test('Wireshark follows sequence numbers that wrap', async () => {
    const path = `${tempFolder()}/wrap.pcapng`;
    const spool = createSpool();
    const file = createRecordFile({
      spool,
      path,
      exclusive: false,
      maxBytes: Number.POSITIVE_INFINITY,
      clock: processClock,
      stopped: () => {},
    });
    const endpoints = endpointsOf('10.0.0.1:1', '10.0.0.2:2');
    const written = createPacketWriter({
      file,
      clock: processClock,
      endpoints,
      at: 'server',
      initialSequence: 2 ** 32 - 100_000,
    });
    const [up, down] = [pattern(300_000), pattern(150_000, 9)];
    for (let at = 0; at < 30; at++) {
      written.sent('client', up.subarray(at * 10_000, (at + 1) * 10_000));
      written.sent('server', down.subarray(at * 5000, (at + 1) * 5000));
    }
    written.ended('client');
    written.ended('server');
    file.end();
    await spool.close();
    const { followed, rows } = await toldOfFaultless(path, { streams: 1, fields: ['tcp.seq_raw'] });
    const { bytes } = followed[0]!;
    expect(Buffer.from(bytes[0]).equals(up)).toBe(true);
    expect(Buffer.from(bytes[1]).equals(down)).toBe(true);
    expect(Math.min(...rows.map(({ values }) => Number(values['tcp.seq_raw'])))).toBeLessThan(50_000);
  });

  test('Wireshark shows the application that wrote a recording, and times to the nanosecond', async () => {
    const clock = { origin: 1_700_000_000_123_456_789n, now: () => 0 };
    const { path } = await recorded((client, server) => exchange(client, server, pattern(1), pattern(1)), {
      ...raw,
      clock,
    });
    const { rows } = await told(path, { fields: ['frame.time_epoch'] });
    expect(rows[0]!.values['frame.time_epoch']).toEqual(['1700000000.123456789']);
  });
});
