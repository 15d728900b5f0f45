/** TCP conversations that are drawn: what is said, cut into segments, and what befalls them. */
import { between, bytesFrom, oneOf } from '../../random/seeded.ts';
import { bytesOf, ipv4, ipv6, piece, tcp } from '../packet-bytes.ts';

export type Random = () => number;
export type SideName = 'client' | 'server';

/** A packet of a conversation. Its bytes are those of its side from `from` to `to`; there are none in what is an ack. */
interface Sent {
  readonly side: SideName;
  readonly from: number;
  readonly to: number;
  readonly flags: string;
  readonly isLost?: boolean;
}

/** What befalls the packets of a capture. */
export interface Weather {
  /** How likely something befalls a segment, from 0 to 1. */
  readonly trouble: number;
  /** Whether there is a snap length. */
  readonly isCut: boolean;
}

const other = (side: SideName): SideName => (side === 'client' ? 'server' : 'client');
export const chance = (random: Random, probability: number): boolean => random() < probability;

/** What the two sides say, in turns. */
const PROTOCOLS: readonly (readonly [port: number, turns: (random: Random, seed: number) => Uint8Array[]])[] =
  [
    [
      80,
      (random, seed) => {
        const body = bytesFrom(seed, between(random, 0, 4000));
        const reply = bytesOf(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, body);
        return [bytesOf(`GET /${seed} HTTP/1.1\r\nHost: example.com\r\n\r\n`), reply];
      },
    ],
    [
      25,
      (random, seed) =>
        [
          'EHLO example.com\r\n',
          '250 at your service\r\n',
          `DATA ${seed}\r\n`,
          `354 ${'go '.repeat(between(random, 1, 300))}\r\n`,
        ].map((line) => bytesOf(line)),
    ],
    [
      6379,
      (random, seed) => {
        const value = bytesFrom(seed, between(random, 1, 3000));
        return [
          bytesOf(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${value.length}\r\n`, value, '\r\n'),
          bytesOf('+OK\r\n'),
        ];
      },
    ],
    [40_404, (random, seed) => [0, 1, 2, 3].map((n) => bytesFrom(seed + n, between(random, 1, 2500)))],
  ];

/** One side's segments in a turn, as they pass where they are captured. */
function turnOf(
  random: Random,
  side: SideName,
  from: number,
  to: number,
  { isCut, trouble }: Weather,
): Sent[] {
  const sent: Sent[] = [];
  for (let at = from; at < to; ) {
    const next = Math.min(to, at + between(random, 1, 500));
    const segment: Sent = { side, from: at, to: next, flags: 'PA' };
    // The first is as it should be, where a capture may begin; and behind what is lost there is more.
    const isTroubled = at > from && next < to && chance(random, trouble);
    const kind = isTroubled ? oneOf(random, ['lost', 'again', 'late', 'merged']) : 'plain';
    if (kind === 'lost') sent.push({ ...segment, isLost: true });
    else sent.push(segment);
    if (kind === 'again') sent.push(segment);
    // What was sent before is sent once more, in one piece with this. Not what is lost, or may be cut: where a later packet
    // has bytes that were acknowledged, tshark counts them as missing, and we do not.
    const before = sent.at(-2);
    if (kind === 'merged' && !isCut && !before!.isLost) sent.push({ ...segment, from: before!.from });
    at = next;
  }
  // A late one changes places with the one behind it.
  for (let i = 1; i + 2 < sent.length; i++) {
    if (sent[i]!.isLost || sent[i + 1]!.isLost || !chance(random, trouble / 2)) continue;
    [sent[i], sent[i + 1]] = [sent[i + 1]!, sent[i]!];
    i++;
  }
  return sent;
}

/** How far the bytes of a side came without a hole, one after the other. What is lost to the capture did come. */
function createReceived(): (sent: Sent) => number {
  const parts: Sent[] = [];
  let reached = 0;
  return (sent) => {
    parts.push(sent);
    for (let grown = true; grown; ) {
      grown = false;
      for (const { from, to } of parts) {
        if (from > reached || to <= reached) continue;
        reached = to;
        grown = true;
      }
    }
    return reached;
  };
}

interface Packet {
  readonly sent: Sent;
  /** Bytes of the other side that it acknowledges. */
  readonly acked: number;
}

/** The packets of a conversation behind its handshake. */
function packetsOf(random: Random, turns: readonly Uint8Array[], weather: Weather, start: number): Packet[] {
  const reached = { client: 0, server: 0 };
  const received = { client: createReceived(), server: createReceived() };
  const packets: Packet[] = [];
  const lengths = { client: 0, server: 0 };
  const ack = (side: SideName) =>
    packets.push({
      sent: { side, from: lengths[side], to: lengths[side], flags: 'A' },
      acked: reached[other(side)],
    });
  turns.forEach(({ length }, turn) => {
    const side: SideName = turn % 2 === 0 ? 'client' : 'server';
    const from = lengths[side];
    lengths[side] += length;
    const all = turnOf(random, side, from, from + length, weather);
    // Before the start of the capture all came as it should.
    if (turn < start) {
      reached[side] = received[side]({ side, from, to: from + length, flags: 'PA' });
      return;
    }
    for (const sent of all) {
      if (!sent.isLost) packets.push({ sent, acked: reached[other(side)] });
      reached[side] = received[side](sent);
      if (chance(random, 0.5)) ack(other(side));
    }
    ack(other(side));
  });
  return packets;
}

/** The numbers of both sides' first bytes; near the end of their range in some, so that they wrap. */
const firstNumber = (random: Random): number =>
  chance(random, 0.2) ? 2 ** 32 - between(random, 1, 2000) : between(random, 0, 2 ** 31);

/** A conversation as IP packets, each with its sender. */
export function sweptConversation(random: Random, seed: number, n: number, weather: Weather) {
  const [port, said] = oneOf(random, PROTOCOLS as [(typeof PROTOCOLS)[0], ...typeof PROTOCOLS]);
  const turns = said(random, seed * 100 + n).filter(({ length }) => length > 0);
  const start = oneOf(random, ['syn', 'syn-ack', 'middle']);
  const isIpv6 = chance(random, 0.4);
  const ends = isIpv6
    ? { client: `[2001:db8::${n + 1}]:${40_000 + n}`, server: `[2001:db8::f]:${port}` }
    : { client: `10.0.${n}.1:${40_000 + n}`, server: `10.0.${n}.2:${port}` };
  const numbers = { client: firstNumber(random), server: firstNumber(random) };
  const bytes = {
    client: bytesOf(...turns.filter((_, turn) => turn % 2 === 0)),
    server: bytesOf(...turns.filter((_, turn) => turn % 2 === 1)),
  };
  let id = 1;

  const ip = (
    { from, to, flags, side }: Sent,
    acked: number,
    seq = numbers[side] + 1 + from,
  ): Uint8Array[] => {
    const carried = tcp({
      from: ends[side],
      to: ends[other(side)],
      seq: seq >>> 0,
      ack: flags === 'S' ? 0 : (numbers[other(side)] + 1 + acked) >>> 0,
      flags,
      payload: bytes[side].subarray(from, to),
    });
    if (isIpv6) return [ipv6(carried)];
    id++;
    if (weather.isCut || to - from < 100 || !chance(random, 0.2)) return [ipv4(carried, { id })];
    const pieces = [
      ipv4(piece(carried, 0, 64), { id, more: true }),
      ipv4(piece(carried, 64), { id, offset: 64 }),
    ];
    return chance(random, 0.5) ? pieces : pieces.toReversed();
  };
  const opening = (side: SideName, flags: string) =>
    ip({ side, from: 0, to: 0, flags }, -(flags === 'S' ? 1 : 0), numbers[side]).map((packet) => ({
      side,
      ip: packet,
    }));

  const first = start === 'middle' ? between(random, 0, turns.length - 1) : 0;
  const packets = packetsOf(random, turns, weather, first);
  const { client, server } = { client: bytes.client.length, server: bytes.server.length };
  const fin = (side: SideName, own: number, acked: number, flags: string): Packet => {
    return { sent: { side, from: own, to: own, flags }, acked };
  };
  const endings: Packet[][] = [
    [],
    [
      fin('client', client, server, 'FA'),
      fin('server', server, client + 1, 'FA'),
      fin('client', client + 1, server + 1, 'A'),
    ],
    [fin('client', client, server, 'RA')],
  ];
  const all = [...packets, ...oneOf(random, endings as [Packet[], ...Packet[][]])];
  return {
    drawn: `${n}: ${isIpv6 ? 'IPv6' : 'IPv4'}, port ${port}, from ${start} (turn ${first})`,
    packets: [
      ...(start === 'syn' ? opening('client', 'S') : []),
      ...(start === 'middle' ? [] : opening('server', 'SA')),
      ...all.flatMap(({ sent, acked }) => ip(sent, acked).map((packet) => ({ side: sent.side, ip: packet }))),
    ],
  };
}
