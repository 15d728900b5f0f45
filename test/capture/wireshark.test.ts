/** The Wireshark dissector, held by tshark to what the deframer says of the same bytes. */

import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replyFraming } from '../../src/files/protocol/reply.ts';
import { requestFraming } from '../../src/files/session/dispatch.ts';
import { initialDeframeState, step } from '../../src/wire/deframe/deframe-step.ts';
import type { FaultCode } from '../../src/wire/fault.ts';
import type { JsonHeader } from '../../src/wire/json-header.ts';
import { dissected, dissector, type Item, tsharkText } from '../support/captures/dissected.ts';
import { recordedConversations } from '../support/captures/recorded-sides.ts';
import { shareSharkd } from '../support/captures/sharkd.ts';
import { handshake, pcapOf, segments, type TcpPacket } from '../support/captures/tcp-pcap.ts';
import { told } from '../support/captures/tshark.ts';
import { need } from '../support/install-tools.ts';
import { frame } from '../support/network/peer.ts';
import { between, bytesFrom, oneOf, randomFrom } from '../support/random/seeded.ts';
import { turnsOf } from '../support/wire-examples.ts';

const PORT = 9999;
const port = ['-o', `sluice.ports:${PORT}`];
const passes = [
  ['one pass', []],
  ['two passes', ['-2']],
] as const;
const orders = ['FALSE', 'TRUE'].map((on) => ['-o', `tcp.reassemble_out_of_order:${on}`]);

type Side = 'client' | 'server';
/** What both sides of a connection send. */
type Said = Readonly<Record<Side, Buffer>>;

interface Head {
  readonly position: number;
  readonly header: JsonHeader | null;
  readonly length: number | null;
  readonly fault: FaultCode | null;
}

/** The heads in these bytes, as the deframer finds them. */
function headsOf(from: Side, bytes: Uint8Array): Head[] {
  const framing = from === 'client' ? requestFraming() : replyFraming();
  const { events } = step(framing, initialDeframeState<JsonHeader>(), bytes);
  return events.flatMap((event): Head[] => {
    if (event.type === 'start') {
      return [{ position: event.position, header: event.header, length: event.length, fault: null }];
    }
    if (event.type !== 'fault') return [];
    return [{ position: event.fault.position, header: null, length: null, fault: event.fault.code }];
  });
}

const faults: Readonly<Record<string, readonly FaultCode[]>> = {
  'sluice.bad_header_length': ['length-negative', 'header-empty', 'length-too-large'],
  'sluice.bad_header': ['header-invalid'],
  'sluice.bad_body_length': ['body-length-invalid'],
};

const one = (item: Item, field: string): string | undefined => item.fields[field]?.[0];
const numberIn = (item: Item, field: string): number => Number(one(item, field));
const of = (items: readonly Item[], connection: number, from: Side): Item[] =>
  items.filter((item) => item.connection === connection && item.from === from);
const headsIn = (items: readonly Item[]): Item[] =>
  items.filter((item) => one(item, 'sluice.frame.number') !== undefined);

/** How many bytes of bodies were shown, by the packet that their heads end in. */
function bodiesIn(items: readonly Item[]): Map<string, number> {
  const shown = new Map<string, number>();
  for (const { fields } of items) {
    fields['sluice.body.bytes']?.forEach((count, i) => {
      const name = fields['sluice.body.header_in']![i]!;
      shown.set(name, (shown.get(name) ?? 0) + Number(count));
    });
  }
  return shown;
}

/** Control characters are shown escaped, and long text is cut. */
const isPlain = (value: unknown): value is string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for.
  typeof value === 'string' && value.length < 60_000 && !/[\u0000-\u001f\u007f\ud800-\udbff]/.test(value);

/** Holds what tshark shows of one side to what the deframer says of its bytes. */
function expectSame(items: readonly Item[], connection: number, from: Side, bytes: Buffer): void {
  const mine = of(items, connection, from);
  const heads = headsIn(mine);
  const wanted = headsOf(from, bytes);
  expect(heads.map((item) => numberIn(item, 'sluice.frame.position'))).toEqual(
    wanted.map(({ position }) => position),
  );
  heads.forEach((item, i) => {
    const { header, length, fault } = wanted[i]!;
    expect(numberIn(item, 'sluice.frame.number')).toBe(i + 1);
    const said = Object.keys(faults).filter((name) => item.fields[name] !== undefined);
    expect(said.flatMap((name) => faults[name]!).includes(fault!)).toBe(fault !== null);
    if (header === null) return;
    expect(said).toEqual([]);
    expect(numberIn(item, 'sluice.body_length')).toBe(length);
    for (const [field, name] of [
      ['sluice.cmd', 'cmd'],
      ['sluice.ack', 'ack'],
      ['sluice.filename', 'filename'],
      ['sluice.upload', 'upload'],
    ] as const) {
      if (isPlain(header[name]) && String(header[name]).length < 1000)
        expect(one(item, field)).toBe(header[name]);
    }
    for (const name of ['filesize', 'offset', 'size', 'body', 'crc32']) {
      const value = header[name];
      if (
        Number.isSafeInteger(value) &&
        (value as number) >= 0 &&
        (name !== 'crc32' || (value as number) < 2 ** 32)
      )
        expect(numberIn(item, `sluice.${name}`)).toBe(value);
    }
    const start = numberIn(item, 'sluice.frame.position') + 4;
    const text = bytes.toString('utf8', start, start + numberIn(item, 'sluice.header_length'));
    if (!('token' in header) && isPlain(text)) expect(one(item, 'sluice.header')).toBe(text);
  });
}

/** Holds every byte of every body to having been shown once. */
function expectBodies(items: readonly Item[], connection: number, from: Side): void {
  const mine = of(items, connection, from);
  const lengths = new Map<string, number>();
  for (const head of headsIn(mine)) {
    const packet = String(head.packet);
    lengths.set(packet, (lengths.get(packet) ?? 0) + numberIn(head, 'sluice.body_length'));
  }
  expect(lengths.size).toBeGreaterThan(0);
  const shown = bodiesIn(mine);
  for (const [packet, length] of lengths) expect(shown.get(packet) ?? 0).toBe(length);
}

/** A conversation with everything in it: bodies, ids, progress, refusals, text that is not ASCII. */
function conversation(seed: number): Said {
  const random = randomFrom(seed);
  const requests: Uint8Array[] = [];
  const replies: Uint8Array[] = [];
  for (let i = 0; i < 12; i++) {
    const id = { id: oneOf<string | number>(random, [i, `r${i}`]) };
    const filename = oneOf(random, ['notes.txt', 'ü/€/😀.bin', 'a "quoted" \\ name', 'photos/cat.jpg']);
    const content = bytesFrom(seed * 100 + i, between(random, 0, 3000));
    const kind = between(random, 0, 4);
    if (kind <= 1) {
      const offset = kind === 1 ? { offset: 100, upload: `u-${i}` } : {};
      requests.push(
        frame(
          { cmd: 'put', filename, filesize: content.length + (offset.offset ?? 0), ...offset, ...id },
          content,
        ),
      );
      if (kind === 1) replies.push(frame({ ack: 'progress', upload: `u-${i}`, offset: 150, ...id }));
      replies.push(
        frame({ ack: 'put', filename, size: content.length, crc32: 4_294_967_295, durable: true, ...id }),
      );
    } else if (kind === 2) {
      requests.push(frame({ cmd: 'get', filename, ...id }));
      replies.push(
        frame({ ack: 'get', filename, size: content.length, body: content.length, ...id }, content),
      );
    } else if (kind === 3) {
      requests.push(frame({ cmd: 'stat', filename, filesize: 5, ...id }));
      replies.push(
        frame({ error: { code: 'not-found', message: 'there is no such file' }, cmd: 'stat', ...id }),
      );
    } else {
      requests.push(frame({ cmd: 'sing', filesize: content.length, ...id }, content));
      replies.push(frame({ error: { code: 'unknown-command', message: "'sing'" }, cmd: 'sing', ...id }));
    }
  }
  return { client: Buffer.concat(requests), server: Buffer.concat(replies) };
}

/** Both sides in turns, as if each answered at once. */
function interleaved(connection: number, said: Said, lengths: readonly number[]): TcpPacket[] {
  const client = segments(connection, 'client', said.client, lengths);
  const server = segments(connection, 'server', said.server, lengths);
  const packets = [...handshake(connection)];
  for (let i = 0; i < Math.max(client.length, server.length); i++) {
    if (client[i]) packets.push(client[i]!);
    if (server[i]) packets.push(server[i]!);
  }
  return packets;
}

/** Moves packets by a few places, and sends some again, cut differently. The handshake stays in front. */
function disordered(packets: readonly TcpPacket[], said: Said, seed: number): TcpPacket[] {
  const random = randomFrom(seed);
  const opening = packets.filter(({ syn }) => syn);
  const moved = packets
    .filter(({ syn }) => !syn)
    .flatMap((packet, i) => {
      const again = random() < 0.2 ? [{ packet, at: i + random() * 12 }] : [];
      const { from, connection } = packet;
      const start = Math.max(0, packet.position - between(random, 0, 400));
      const bytes = said[from].subarray(start, start + between(random, 1, 900));
      const across = { connection, from, position: start, bytes };
      const overlapping = random() < 0.1 ? [{ packet: across, at: i + random() * 12 }] : [];
      return [{ packet, at: i + random() * 6 }, ...again, ...overlapping];
    })
    .sort((a, b) => a.at - b.at);
  return [...opening, ...moved.map(({ packet }) => packet)];
}

const golden = fileURLToPath(new URL('../golden/captures', import.meta.url));

const document = readFileSync(new URL('../../src/files/protocol/README.md', import.meta.url), 'utf8');
/** The conversations of the protocol's document, which a real server is held to. */
const conversations = [...document.matchAll(/^```wire.*\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => {
  const turns = turnsOf(block!);
  // What follows a break is on a new connection.
  const ends = turns.flatMap(({ after }, i) => (after === 'break' ? [i + 1] : []));
  return [...ends, turns.length].map((end, i) => turns.slice(i === 0 ? 0 : ends[i - 1], end));
});

/** The dissector is in its plugin folder, as the README says. */
const sharkd = shareSharkd([dissector]);

describe.skipIf(!need('tshark'))('the Wireshark dissector', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-wireshark-'));
  });
  /** The path of a capture of these packets. */
  async function captureOf(packets: readonly TcpPacket[], serverPort: number): Promise<string> {
    const path = join(folder, `${crypto.randomUUID()}.pcap`);
    await writeFile(path, pcapOf(packets, serverPort));
    return path;
  }
  afterAll(() => rm(folder, { recursive: true, force: true }));

  describe.each(passes)('in %s', (_, pass) => {
    test("the Wireshark dissector finds the frames of the document's conversations, however they are cut", async () => {
      const cuts = [[65_535], [1], [3, 40, 500], [1448]];
      const sides = conversations.flatMap((turns): Said[] => {
        const all = (side: 'C' | 'S') =>
          Buffer.concat(turns.filter((turn) => turn.side === side).map(({ bytes }) => bytes));
        return all('C').toString().startsWith('GET ') ? [] : [{ client: all('C'), server: all('S') }];
      });
      expect(sides.length).toBeGreaterThanOrEqual(7);
      const cases = sides.flatMap((said) => cuts.map((lengths) => ({ said, lengths })));
      const packets = cases.flatMap(({ said, lengths }, i) => interleaved(i, said, lengths));
      const items = await dissected(await captureOf(packets, PORT), [...port, ...pass]);
      cases.forEach(({ said }, i) => {
        for (const from of ['client', 'server'] as const) expectSame(items, i, from, said[from]);
      });
    });

    test.each(orders)(
      'the Wireshark dissector finds the same in packets out of order, sent again and overlapping (%s %s)',
      async (...order) => {
        const cases = Array.from({ length: 12 }, (_, seed) => ({ said: conversation(seed), seed }));
        const packets = cases.flatMap(({ said, seed }) =>
          disordered(interleaved(seed, said, [700, 60, 1448]), said, seed),
        );
        const items = await dissected(await captureOf(packets, PORT), [...port, ...pass, ...order]);
        cases.forEach(({ said, seed }) => {
          for (const from of ['client', 'server'] as const) {
            expectSame(items, seed, from, said[from]);
            expectBodies(items, seed, from);
          }
        });
      },
    );

    test('the Wireshark dissector takes nothing for a frame that the deframer does not, and says the same fault', async () => {
      const hostile = hostileStreams();
      const packets = hostile.flatMap((bytes, i) => [
        ...handshake(i),
        ...segments(i, 'client', bytes, i % 3 === 0 || bytes.length > 5000 ? [20_000] : [97, 31]),
      ]);
      const items = await dissected(await captureOf(packets, PORT), [
        ...port,
        ...pass,
        '-Y',
        'sluice.frame.number',
      ]);
      hostile.forEach((bytes, i) => {
        expectSame(items, i, 'client', bytes);
      });
    });
  });

  test('the Wireshark dissector says the same of a packet in the second pass, and then also what came later', async () => {
    const packets = Array.from({ length: 6 }, (_, seed) => {
      const said = conversation(50 + seed);
      return disordered(interleaved(seed, said, [900, 20]), said, seed);
    }).flat();
    const capture = await captureOf(packets, PORT);
    const later = [
      'sluice.response_in',
      'sluice.response_to',
      'sluice.time',
      'sluice.head.complete_in',
      'sluice.read_in',
    ];
    const [first, second] = await Promise.all(
      passes.map(async ([, pass]) => {
        const items = await dissected(capture, [...port, ...pass]);
        return items.map(({ fields, ...item }) => ({
          ...item,
          fields: Object.entries(fields).filter(([name]) => !later.includes(name)),
        }));
      }),
    );
    expect(first!.length).toBeGreaterThan(100);
    expect(second).toEqual(first);
  });

  test('the Wireshark dissector pairs each reply with its request, with the progress in between', async () => {
    const said: Said = {
      client: Buffer.concat([
        frame({ cmd: 'put', filename: 'a', filesize: 6, progress: 2 }, Buffer.from('abcdef')),
        frame({ cmd: 'ping' }),
        frame({ cmd: 'stat', filename: 'b' }),
      ]),
      server: Buffer.concat([
        frame({ ack: 'progress', offset: 2 }),
        frame({ ack: 'put', filename: 'a', size: 6, crc32: 1, durable: true }),
        frame({ ack: 'ping' }),
        frame({ error: { code: 'not-found', message: 'no' }, cmd: 'stat' }),
        frame({ error: { code: 'timed-out', message: 'too long' } }),
      ]),
    };
    const packets = [
      ...handshake(0),
      ...segments(0, 'client', said.client, [80, 20]),
      ...segments(0, 'server', said.server, [4000]),
    ];
    const items = headsIn(await dissected(await captureOf(packets, PORT), [...port, '-2']));
    const requests = of(items, 0, 'client');
    const replies = of(items, 0, 'server');
    expect(requests.map((item) => one(item, 'sluice.response_in'))).toEqual(
      requests.map(() => String(packets.length)),
    );
    const packetsOf = requests.map(({ packet }) => String(packet));
    expect(replies.map((item) => one(item, 'sluice.response_to'))).toEqual([
      packetsOf[0],
      ...packetsOf,
      undefined,
    ]);
    const sent = requests.map(({ packet }) => (packets.length - packet) / 1000);
    expect(requests.map((item) => numberIn(item, 'sluice.time'))).toEqual(sent);
    expect(replies.at(-1)!.fields['sluice.error.fatal']).toEqual(['1']);
  });

  test('the Wireshark dissector says in the columns what a packet holds, and never what a token is', async () => {
    const bytes = Buffer.concat([
      frame({ cmd: 'put', filename: 'notes.txt', filesize: 1234 }, new Uint8Array(1234)),
      frame({ cmd: 'hello', token: 'sesame-open' }),
    ]);
    const replies = Buffer.concat([
      frame({ error: { code: 'crc-mismatch', message: 'no' }, cmd: 'put' }),
      frame({ ack: 'hello', name: 'alice' }),
    ]);
    const packets = [
      ...handshake(0),
      ...segments(0, 'client', bytes, [1000]),
      ...segments(0, 'server', replies, [1000]),
    ];
    const capture = await captureOf(packets, PORT);
    const columns = await tsharkText(capture, [
      ...port,
      '-Y',
      'sluice',
      '-T',
      'fields',
      '-e',
      '_ws.col.Info',
    ]);
    expect(columns.trimEnd().split('\n')).toEqual([
      'put notes.txt 1,234 bytes',
      'body bytes 944..1,233 of 1,234 of put notes.txt, hello',
      'error crc-mismatch, ack hello',
    ]);
    const tree = await tsharkText(capture, [...port, '-V']);
    expect(tree).toContain('token: (11 bytes, not shown)');
    expect(tree).not.toContain('sesame');
  });

  test('the Wireshark dissector goes on behind packets that were not captured, and says what is missing', async () => {
    const puts = Array.from({ length: 40 }, (_, i) => ({
      cmd: 'put',
      filename: `f${i}`,
      filesize: 300,
      id: i,
    }));
    const client = Buffer.concat(puts.map((put) => frame(put, bytesFrom(put.id, 300))));
    const server = Buffer.concat(puts.map(({ id }) => frame({ ack: 'put', id })));
    const cases = [[7], [7, 8, 9], [0], [30], [20, 25]];
    const packets = cases.flatMap((missing, connection) => {
      const requests = segments(connection, 'client', client, [350]);
      const replies = segments(connection, 'server', server, [29]);
      return [...handshake(connection)].concat(
        requests.flatMap((request, i) => {
          const reply = replies[i];
          const seen = request.position + request.bytes!.length;
          return [...(missing.includes(i) ? [] : [request]), ...(reply ? [{ ...reply, seen }] : [])];
        }),
      );
    });
    const items = await dissected(await captureOf(packets, PORT), port);
    const wanted = new Map(
      headsOf('client', client).map(({ position, header }) => [position, header!.filename]),
    );
    cases.forEach((missing, i) => {
      const mine = of(items, i, 'client');
      const heads = headsIn(mine);
      for (const head of heads) {
        expect(wanted.get(numberIn(head, 'sluice.frame.position'))).toBe(one(head, 'sluice.filename'));
      }
      expect(heads.length).toBeGreaterThanOrEqual(puts.length - missing.length * 2 - 1);
      expect(heads.length).toBeLessThan(puts.length + 1);
      expect(
        mine.some(({ fields }) => fields['sluice.bad_header'] ?? fields['sluice.bad_header_length']),
      ).toBe(false);
      // Where a head was in it, that is said.
      const all = heads.length === puts.length;
      expect(mine.some(({ fields }) => fields['sluice.lost'] !== undefined)).toBe(!all);
    });
  });

  test('the Wireshark dissector counts a body by its positions, though it was cut when it was captured, or lies over 4 GiB', async () => {
    const size = 5_000_000_000;
    const head = frame({ cmd: 'put', filename: 'large', filesize: size });
    const body = new Uint8Array(1000);
    const behind = frame({ cmd: 'ping' });
    const end = head.length + size;
    const positions = [1e9, 2e9, 3e9, 4e9, 4.9e9].map((at) => at + head.length);
    const packets: TcpPacket[] = [
      ...handshake(0),
      { connection: 0, from: 'client', position: 0, bytes: head },
      ...positions.map(
        (position): TcpPacket => ({ connection: 0, from: 'client', position, bytes: body, captured: 20 }),
      ),
      { connection: 0, from: 'client', position: end, bytes: behind },
    ];
    const items = await dissected(await captureOf(packets, PORT), port);
    const offsets = items.flatMap(({ fields }) => fields['sluice.body.offset'] ?? []);
    expect(offsets.map(Number)).toEqual(positions.map((position) => position - head.length));
    expect(bodiesIn(items)).toEqual(new Map([['3', positions.length * 1000]]));
    expect(headsIn(items).map((item) => numberIn(item, 'sluice.frame.position'))).toEqual([0, end]);
  });

  test('the Wireshark dissector begins in the middle of a connection', async () => {
    const { client } = conversation(77);
    const heads = headsOf('client', client);
    const packets = [0, 10, heads[3]!.position].flatMap((from, i) =>
      segments(i, 'client', client, [500]).filter(({ position }) => position >= from),
    );
    const items = await dissected(await captureOf(packets, PORT), port);
    expectSame(items, 0, 'client', client);
    for (const connection of [1, 2]) {
      const names = headsIn(of(items, connection, 'client')).map((item) => one(item, 'sluice.header'));
      const all = headsIn(of(items, 0, 'client')).map((item) => one(item, 'sluice.header'));
      expect(names.length).toBeGreaterThan(3);
      expect(names).toEqual(all.slice(-names.length));
    }
  });

  test('the Wireshark dissector begins in the middle of anything, and finds its way or does not', async () => {
    const random = randomFrom(8);
    const cases = hostileStreams().map((bytes, i) => ({
      bytes: i % 2 === 0 ? bytes : conversation(500 + i).client.subarray(between(random, 1, 3000)),
      lengths: oneOf(random, [[1, 2, 3, 400], [61, 500], [20_000]]),
    }));
    const behind = frame({ cmd: 'stat', filename: 'the end' });
    const packets = cases.flatMap(({ bytes, lengths }, i) => {
      const short = bytes.subarray(0, 4000);
      const all = segments(i, 'client', short, lengths);
      return [...all, { connection: i, from: 'client' as const, position: short.length, bytes: behind }];
    });
    const items = await dissected(await captureOf(packets, PORT), [...port, '-Y', 'sluice.frame.number']);
    const found = cases.filter((_, i) => headsIn(of(items, i, 'client')).length > 0);
    expect(found.length).toBeGreaterThan(cases.length / 2);
  });

  test('the Wireshark dissector is found on any port by its first bytes, and leaves HTTP and others alone', async () => {
    const { client, server } = conversation(5);
    const http = Buffer.from('GET /notes.txt HTTP/1.1\r\nHost: a\r\n\r\n');
    const other = Buffer.concat([Buffer.from([20, 0, 0, 0]), Buffer.from('{"method":"initialize"}')]);
    const packets = [
      ...interleaved(0, { client, server }, [1448]),
      ...interleaved(1, { client: http, server: Buffer.alloc(0) }, [1448]),
      ...interleaved(2, { client: other, server: Buffer.alloc(0) }, [1448]),
    ];
    for (const serverPort of [8080, 5555]) {
      const items = await dissected(await captureOf(packets, serverPort), []);
      expectSame(items, 0, 'client', client);
      expectSame(items, 0, 'server', server);
      expect(of(items, 1, 'client')).toEqual([]);
      if (serverPort === 5555) expect(of(items, 2, 'client')).toEqual([]);
    }
    const web = ['-Y', 'http.request.uri == "/notes.txt"', '-T', 'fields', '-e', 'tcp.stream'];
    expect((await tsharkText(await captureOf(packets, 8080), web)).trim()).toBe('1');
  });

  test('the Wireshark dissector finds the frames of a recorded session, byte for byte those that TCP carried', async () => {
    const path = join(golden, 'sluice.pcapng');
    const { length: count } = await recordedConversations(path);
    expect(count).toBeGreaterThan(3);
    const { conversations, followed } = await told(path, { streams: count });
    expect(conversations.length).toBe(count);
    for (const [, pass] of passes) {
      const items = await dissected(path, pass);
      let bodies = 0;
      followed.forEach(({ bytes }, i) => {
        (['client', 'server'] as const).forEach((from, side) => {
          expectSame(items, i, from, Buffer.from(bytes[side]!));
          expectBodies(items, i, from);
          for (const length of bodiesIn(of(items, i, from)).values()) bodies += length;
        });
      });
      expect(bodies).toBeGreaterThan(60_000);
    }
  });

  test('the Wireshark dissector says the same of packets that are asked for in any order, as a window does', async () => {
    const said = conversation(90);
    const path = await captureOf(disordered(interleaved(0, said, [700, 60]), said, 90), PORT);
    const items = await dissected(path, ['-d', `tcp.port==${PORT},sluice`, '-2']);
    const packets = [...new Set(items.map(({ packet }) => packet))];
    expect(packets.length).toBeGreaterThan(20);
    const titles = (asked: readonly number[]) =>
      asked.map((packet) => items.filter((item) => item.packet === packet).map(({ title }) => title));
    const backwards = [...packets].reverse();
    // Wireshark's window asks the dissector in the same way.
    const { load, trees } = await sharkd();
    await load(path);
    const shown: string[][] = [];
    for (const packet of backwards)
      shown.push((await trees(packet)).filter((title) => title.startsWith('Sluice')));
    expect(shown).toEqual(titles(backwards));
  });

  test('the Wireshark dissector takes no other protocol for Sluice', async () => {
    const files = (await readdir(golden)).filter((name) => /\.pcap(ng)?$/.test(name));
    expect(files.length).toBeGreaterThan(10);
    const { load, packets } = await sharkd();
    const found: string[] = [];
    for (const name of files) {
      await load(join(golden, name));
      if ((await packets({ filter: 'sluice' })).length > 0) found.push(name);
    }
    // The second one has Sluice in a tunnel.
    expect(found).toEqual(['sluice.pcapng', 'vxlan.pcapng']);
  });
});

/** Headers that are nearly right, and bytes that are not. */
function hostileStreams(): Buffer[] {
  const framed = (text: string | Uint8Array): Buffer => {
    const json = Buffer.from(text as string);
    const length = Buffer.alloc(4);
    length.writeInt32LE(json.length);
    return Buffer.concat([length, json]);
  };
  const behind = frame({ cmd: 'ping' });
  const texts = [
    '{}',
    ' {\t}\r\n',
    '[]',
    '1',
    '"a"',
    'null',
    'true',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '{,}',
    '{"a":1}x',
    '{"a":01}',
    '{"a":-}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":1e}',
    '{"a":1e+}',
    '{"a":-0}',
    '{"a":+1}',
    '{"a":0x10}',
    '{"a":NaN}',
    '{"a":tru}',
    '{"a":nul',
    '{"a":"\t"}',
    '{"a":"\\x"}',
    '{"a":"\\u12"}',
    '{"a":"\\u12g4"}',
    '{"a":"',
    '{a:1}',
    "{'a':1}",
    '{"a":[1,2,[{}]],"b":{"c":[]}}',
    '{"a":[1,]}',
    '{"a":[}',
    '{"a":{]}',
    '{"a":1 "b":2}',
    '\ufeff{}',
    '{"a":"\\ud800"}',
    '{"a":"\\ud83d\\ude00"}',
    '\u00a0{}',
    '{"a":1}\0',
    '{"cmd":"put"}',
    '{"cmd":"put","filesize":5}hello',
    '{"cmd":"put","filesize":5,"filesize":0}',
    '{"cmd":"put","filesize":"5"}',
    '{"cmd":"put","filesize":-1}',
    '{"cmd":"put","filesize":1.5}',
    '{"cmd":"put","filesize":9007199254740992}',
    '{"cmd":"put","filesize":9007199254740991,"filename":"huge"}',
    '{"cmd":"put","filesize":5,"offset":6}',
    '{"cmd":"put","filesize":5e0,"offset":0.5e1}',
    '{"cmd":"put","filesize":5,"offset":null}',
    '{"cmd":"put","filesize":1e400}',
    '{"cmd":"sing","filesize":null}',
    '{"cmd":5,"filesize":0}',
    '{"filesize":{}}',
    '{"cmd":"ping","filesize":"no matter"}',
    '{"c\\u006dd":"put","filesize":0}',
    '{"cmd":"put","error":1,"filesize":0}',
    '{"__proto__":{"cmd":"put"}}',
    '{"constructor":1}',
    '{"cmd":"constructor"}',
    '{"cmd":"toString","filesize":0}',
    '{"":"","cmd":"stat","filename":"\\u0000\\n"}',
    '{"cmd":"stat","filename":5,"id":{},"crc32":-1,"mtime":-5}',
    `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    `{"a":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
    `{"a":${'['.repeat(60_000)}`,
    `{"a":"${'\\u0041'.repeat(9_000)}"}`,
    `{"cmd":"${'x'.repeat(65_000)}"}`,
    `{"token":"${'s'.repeat(500)}","cmd":"hello"}`,
    '{"cmd":"mtime","mtime":-9007199254740991,"ifAbsent":"yes"}',
  ];
  const streams: Buffer[] = texts.map((text) => Buffer.concat([framed(text), behind]));
  const badText = [
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xe0, 0x80, 0x80],
    [0x80],
    [0xf0, 0x9f],
  ];
  for (const bytes of badText)
    streams.push(framed(Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')])));
  for (const length of [0, -1, -2_147_483_648, 65_537, 2_147_483_647]) {
    const bytes = Buffer.alloc(12, 0x20);
    bytes.writeInt32LE(length);
    streams.push(bytes);
  }
  const random = randomFrom(4);
  for (let seed = 0; seed < 150; seed++) {
    const { client } = conversation(1000 + seed);
    const bytes = Buffer.from(client.subarray(0, between(random, 50, 4000)));
    for (let i = between(random, 1, 4); i > 0; i--)
      bytes[between(random, 4, Math.min(bytes.length - 1, 400))] = between(random, 0, 255);
    streams.push(bytes);
  }
  return streams;
}
