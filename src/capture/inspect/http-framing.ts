/**
 * HTTP/1 (RFC 9112) in a recording: a frame for each request and response with its body, and for each chunk of a
 * chunked one.
 *
 * ```text
 *  head                                       body
 *  GET /a HTTP/1.1 … (an empty line)          Content-Length bytes, or none
 *  HTTP/1.1 200 OK … (an empty line)          the same; none to HEAD, of 1xx, 204 and 304; else all up to the end
 *  1a (a line)                                a chunk and the end of its line
 *  0 (a line) … (an empty line)               -
 *  (behind an upgrade, or CONNECT: 1 byte)    all up to the end
 * ```
 *
 * Which of them comes depends on what came before, in either direction: a framing is for one side of one conversation.
 */
import { binaryString } from '../../base/bytes.ts';
import { type HeadFault, headFault } from '../../wire/fault.ts';
import type { Framing } from '../../wire/framing.ts';
import type { Side } from '../stream-event.ts';

/** The length of a body that goes on up to the end of its side. */
export const TO_THE_END = 2 ** 52;

/** The longest head: what servers take. */
const HEAD_BYTES_MAX = 64 * 1024;
/** The longest line of a chunk's size. */
const SIZE_LINE_BYTES_MAX = 256;
/** The most requests that wait for a response; those of others are taken for GET. */
const UNANSWERED_MAX = 256;

const [CR, LF] = [0x0d, 0x0a];

/** The header of a frame. */
export interface HttpHead {
  readonly label: string;
}

/** What a conversation has come to. */
interface Exchange {
  /** The methods of requests without a response, the oldest first. */
  readonly methods: string[];
  /** Whether the connection is no longer one of HTTP/1, on which side. */
  readonly tunnel: Record<Side, boolean>;
}

type Expected = 'message' | 'chunk';

/** The framings of both sides of one conversation. */
export function httpFramings(): Readonly<Record<Side, Framing<HttpHead>>> {
  const exchange: Exchange = { methods: [], tunnel: { client: false, server: false } };
  return { client: framingOf('client', exchange), server: framingOf('server', exchange) };
}

function framingOf(side: Side, exchange: Exchange): Framing<HttpHead> {
  let expected: Expected = 'message';
  // A head in several chunks is asked for again and again, with a byte or two more: none is looked at twice.
  let searched = 0;
  return {
    maxHead: HEAD_BYTES_MAX,
    maxWhole: 0,
    headLength(bytes, start, end) {
      if (exchange.tunnel[side]) return 1;
      const from = start + Math.min(searched, end - start);
      searched = Math.max(0, end - start - END_BYTES);
      if (expected === 'message') return headLength(bytes, start, end, from);
      return sizeLineLength(bytes, start, end, from);
    },
    parseHead(bytes, start, end) {
      searched = 0;
      const frame = (label: string, length: number) => ({
        header: { label },
        length,
        delivery: 'skip' as const,
      });
      if (exchange.tunnel[side]) return frame('no longer HTTP/1', TO_THE_END);
      const head = binaryHead(bytes, start, end);
      if (expected === 'chunk') {
        const size = chunkSize(head);
        if (typeof size !== 'number') return size;
        if (size > 0) return frame('chunk', size + 2);
        expected = 'message';
        return frame('last chunk', 0);
      }
      const message = side === 'client' ? requestIn(head, exchange) : responseIn(head, exchange);
      if ('code' in message) return message;
      expected = message.length === 'chunked' ? 'chunk' : 'message';
      return frame(message.label, message.length === 'chunked' ? 0 : message.length);
    },
  };
}

/** The end of a line and an empty line. */
const END_BYTES = 4;

/**
 * How many bytes a head has up to its empty line; or the fewest that may be missing.
 *
 * @param from no head ends before it.
 */
function headLength(bytes: Uint8Array, start: number, end: number, from: number): number | HeadFault {
  for (let at = bytes.indexOf(LF, from); at !== -1 && at < end; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1] === CR ? at + 2 : at + 1;
    if (next < end && bytes[next] === LF) return next + 1 - start;
  }
  // Bytes that end in a whole line lack one empty line, and all others the end of a line as well.
  const lacks = bytes[end - 1] === LF ? 1 : bytes[end - 1] === CR ? 1 : 2;
  return within(end - start + lacks, HEAD_BYTES_MAX, 'a head');
}

/** The same for the line of a chunk's size, or up to the empty line behind the last chunk. */
function sizeLineLength(bytes: Uint8Array, start: number, end: number, from: number): number | HeadFault {
  const at = bytes.indexOf(LF, start);
  if (at === -1 || at >= end) return within(end - start + 1, SIZE_LINE_BYTES_MAX, "a chunk's size");
  const isLast = bytes[start] === 0x30 && /^0+\s*(;|\r?\n)/.test(binaryHead(bytes, start, at + 1));
  return isLast ? headLength(bytes, start, end, from) : at + 1 - start;
}

const within = (length: number, most: number, what: string): number | HeadFault =>
  length <= most ? length : headFault('length-too-large', `${what} of more than ${most} bytes`, length, most);

/** Few heads are longer, and nothing that is looked for is likely to be further behind. */
const LOOKED_AT_BYTES = 16 * 1024;

const binaryHead = (bytes: Uint8Array, start: number, end: number): string =>
  binaryString(bytes, start, Math.min(end - start, LOOKED_AT_BYTES));

function chunkSize(head: string): number | HeadFault {
  const digits = /^[\da-f]{1,12}(?=\s*(;|\r?\n))/i.exec(head)?.[0];
  if (digits !== undefined) return Number.parseInt(digits, 16);
  return headFault('header-invalid', "a chunk's size is a hexadecimal number and the end of its line");
}

interface Message {
  readonly label: string;
  readonly length: number | 'chunked';
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST = new RegExp(`^(?:\\r?\\n)*(${TOKEN}) (\\S+) HTTP/1\\.\\d\\r?\\n`);
const RESPONSE = /^(?:\r?\n)*HTTP\/1\.\d (\d{3})(?: ([^\r\n]*))?\r?\n/;

function requestIn(head: string, { methods }: Exchange): Message | HeadFault {
  const [, method, target] = REQUEST.exec(head) ?? [];
  if (method === undefined) return headFault('header-invalid', 'no request of HTTP/1 begins so');
  if (methods.length < UNANSWERED_MAX) methods.push(method);
  return { label: `${method} ${target}`, length: bodyLength(head) ?? 0 };
}

function responseIn(head: string, { methods, tunnel }: Exchange): Message | HeadFault {
  const [, digits, reason = ''] = RESPONSE.exec(head) ?? [];
  if (digits === undefined) return headFault('header-invalid', 'no response of HTTP/1 begins so');
  const status = Number(digits);
  const label = `${digits} ${reason}`.trimEnd();
  const isInterim = status < 200 && status !== 101;
  const method = isInterim ? methods[0] : methods.shift();
  if (status === 101 || (method === 'CONNECT' && status < 300)) {
    tunnel.client = true;
    tunnel.server = true;
    return { label, length: 0 };
  }
  const hasBody = !isInterim && status !== 204 && status !== 304 && method !== 'HEAD';
  return { label, length: hasBody ? (bodyLength(head) ?? TO_THE_END) : 0 };
}

/** What a head says of its body; null when it says nothing. */
function bodyLength(head: string): number | 'chunked' | null {
  if (/\ntransfer-encoding:[^\n]*\bchunked\s*\n/i.test(head)) return 'chunked';
  const digits = /\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r?\n/i.exec(head)?.[1];
  return digits === undefined ? null : Number(digits);
}
