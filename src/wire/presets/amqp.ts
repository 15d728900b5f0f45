/**
 * AMQP 0-9-1: a protocol header of eight bytes, then frames with an end octet.
 *
 * ```text
 *  'A' 'M' 'Q' 'P' 00 00 09 01                      a client's first bytes; a server's, when it refuses them
 *
 *  type  channel  size         payload       end
 *  01    00 00    00 00 01 f2  (size bytes)  ce
 * ```
 *
 * The end octet is the last byte of the body. A framing does not see it, so a caller that takes bodies whole may check
 * it.
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf, hexByte, type MessageHead, uint32 } from './message-head.ts';

const HEAD_BYTES = 7;
const PROTOCOL_HEADER_BYTES = 8;
const MAGIC = [0x41, 0x4d, 0x51, 0x50];

const TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'method'],
  [2, 'content header'],
  [3, 'content body'],
  [8, 'heartbeat'],
]);

function length(bytes: Uint8Array, start: number, end: number): number | HeadFault {
  if (end - start === PROTOCOL_HEADER_BYTES) {
    if (MAGIC.every((byte, i) => bytes[start + i] === byte)) return 0;
    const seen = Array.from(bytes.subarray(start, start + MAGIC.length), hexByte).join(' ');
    const message = `the stream has ${seen} where a protocol header has 'AMQP' (0x41 0x4d 0x51 0x50)`;
    return headFault('header-invalid', message);
  }
  const type = bytes[start]!;
  if (TYPES.has(type)) return uint32(bytes, start + 3) + 1;
  return headFault('header-invalid', `the frame's type is ${type}, and AMQP 0-9-1 has types 1, 2, 3 and 8`);
}

const size = (bytes: Uint8Array, start: number, end: number): number =>
  start < end && bytes[start] === MAGIC[0] ? PROTOCOL_HEADER_BYTES : HEAD_BYTES;

/**
 * AMQP 0-9-1 (specification, sections 4.2.2 and 4.2.3), of RabbitMQ and others: the protocol header, then frames. The
 * body of a frame ends with the byte `0xce`. Usual port: 5672.
 *
 * @example deframe(presets.amqp.framing()); // start {head: 41 4d 51 50 …}, end, start {head: 01 …}, end
 */
export const amqp: Preset<MessageHead> = {
  name: 'amqp',
  title: 'AMQP 0-9-1',
  source: 'AMQP 0-9-1 specification, sections 4.2.2 and 4.2.3',
  ports: [5672],
  framing: (options) =>
    headFraming({ maxHead: PROTOCOL_HEADER_BYTES, maxLength: 2 ** 32, size, length }, options),
  label(header) {
    const head = headOf(header);
    if (head?.length === PROTOCOL_HEADER_BYTES) return 'protocol header';
    return TYPES.get(head?.[0] ?? 0) ?? null;
  },
};
