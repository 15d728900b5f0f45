/** Messages of DNS, made by hand. */
import { ascii, bytesOf, concat } from '../../wire/stream.ts';

export const RD = 0x0100;
export const QR = 0x8000;
export const [A, HTTPS, AXFR] = [1, 65, 252];
const OPT = 41;

export const uint16 = (...values: number[]) =>
  concat(...values.map((value) => bytesOf(value >> 8, value & 0xff)));
const uint32 = (value: number) => uint16(Math.floor(value / 65_536), value % 65_536);
const nameOf = (name: string) =>
  concat(...name.split('.').flatMap((label) => [bytesOf(label.length), ascii(label)]), bytesOf(0));

export interface QueryParts {
  readonly id?: number;
  readonly name?: string;
  readonly type?: number;
  readonly flags?: number;
}
export const query = ({ id = 1, name = 'example.com', type = A, flags = RD }: QueryParts = {}) =>
  concat(uint16(id, flags, 1, 0, 0, 0), nameOf(name), uint16(type, 1));

/** A record of the name in the question, which it points to. */
const record = (ttl: number, type = A) =>
  concat(bytesOf(0xc0, 12), uint16(type, 1), uint32(ttl), uint16(4), bytesOf(192, 0, 2, 7));

/** The response to a query, with records of these TTLs. */
export function response(to: Uint8Array, ttls: readonly number[], { id = 0, flags = 0 } = {}): Uint8Array {
  const header = uint16(id, QR | RD | flags, 1, ttls.length, 0, 1);
  // The options of a message have what looks like a TTL, and is none.
  const options = concat(bytesOf(0), uint16(OPT, 1232), uint32(0), uint16(0));
  return concat(header, to.subarray(12), ...ttls.map((ttl) => record(ttl)), options);
}

export const idOf = (message: Uint8Array) => message[0]! * 256 + message[1]!;
export const rcodeOf = (message: Uint8Array) => message[3]! & 15;
/** The TTL of the only record of the response to a query. */
export const ttlOf = (message: Uint8Array, to: Uint8Array) =>
  new DataView(message.buffer, message.byteOffset).getUint32(to.length + 6);
