/** What is recorded, read back: the same bytes, in the same pieces, with the ends they had. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { record } from '../../../src/capture/record/record.ts';
import type { RecordClock } from '../../../src/capture/record/record-clock.ts';
import { createRoom, createSummedRooms, type Room } from '../../../src/capture/record/summed-room.ts';
import { endpointsOf, parseEndpoint } from '../../../src/capture/record/synthetic-address.ts';
import { createPacketMaker } from '../../../src/capture/record/synthetic-packets.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { recorded, streamsOf } from '../../support/captures/recorded.ts';
import { cases } from '../../support/random/cases.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { once, pattern, read, write } from '../../transport/connection-helpers.ts';

const raw = { redact: null } as const;

/** Both ends send, end, and are read to the end. */
async function exchange(client: Connection, server: Connection, up: Uint8Array[], down: Uint8Array[]) {
  const [atClient, atServer] = [read(client), read(server)];
  for (let turn = 0; turn < Math.max(up.length, down.length); turn++) {
    if (up[turn] !== undefined) await write(client, up[turn]!);
    if (down[turn] !== undefined) await write(server, down[turn]!);
  }
  client.end();
  await atServer.done;
  server.end();
  await atClient.done;
}

const pieces = fc.array(fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(200_000)), { maxLength: 8 });

describe('what is recorded', () => {
  property.prop([pieces, pieces, fc.boolean()], { numRuns: cases(60) })(
    'a recording is read back, byte for byte, in both directions',
    async (up, down, wide) => {
      const parts = (lengths: readonly number[], from: number) =>
        lengths.map((length, at) => pattern(length, from + at * 7919));
      const [sent, answered] = [parts(up, 0), parts(down, 99)];
      const ids: [string, string] = wide
        ? ['[2001:db8::7]:5000', '[::1]:80']
        : ['10.0.0.7:5000', '10.0.0.1:80'];
      const { path } = await recorded((client, server) => exchange(client, server, sent, answered), {
        ...raw,
        ends: memoryPair({ ids }),
      });
      const { client, server, events } = await streamsOf(path);
      expect(client.equals(Buffer.concat(sent))).toBe(true);
      expect(server.equals(Buffer.concat(answered))).toBe(true);
      const types = new Set(events.map(({ type }) => type));
      expect([...types].filter((type) => ['gap', 'conflict', 'skipped', 'reset'].includes(type))).toEqual([]);
      expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'ended' });
      expect(events[0]).toMatchObject({
        type: 'open',
        conversation: { client: ids[0], server: ids[1], opening: 'syn' },
      });
    },
  );

  test('a recording has one packet for each chunk that fits into one', async () => {
    const sizes = [1, 65_492, 10, 65_493];
    const { path } = await recorded(
      (client, server) =>
        exchange(
          client,
          server,
          sizes.map((size) => pattern(size)),
          [],
        ),
      raw,
    );
    const { events } = await streamsOf(path);
    const lengths = events.flatMap((it) => (it.type === 'chunk' ? [it.bytes.length] : []));
    expect(lengths).toEqual([1, 65_492, 10, 65_492, 1]);
  });

  test('the acknowledgement of a recorded reply says how much its sender had received', async () => {
    const { path } = await recorded(async (client, server) => {
      const [atClient, atServer] = [read(client), read(server)];
      for (const [asked, answer] of [
        [10, 20],
        [30, 40],
      ] as const) {
        const before = [atServer.length(), atClient.length()] as const;
        await write(client, pattern(asked));
        await atServer.reached(before[0] + asked);
        await write(server, pattern(answer));
        await atClient.reached(before[1] + answer);
      }
      client.end();
      server.end();
    }, raw);
    const { events } = await streamsOf(path);
    const seen = events.flatMap((it) => (it.type === 'chunk' ? [[it.from, it.position, it.seen]] : []));
    expect(seen).toEqual([
      ['client', 0, 0],
      ['server', 0, 10],
      ['client', 10, 20],
      ['server', 20, 40],
    ]);
  });

  test('a recording ends as the connection did: one side first, then the other', async () => {
    const { path } = await recorded(async (client, server) => {
      const [atClient, atServer] = [read(client), read(server)];
      client.end();
      await atServer.done;
      await write(server, pattern(100_000));
      server.end();
      await atClient.done;
    }, raw);
    const { events } = await streamsOf(path);
    expect(events.flatMap((it) => (it.type === 'end' ? [it.from] : []))).toEqual(['client', 'server']);
    const [end, chunk] = ['end', 'chunk'].map((type) => events.findIndex((it) => it.type === type));
    expect(end).toBeLessThan(chunk!);
  });

  test.each([
    ['here', 'server'],
    ['there', 'client'],
  ] as const)('a recording ends with a reset when it was dropped %s', async (_, side) => {
    const { path } = await recorded(async (client, server) => {
      read(client);
      const atServer = read(server);
      await write(client, pattern(10));
      await atServer.reached(10);
      (side === 'server' ? server : client).destroy();
    }, raw);
    const { events, client } = await streamsOf(path);
    expect(client.length).toBe(10);
    expect(events.flatMap((it) => (it.type === 'reset' ? [it.from] : []))).toEqual([side]);
    expect(events.at(-1)).toMatchObject({ type: 'close', reason: 'reset' });
  });

  test('a recording has what was written, and not what is written after the end', async () => {
    const { path } = await recorded(async (client, server) => {
      const [atClient] = [read(client), read(server)];
      const before = write(server, pattern(100));
      server.end();
      expect((await write(server, pattern(50)))?.code).toBe('failed');
      expect(await before).toBeNull();
      await atClient.done;
      client.end();
    }, raw);
    expect((await streamsOf(path)).server.length).toBe(100);
  });

  test('a recording has times that do not fall, whatever the clock says', async () => {
    const times = [5_000_000_000, 5_000_000_100, 4_000_000_000, 5_000_000_200];
    let at = 0;
    const clock: RecordClock = { origin: (1n << 32n) * 400_000_000n - 1n, now: () => times[at++ % 4]! };
    const sent = Array.from({ length: 20 }, () => pattern(10));
    const { path } = await recorded((client, server) => exchange(client, server, sent, []), {
      ...raw,
      clock,
    });
    const { events } = await streamsOf(path);
    const captured = events.flatMap((it) => (it.type === 'chunk' ? [it.capturedAt - clock.origin] : []));
    expect(captured.length).toBe(20);
    expect(captured).toEqual([...captured].sort((a, b) => Number(a - b)));
    expect(captured.every((time) => times.some((each) => BigInt(each) === time))).toBe(true);
  });

  test('a recording of a gigantic write has all of it', async () => {
    const gigantic = pattern(40_000_000);
    const { path } = await recorded(async (client, server) => {
      const [atClient] = [read(client), read(server)];
      await write(server, gigantic);
      server.end();
      client.end();
      await atClient.done;
    }, raw);
    expect((await streamsOf(path)).server.equals(gigantic)).toBe(true);
  });

  test('a recording of several connections in one file has a conversation each', async () => {
    const path = `${tempFolder()}/several.pcapng`;
    const recorder = record(path, raw);
    await Promise.all(
      [1, 2, 3].map(async (number) => {
        const [client, server] = memoryPair();
        const tapped = recorder.wrap(server);
        const over = once(tapped.closed$);
        await exchange(client, tapped, [pattern(number * 10)], []);
        await over;
      }),
    );
    await recorder.close();
    const { events } = await streamsOf(path);
    const closes = events.flatMap((it) => (it.type === 'close' ? [it.totals.client.bytes] : []));
    expect(closes.sort()).toEqual([10, 20, 30]);
  });
});

/** The second of two rooms in one memory. */
const summedRoom = (size: number): Room => createSummedRooms(2, size)[1]!;

describe('a checksum', () => {
  /** As RFC 1071 has it: 16 bits at a time, carries added, all inverted. */
  function plainly(bytes: Uint8Array): number {
    let sum = 0;
    for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) + (bytes[at + 1] ?? 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
    return ~sum & 0xffff;
  }
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(65_492).map((length) => new Uint8Array(length).fill(0xff)),
  );

  property.prop([
    payload,
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.nat(),
    fc.constantFrom(createRoom, summedRoom),
  ])('a checksum is right over headers, pseudo header and any payload', (bytes, wide, seq, ack, create) => {
    const { client, server } = wide
      ? endpointsOf('[2001:db8::1]:65535', '[fe80::9%eth0]:1')
      : endpointsOf('192.0.2.1:65535', '10.1.2.3:1');
    const room = create(128 * 1024);
    room.bytes.fill(0xaa);
    const maker = createPacketMaker(client, server);
    room.bytes.set(bytes, 8 + maker.headers);
    maker.write(room, 8, 0x10, Math.abs(seq), ack, bytes.length);
    const packet = room.bytes.subarray(8, 8 + maker.headers + bytes.length);
    const ip = maker.headers - 20;
    if (!wide) expect(plainly(packet.subarray(0, ip))).toBe(0);
    const tcp = packet.subarray(ip);
    const pseudo = [...client.address, ...server.address, 0, 6, tcp.length >> 8, tcp.length & 0xff];
    expect(plainly(Uint8Array.from([...pseudo, ...tcp]))).toBe(0);
    expect(new DataView(tcp.slice().buffer).getUint32(4)).toBe(Number(BigInt(Math.abs(seq)) % (1n << 32n)));
  });
});

describe('the sum of a payload', () => {
  const length = fc.oneof(fc.nat(300), fc.nat(65_536), fc.constant(65_536));
  const room = summedRoom(128 * 1024);
  const plain = createRoom(128 * 1024);

  test('a room that sums fast is memory of WebAssembly, which cannot be given away', () => {
    const isGivenAway = ({ bytes }: Room): boolean => {
      try {
        structuredClone(null, { transfer: [bytes.buffer as ArrayBuffer] });
      } catch {
        return false;
      }
      return bytes.length === 0;
    };
    expect([createRoom, summedRoom].map((create) => isGivenAway(create(64 * 1024)))).toEqual([true, false]);
  });

  property.prop([length, fc.nat(65_536), fc.nat(255), fc.boolean()], { numRuns: cases(40) })(
    'the sum of a payload is that of its words, wherever it is in its room, and whatever is around it',
    (bytes, at, from, isExtreme) => {
      const around = pattern(128 * 1024, from + 1);
      if (isExtreme) around.fill(0xff, at, at + bytes);
      room.bytes.set(around);
      plain.bytes.set(around);
      let sum = 0;
      for (let i = 0; i < bytes; i += 2) {
        sum += (around[at + i]! << 8) + (i + 1 < bytes ? around[at + i + 1]! : 0);
      }
      while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
      expect(room.sum(at, bytes)).toBe(sum);
      expect(plain.sum(at, bytes)).toBe(sum);
      expect(Buffer.compare(room.bytes, around)).toBe(0);
    },
  );
});

describe('an address', () => {
  test.each([
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['[::1]:8080', '0000000000000001', 8080],
    ['[2001:db8::ff00:42:8329]:1', '20010db8', 1],
    ['[fe80::1%eth0]:2', 'fe80', 2],
    ['[::ffff:1.2.3.4]:3', 'ffff01020304', 3],
    ['[1:2:3:4:5:6:7:8]:65535', '00010002000300040005000600070008', 65_535],
  ])('the address of a recorded connection is read: %s', (text, part, port) => {
    const endpoint = parseEndpoint(text)!;
    expect(endpoint.port).toBe(port);
    const shown =
      endpoint.address.length === 4
        ? endpoint.address.join('.')
        : Buffer.from(endpoint.address).toString('hex');
    expect(shown).toContain(part);
  });

  test.each([
    'unknown',
    'memory:3',
    'unix:/run/s.sock#3',
    '1.2.3:80',
    '1.2.3.256:80',
    '[1::2::3]:80',
    '[1:2]:80',
    '[1:2:3:4:5:6:7:8:9]:80',
    '[12345::]:80',
    '1.2.3.4:65536',
  ])('text that is no address is not read as one: %s', (text) => {
    expect(parseEndpoint(text)).toBeNull();
  });

  test("a recorded connection without an IP address gets a stand-in of the other address's family, which no other connection has", () => {
    const seen = new Set<string>();
    for (let made = 0; made < 200; made++) {
      const { client, server } = endpointsOf('memory:1', 'memory:2');
      expect([client.address.length, server.address.length]).toEqual([4, 4]);
      seen.add(`${client.address}:${client.port}-${server.address}:${server.port}`);
    }
    expect(seen.size).toBe(200);
    expect(endpointsOf('unknown', '[::1]:80').client.address.length).toBe(16);
    expect(endpointsOf('[::1]:80', '10.0.0.1:5').server.address.length).toBe(16);
  });
});
