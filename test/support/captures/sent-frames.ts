/** Frames of protocols as a side may send them, with bodies of all kinds: also such as have in them what looks like a head. */
import type { Side } from '../../../src/capture/stream-event.ts';
import { between, bytesFrom, oneOf } from '../random/seeded.ts';

type Random = () => number;

/** Makes the next frame of a side. */
export type MakeFrame = (random: Random, from: Side) => Uint8Array;

const bytesOf = (...parts: (number | string | ArrayLike<number>)[]): Uint8Array =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.of(part);
      return typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part as Uint8Array);
    }),
  );

const beInt = (width: number, value: number): Uint8Array => {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
};
const leInt = (width: number, value: number): Uint8Array => beInt(width, value).reverse();

/** A length: small ones are as frequent as large ones. */
const sizeUpTo = (random: Random, most: number): number => Math.floor((most + 1) ** random()) - 1;

const word = (random: Random, most = 12): string =>
  Array.from({ length: between(random, 1, most) }, () =>
    oneOf(random, [...'abcdefghij/_0123SDZC'] as [string]),
  ).join('');

/** A body: random, of one byte, of text, or of little numbers; perhaps with a few heads in it that are none. */
function body(random: Random, length: number, fakeHead: () => Uint8Array): Uint8Array {
  const kind = between(random, 0, 6);
  const bytes = bytesFrom(between(random, 1, 2 ** 30), length);
  if (kind === 1) bytes.fill(oneOf(random, [0, 0xff, 3, 0x64]));
  if (kind === 2) for (let i = 0; i < length; i++) bytes[i] = 32 + (bytes[i]! % 95);
  if (kind === 3) for (let i = 0; i < length; i++) bytes[i] = i % 4 === 3 ? bytes[i]! % 128 : 0;
  if (kind < 4) return bytes;
  for (let i = between(random, 1, 4); i > 0; i--) {
    const fake = fakeHead();
    if (fake.length < length) bytes.set(fake, between(random, 0, length - fake.length));
  }
  return bytes;
}

const tlsHead = (random: Random, length: number): Uint8Array =>
  bytesOf(oneOf(random, [23, 23, 23, 22]), 3, 3, beInt(2, length));

const tls: MakeFrame = (random) => {
  const kind = random();
  if (kind < 0.05) return bytesOf(21, 3, 3, beInt(2, 2), oneOf(random, [1, 2]), between(random, 0, 120));
  if (kind < 0.1) return bytesOf(20, 3, 3, 0, 1, 1);
  const length = random() < 0.3 ? 16_384 : 17 + sizeUpTo(random, 16_000);
  return bytesOf(
    tlsHead(random, length),
    body(random, length, () => tlsHead(random, between(random, 1, 16_384))),
  );
};

const bgpHead = (length: number, type: number): Uint8Array =>
  bytesOf(Buffer.alloc(16, 0xff), beInt(2, length), type);

const bgp: MakeFrame = (random) => {
  const kind = random();
  if (kind < 0.3) return bgpHead(19, 4);
  if (kind < 0.35) return bytesOf(bgpHead(23, 5), beInt(4, 65_537));
  const length = 4 + sizeUpTo(random, 4073);
  const fake = () => bgpHead(between(random, 23, 4096), oneOf(random, [1, 2, 4]));
  return bytesOf(bgpHead(19 + length, 2), body(random, length, fake));
};

function smb2(random: Random, length: number): Uint8Array {
  const header = Buffer.alloc(64);
  header.set(bytesOf(0xfe, 'SMB', leInt(2, 64), leInt(2, 1)));
  header.writeUInt16LE(between(random, 0, 18), 12);
  return bytesOf(0, beInt(3, 64 + length), header);
}

const smb: MakeFrame = (random) => {
  const length = sizeUpTo(random, 70_000);
  const fake = () => smb2(random, between(random, 0, 70_000));
  const kind = random();
  if (kind < 0.1) return bytesOf(0, beInt(3, 32 + length), 0xff, 'SMB', body(random, 28 + length, fake));
  if (kind < 0.3) {
    const transform = bytesOf(
      0xfd,
      'SMB',
      bytesFrom(length, 32),
      leInt(4, length),
      0,
      0,
      1,
      0,
      bytesFrom(7, 8),
    );
    return bytesOf(0, beInt(3, 52 + length), transform, body(random, length, fake));
  }
  return bytesOf(smb2(random, length), body(random, length, fake));
};

const message = (type: string, ...parts: Parameters<typeof bytesOf>): Uint8Array => {
  const content = bytesOf(...parts);
  return bytesOf(type, beInt(4, 4 + content.length), content);
};

function dataRow(random: Random): Uint8Array {
  const fake = () => bytesOf(oneOf(random, [...'DCdTZ'] as [string]), beInt(4, between(random, 4, 500)));
  const columns = Array.from({ length: between(random, 0, 12) }, () => {
    if (random() < 0.1) return Buffer.alloc(4, 0xff);
    const length = random() < 0.5 ? oneOf(random, [1, 4, 8]) : sizeUpTo(random, 2000);
    return bytesOf(beInt(4, length), body(random, length, fake));
  });
  return message('D', beInt(2, columns.length), ...columns);
}

const copyData = (random: Random): Uint8Array => {
  const length = sizeUpTo(random, 9000);
  const fake = () => bytesOf('d', beInt(4, between(random, 4, 9000)));
  return message('d', body(random, length, fake));
};

const postgresql: MakeFrame = (random, from) => {
  const text = word(random, 40);
  const make: ((() => Uint8Array) | undefined)[] =
    from === 'server'
      ? [
          () => dataRow(random),
          () => dataRow(random),
          () => dataRow(random),
          () => copyData(random),
          () => message('C', `SELECT ${between(random, 0, 999)}\0`),
          () => message('Z', oneOf(random, ['I', 'T', 'E'])),
          () => message(oneOf(random, ['1', '2', '3', 'n', 's', 'I'])),
          () => message('T', 0, 1, `${text}\0`, Buffer.alloc(18)),
          () => message('S', `${text}\0${word(random)}\0`),
          () => message('E', `SERROR\0C42P01\0M${text}\0\0`),
          () => message('t', 0, 1, beInt(4, 23)),
        ]
      : [
          () => message('Q', `SELECT ${text}\0`),
          () => message('P', `${text}\0SELECT $1\0`, 0, 0),
          () =>
            message(
              'B',
              '\0',
              `${text}\0`,
              0,
              0,
              0,
              1,
              beInt(4, 4),
              bytesFrom(between(random, 1, 99), 4),
              0,
              0,
            ),
          () => message('D', oneOf(random, ['S', 'P']), `${text}\0`),
          () => message('E', '\0', beInt(4, 0)),
          () => message(oneOf(random, ['S', 'H'])),
          () => copyData(random),
        ];
  return oneOf(random, make as [() => Uint8Array])();
};

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

const packet = (first: number, ...parts: Parameters<typeof bytesOf>): Uint8Array => {
  const content = bytesOf(...parts);
  return bytesOf(first, varint(content.length), content);
};

const mqtt: MakeFrame = (random) => {
  const id = () => beInt(2, between(random, 1, 65_535));
  const topic = () => {
    const text = word(random, 40);
    return bytesOf(beInt(2, text.length), text);
  };
  const kind = random();
  if (kind < 0.1) return packet(oneOf(random, [0xc0, 0xd0]));
  if (kind < 0.3) return packet(oneOf(random, [0x40, 0x50, 0x62, 0x70]), id());
  if (kind < 0.35) return packet(0x82, id(), topic(), 0);
  if (kind < 0.4) return packet(0x90, id(), 0);
  const quality = between(random, 0, 2);
  const fake = () => bytesOf(0x30, varint(between(random, 10, 300)), topic());
  const payload = body(random, sizeUpTo(random, 3000), fake);
  return packet(0x30 + 2 * quality, topic(), quality > 0 ? id() : '', payload);
};

/** By the name of the preset. */
export const sentFrames: Readonly<Record<string, MakeFrame>> = { bgp, mqtt, postgresql, smb, tls };
