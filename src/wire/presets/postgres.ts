/**
 * PostgreSQL's protocol, version 3, from the first byte of either side.
 *
 * ```text
 *  type  length            body
 *  'Q'   00 00 00 0d       'SELECT 1' 00                 nearly all messages
 *
 *  length            code              body
 *  00 00 00 08       04 d2 16 2f                         a client's first, known by the 0 it begins with
 *
 *  'S' or 'N'                                            the answer to SSLRequest or GSSENCRequest: one byte
 *  16    03 03  00 5d                                    and after 'S', TLS records
 *  'G'                                                   the other answer to GSSENCRequest
 * ```
 *
 * The answer of one byte looks like the type of ParameterStatus, NoticeResponse or CopyInResponse. In a recording the
 * byte after `S` or `N` shows which it is: after an answer there begins a TLS record or another message, which would be
 * hundreds of megabytes if it were a length. On a live connection that byte does not come, since the client waits for
 * the answer. There the option `asked` says whether the client has asked. Without it, an answer at the end of a stream
 * counts as a message that was cut, and `G` always as the message. The preset does not read what follows an agreement
 * on GSSAPI encryption.
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { LookAhead, Preset, PresetOptions } from '../preset.ts';
import {
  headFraming,
  headOf,
  hexByte,
  int32,
  lengthAfter,
  type MessageHead,
  uint32,
} from './message-head.ts';
import { messageName, startupName } from './postgres-messages.ts';
import { beginsTls, TLS_HEAD_BYTES, tlsLabel, tlsLength } from './tls.ts';

const TYPED_HEAD_BYTES = 5;
const STARTUP_HEAD_BYTES = 8;
/** The server's own limit, PQ_LARGE_MESSAGE_LIMIT, which counts the length field. */
const MESSAGE_LENGTH_MAX = 2 ** 30 - 2;
/** The server's limit for a client's first message, MAX_STARTUP_PACKET_LENGTH, which counts the length field too. */
const STARTUP_LENGTH_MAX = 10_000;

const S = 0x53;
const N = 0x4e;
const G = 0x47;

/**
 * Whether `S` or `N` is an answer of one byte, by the byte after it. Otherwise that byte begins a length, which is then
 * less than 16 MiB: no ParameterStatus or NoticeResponse is longer.
 */
const isAnswer = (next: number): boolean => next !== 0;

function sizeFor({ side, asked }: PresetOptions) {
  return (bytes: Uint8Array, start: number, end: number): number => {
    if (start === end) return 1;
    const type = bytes[start]!;
    if (type === 0) return STARTUP_HEAD_BYTES;
    if (side === 'client' || (type !== S && type !== N && type !== G)) return TYPED_HEAD_BYTES;
    const isAlone = end - start === 1;
    if (isAlone && asked !== undefined) return asked() ? 1 : TYPED_HEAD_BYTES;
    if (type === G) return TYPED_HEAD_BYTES;
    if (isAlone) return 2;
    return isAnswer(bytes[start + 1]!) ? 1 : TYPED_HEAD_BYTES;
  };
}

function length(bytes: Uint8Array, start: number, end: number): number | HeadFault {
  const type = bytes[start]!;
  if (end - start === 1) return 0;
  if (type === 0) return startupLength(bytes, start);
  if (beginsTls(type)) return tlsLength(bytes, start);
  const declared = int32(bytes, start + 1);
  if (messageName(type, 0) === null) {
    const message = `the message's type is ${hexByte(type)}, and PostgreSQL has letters, 1, 2 and 3`;
    return headFault('header-invalid', message);
  }
  if (declared <= MESSAGE_LENGTH_MAX) return lengthAfter(declared, 4, 'the length');
  const message = `the length says ${declared}, and the most is ${MESSAGE_LENGTH_MAX}`;
  return headFault('length-too-large', message, declared, MESSAGE_LENGTH_MAX);
}

function startupLength(bytes: Uint8Array, start: number): number | HeadFault {
  const declared = uint32(bytes, start);
  const code = uint32(bytes, start + 4);
  if (declared > STARTUP_LENGTH_MAX) {
    const message = `the length says ${declared}, and the most for a client's first message is ${STARTUP_LENGTH_MAX}`;
    return headFault('length-too-large', message, declared, STARTUP_LENGTH_MAX);
  }
  if (startupName(code) !== null) return lengthAfter(declared, STARTUP_HEAD_BYTES, 'the length');
  const message = `the client asks for version ${code >>> 16}.${code & 0xffff}, and this is version 3`;
  return headFault('header-invalid', message);
}

/** The codes of SSLRequest and GSSENCRequest. */
const ENCRYPTION_REQUESTS: ReadonlySet<number> = new Set([80_877_103, 80_877_104]);

const ENCRYPTION_ANSWERS: ReadonlyMap<number, string> = new Map([
  [S, 'TLS: yes'],
  [G, 'GSSAPI: yes'],
  [N, 'encryption: no'],
]);

/**
 * PostgreSQL (documentation, "Frontend/Backend Protocol", Message Formats): start-up packets, messages behind a type
 * and a length, and the answers of one byte to a request for encryption. Usual port: 5432.
 *
 * @example
 * // Both directions of a live connection: the requests of the client decide how to read the server's next byte.
 * let asked = 0;
 * const { postgresql } = presets;
 * fromClient$.pipe(deframe(postgresql.framing({ side: 'client' }))).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start' && postgresql.looksAhead.asks(event.header)) asked++;
 *   },
 *   error: (error) => console.error(error.message),
 * });
 * fromServer$.pipe(deframe(postgresql.framing({ side: 'server', asked: () => asked > 0 }))).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start' && postgresql.looksAhead.answers(event.header)) asked--;
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export const postgresql: Preset<MessageHead> & { readonly looksAhead: LookAhead } = {
  name: 'postgresql',
  title: 'PostgreSQL',
  source: 'PostgreSQL documentation, "Frontend/Backend Protocol", Message Formats',
  ports: [5432],
  looksAhead: {
    why: "the server's answer of one byte to SSLRequest or GSSENCRequest is told by the byte behind it; on a live connection, where none comes, give `side`, and for the server's side `asked`",
    asks: (header) => {
      const head = headOf(header);
      return head?.length === STARTUP_HEAD_BYTES && head[0] === 0 && ENCRYPTION_REQUESTS.has(uint32(head, 4));
    },
    answers: (header) => headOf(header)?.length === 1,
  },
  framing: (options = {}) =>
    headFraming(
      { maxHead: STARTUP_HEAD_BYTES, maxLength: MESSAGE_LENGTH_MAX - 4, size: sizeFor(options), length },
      options,
    ),
  label(header) {
    const head = headOf(header);
    if (head === null || head.length === 0) return null;
    const type = head[0]!;
    if (head.length === 1) return ENCRYPTION_ANSWERS.get(type) ?? null;
    if (head.length === STARTUP_HEAD_BYTES) return startupName(uint32(head, 4));
    if (head.length === TLS_HEAD_BYTES && beginsTls(type)) return `TLS ${tlsLabel(type)}`;
    return messageName(type, uint32(head, 1) - 4);
  },
};
