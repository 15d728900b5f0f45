/** The heads of PostgreSQL's messages, told from other bytes, with the first bytes of their bodies; and TLS records. */
import { int32, uint16, uint32 } from '../../../wire/presets/message-head.ts';
import { startupName } from '../../../wire/presets/postgres-messages.ts';
import { beginsTls } from '../../../wire/presets/tls.ts';
import type { Side } from '../../stream-event.ts';
import { PART_BITS_MAX, type PlausibleHead, type PlausibleHeads } from './plausible-heads.ts';
import { tlsHeadAt } from './tls-heads.ts';

const HEAD_BYTES = 5;
const STARTUP_BYTES = 8;
const STARTUP_BYTES_MAX = 10_000;
/** Longer messages are not looked for, so that the first byte of a length is 0. They are read where one is expected. */
const MESSAGE_BYTES_MAX = 2 ** 24 - 1;
/** A letter of a side's, and a length that begins with zeros; bodies have such lengths as well. */
const HEAD_BITS = 11;
/** How much of a body is looked at. */
const BODY_BYTES = 48;
const COLUMNS_MAX = 1664;

/** A body, as far as it can be looked at: from `at` to `end`, of `length` bytes in all. */
interface Body {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly length: number;
}

/** How many bits a body is worth to a kind of message; null when the message cannot have it. */
type Check = (body: Body) => number | null;

const anything: Check = () => 0;
const isLong =
  (least: number, most = MESSAGE_BYTES_MAX): Check =>
  ({ length }) =>
    length >= least && length <= most ? 0 : null;
const empty: Check = ({ length }) => (length === 0 ? 6 : null);

/** Text up to a zero, which is the last byte of the body or is followed by `after` bytes or more. */
const text =
  (after = 0): Check =>
  ({ bytes, at, end, length }) => {
    for (let i = at; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === 0) {
        const rest = at + length - i - 1;
        return (after === 0 ? rest === 0 : rest >= after) ? Math.min(8, i - at + 2) : null;
      }
      if (byte < 9 || (byte > 13 && byte < 32) || byte === 0x7f) return null;
    }
    return end === at + length ? null : 4;
  };

/** A code of four bytes, at most `most`. */
const code =
  (most: number): Check =>
  ({ bytes, at, end, length }) =>
    length < 4 || (at + 4 <= end && uint32(bytes, at) > most) ? null : 8;

/** One of these letters, then `then` behind it. */
const letter =
  (letters: string, then: Check): Check =>
  (body) => {
    const { bytes, at, end, length } = body;
    if (length < 1 || (at < end && !letters.includes(String.fromCharCode(bytes[at]!)))) return null;
    const more = then({ ...body, at: at + 1, end: Math.max(end, at + 1), length: length - 1 });
    return more === null ? null : more + 4;
  };

/** How many columns there are, and, as far as it can be seen, that they fit. */
const columns: Check = ({ bytes, at, end, length }) => {
  if (length < 2 || at + 2 > end) return null;
  const many = uint16(bytes, at);
  if (many > COLUMNS_MAX) return null;
  let column = at + 2;
  for (let i = 0; i < many; i++) {
    if (column + 4 > at + length) return null;
    if (column + 4 > end) return 6;
    const size = int32(bytes, column);
    if (size < -1) return null;
    column += 4 + Math.max(0, size);
  }
  return column === at + length ? 10 : null;
};

/** A format for all columns, and a number of columns, with a format for each. */
const copyFormats: Check = ({ bytes, at, end, length }) =>
  at + 3 <= end && length === 3 + 2 * uint16(bytes, at + 1) && bytes[at]! <= 1 ? 12 : null;

const fields: Check = ({ length, ...body }) => letter('SVCMDHPpqWstcdnFLR', anything)({ length, ...body });

const CHECKS: Readonly<Record<Side, Readonly<Record<string, Check>>>> = {
  client: {
    B: text(6),
    C: letter('SP', text()),
    D: letter('SP', text()),
    E: text(4),
    F: isLong(10),
    H: empty,
    P: text(3),
    Q: text(),
    S: empty,
    X: empty,
    c: empty,
    d: anything,
    f: text(),
    p: isLong(1, 65_535),
  },
  server: {
    '1': empty,
    '2': empty,
    '3': empty,
    A: isLong(6, 16_384),
    C: text(),
    D: columns,
    E: fields,
    G: copyFormats,
    H: copyFormats,
    I: empty,
    K: isLong(8, 260),
    N: fields,
    R: code(12),
    S: text(1),
    T: isLong(2),
    V: isLong(4),
    W: copyFormats,
    Z: (body) => (body.length === 1 ? letter('ITE', empty)(body) : null),
    c: empty,
    d: anything,
    n: empty,
    s: empty,
    t: isLong(2, 4 * 65_535 + 2),
    v: isLong(8, 65_535),
  },
};

const byByte = (side: Side): readonly (Check | undefined)[] =>
  Array.from({ length: 256 }, (_, byte) => CHECKS[side][String.fromCharCode(byte)]);
const checksOf = { client: byByte('client'), server: byByte('server') };

/** Whether a frame may begin with a byte: a letter of either side, a type of TLS, or the zero of a first message. */
const FIRST = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === 0 || beginsTls(byte) || checksOf.client[byte] !== undefined || checksOf.server[byte] !== undefined
    ? 1
    : 0,
);

/** A client's first message: a length, and the number of a version or a request. */
function startupAt(bytes: Uint8Array, at: number, end: number): PlausibleHead | null {
  if (end - at < STARTUP_BYTES) return null;
  const size = uint32(bytes, at);
  if (size < STARTUP_BYTES || size > STARTUP_BYTES_MAX) return null;
  const asked = uint32(bytes, at + 4);
  const isKnown = startupName(asked) !== null && (asked & 0xffff_0000) !== 0;
  return isKnown ? { size, bits: PART_BITS_MAX - 8 } : null;
}

function messageAt(bytes: Uint8Array, at: number, end: number, from: Side): PlausibleHead | null {
  const check = checksOf[from][bytes[at]!];
  if (check === undefined || end - at < HEAD_BYTES) return null;
  const length = uint32(bytes, at + 1) - 4;
  if (length < 0 || length > MESSAGE_BYTES_MAX) return null;
  const body = at + HEAD_BYTES;
  const seen = Math.min(end, body + Math.min(length, BODY_BYTES));
  const bits = check({ bytes, at: body, end: seen, length });
  return bits === null ? null : { size: HEAD_BYTES + length, bits: HEAD_BITS + bits };
}

/**
 * A letter that the side uses, a length below 16 MiB, and what the message has first: 11 bits for a row of a copy, of
 * which nothing can be said, 21 for a row of few columns that add up, 25 for a ReadyForQuery.
 */
export const plausiblePostgres: PlausibleHeads = {
  look: HEAD_BYTES + BODY_BYTES,
  next(bytes, from, to) {
    let at = from;
    while (at < to && (FIRST[bytes[at]!] === 0 || (bytes[at + 1] !== 0 && bytes[at + 1] !== 3))) at++;
    return at;
  },
  headAt(bytes, at, end, from) {
    const type = bytes[at]!;
    if (beginsTls(type)) return tlsHeadAt(bytes, at, end);
    if (type === 0) return from === 'client' ? startupAt(bytes, at, end) : null;
    return messageAt(bytes, at, end, from);
  },
};
