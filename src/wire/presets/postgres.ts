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
 * ```
 *
 *  'G'                                                   the other answer to GSSENCRequest
 *
 * The answer of one byte looks like the type of ParameterStatus, NoticeResponse or CopyInResponse. In a recording the byte
 * after `S` or `N` tells: there begins a TLS record or another message, and read as a length that would be hundreds of
 * megabytes. On a live connection it does not come, as the client waits for the answer: there whoever knows what the
 * client has asked says so (`asked`). Without it an answer with which the stream ends counts as a message that was cut,
 * and `G` always as the message. What follows an agreement on GSSAPI encryption is not understood.
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { Preset, PresetOptions } from '../preset.ts';
import { after, headFraming, headOf, hexByte, int32, uint32 } from './message-head.ts';
import { messageName, startupName } from './postgres-messages.ts';
import { beginsTls, TLS_HEAD, tlsLabel, tlsLength } from './tls.ts';

const TYPED = 5;
const STARTUP = 8;
/** The server's own limit, PQ_LARGE_MESSAGE_LIMIT, which counts the length field. */
const LONGEST = 2 ** 30 - 2;
/** MAX_STARTUP_PACKET_LENGTH, which counts likewise. */
const LONGEST_STARTUP = 10_000;

const S = 0x53;
const N = 0x4e;
const G = 0x47;

/**
 * Whether `S` or `N` is an answer of one byte, by the byte after it: else it begins a length, and no ParameterStatus
 * or NoticeResponse has 16 MiB.
 */
const isAnswer = (next: number): boolean => next !== 0;

function sizeFor({ side, asked }: PresetOptions) {
  return (bytes: Uint8Array, start: number, end: number): number => {
    if (start === end) return 1;
    const type = bytes[start]!;
    if (type === 0) return STARTUP;
    if (side === 'client' || (type !== S && type !== N && type !== G)) return TYPED;
    const isAlone = end - start === 1;
    if (isAlone && asked !== undefined) return asked() ? 1 : TYPED;
    if (type === G) return TYPED;
    if (isAlone) return 2;
    return isAnswer(bytes[start + 1]!) ? 1 : TYPED;
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
  if (declared <= LONGEST) return after(declared, 4, 'the length');
  const message = `the length says ${declared}, and the most is ${LONGEST}`;
  return headFault('length-too-large', message, declared, LONGEST);
}

function startupLength(bytes: Uint8Array, start: number): number | HeadFault {
  const declared = uint32(bytes, start);
  const code = uint32(bytes, start + 4);
  if (declared > LONGEST_STARTUP) {
    const message = `the length says ${declared}, and the most for a client's first message is ${LONGEST_STARTUP}`;
    return headFault('length-too-large', message, declared, LONGEST_STARTUP);
  }
  if (startupName(code) !== null) return after(declared, STARTUP, 'the length');
  const message = `the client asks for version ${code >>> 16}.${code & 0xffff}, and this is version 3`;
  return headFault('header-invalid', message);
}

/** SSLRequest and GSSENCRequest. */
const wantsAnswer: ReadonlySet<number> = new Set([80_877_103, 80_877_104]);

const answers: ReadonlyMap<number, string> = new Map([
  [S, 'TLS: yes'],
  [G, 'GSSAPI: yes'],
  [N, 'encryption: no'],
]);

/**
 * The preset `postgresql`.
 *
 * @example
 * // Both directions of a live connection: what the client asks tells how the server's answer is read.
 * let asks = 0;
 * const fromClient = postgresql.framing({ side: 'client' });
 * const fromServer = postgresql.framing({ side: 'server', asked: () => asks > 0 });
 * const { asks: isAsk, answers: isAnswer } = postgresql.looksAhead;
 * client$.pipe(deframe(fromClient)).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start' && isAsk(event.header)) asks++;
 *   },
 *   error: (fault) => console.error(fault.message),
 * });
 * server$.pipe(deframe(fromServer)).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start' && isAnswer(event.header)) asks--;
 *   },
 *   error: (fault) => console.error(fault.message),
 * });
 */
export const postgresql: Preset = {
  name: 'postgresql',
  title: 'PostgreSQL',
  source: 'PostgreSQL documentation, "Frontend/Backend Protocol", Message Formats',
  ports: [5432],
  looksAhead: {
    why: "the server's answer of one byte to SSLRequest or GSSENCRequest is told by the byte behind it; on a live connection, where none comes, give `side`, and for the server's side `asked`",
    asks: (header) => {
      const head = headOf(header);
      return head?.length === STARTUP && head[0] === 0 && wantsAnswer.has(uint32(head, 4));
    },
    answers: (header) => headOf(header)?.length === 1,
  },
  framing: (options = {}) =>
    headFraming({ maxHead: STARTUP, maxLength: LONGEST - 4, size: sizeFor(options), length }, options),
  label(header) {
    const head = headOf(header);
    if (head === null || head.length === 0) return null;
    const type = head[0]!;
    if (head.length === 1) return answers.get(type) ?? null;
    if (head.length === STARTUP) return startupName(uint32(head, 4));
    if (head.length === TLS_HEAD && beginsTls(type)) return `TLS ${tlsLabel(type)}`;
    return messageName(type, uint32(head, 1) - 4);
  },
};
