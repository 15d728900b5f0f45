/**
 * Builds packets byte for byte, for tests that need one that is right, or wrong in exactly one place.
 *
 * ```ts
 * ethernet(ipv4(tcp({ from: '10.0.0.1:1234', to: '10.0.0.2:80', seq: 1, flags: 'PA', payload: 'hello' })));
 * packetOf(sll(ipv6(tcp({ from: '[::1]:1234', to: '[::2]:80' }))), { linkType: 113 });
 * ```
 */
import type { Packet } from '../../../src/capture/packet.ts';
import { NO_SCALE, type Segment, TCP_SYN } from '../../../src/capture/segment.ts';

/** The content of an IP packet, and the fields of the IP header that belong to it. */
export interface Carried {
  readonly bytes: Uint8Array;
  /** The number of the IP protocol. */
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
}

export function bytesOf(...parts: readonly (Uint8Array | readonly number[] | string)[]): Uint8Array {
  const blocks = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part));
  const bytes = new Uint8Array(blocks.reduce((length, block) => length + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    bytes.set(block, at);
    at += block.length;
  }
  return bytes;
}

const word = (value: number): readonly number[] => [(value >>> 8) & 0xff, value & 0xff];
const long = (value: number): readonly number[] => [...word(value >>> 16), ...word(value)];

/** The checksum of RFC 1071, in the plainest way, so that it can check the implementation. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) sum += at % 2 === 0 ? byte * 256 : byte;
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

/** The bytes of an address: 4 or 16. */
export function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const words = (half: string) =>
    half === '' ? [] : half.split(':').map((each) => Number.parseInt(each, 16));
  const before = words(head);
  const after = tail === undefined ? [] : words(tail);
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...zeros, ...after].flatMap(word));
}

function endpoint(text: string): { readonly address: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  return { address: text.slice(0, colon).replace(/[[\]]/g, ''), port: Number(text.slice(colon + 1)) };
}

/** The `Segment.flow` of the segments from `from` to `to`. */
export function flowOf(from: string, to: string): string {
  const [source, destination] = [endpoint(from), endpoint(to)];
  const bytes = bytesOf(
    addressBytes(source.address),
    addressBytes(destination.address),
    word(source.port),
    word(destination.port),
  );
  return Buffer.from(bytes).toString('latin1');
}

const bits: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32, E: 64, C: 128 };

export interface TcpFields {
  /** `10.0.0.1:1234` or `[::1]:1234`. */
  readonly from: string;
  readonly to: string;
  readonly seq?: number;
  readonly ack?: number;
  /** Letters of F, S, R, P, A, U, E, C. A by default. */
  readonly flags?: string;
  readonly window?: number;
  /** Padded with zeros to a multiple of four bytes. */
  readonly options?: readonly number[];
  readonly payload?: Uint8Array | string;
  /** Instead of the right one. */
  readonly checksum?: number;
  /** Instead of the right one, in words of four bytes. */
  readonly dataOffset?: number;
}

export function tcp(fields: TcpFields): Carried {
  const { seq = 0, ack = 0, flags = 'A', window = 0xffff, options = [], payload = '' } = fields;
  const [source, destination] = [endpoint(fields.from), endpoint(fields.to)];
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)];
  const offset = fields.dataOffset ?? 5 + padded.length / 4;
  const flagBits = [...flags].reduce((all, letter) => all | bits[letter]!, 0);
  const bytes = bytesOf(
    [...word(source.port), ...word(destination.port), ...long(seq), ...long(ack)],
    [offset << 4, flagBits, ...word(window), 0, 0, 0, 0],
    padded,
    payload,
  );
  const pseudo = [...long(bytes.length), ...long(6)];
  const both = [addressBytes(source.address), addressBytes(destination.address)];
  bytes.set(word(fields.checksum ?? checksumOf(bytesOf(...both, pseudo, bytes))), 16);
  return { bytes, protocol: 6, source: source.address, destination: destination.address };
}

export interface Ipv4Fields {
  readonly id?: number;
  readonly ttl?: number;
  /** Padded with zeros to a multiple of four bytes. */
  readonly options?: readonly number[];
  /** Of this fragment, in bytes: a multiple of 8. */
  readonly offset?: number;
  /** Whether more fragments follow. */
  readonly more?: boolean;
  /** Instead of the right one; 0 is what offload leaves. */
  readonly totalLength?: number;
  /** Instead of the right one, in words of four bytes. */
  readonly headerLength?: number;
  readonly version?: number;
  readonly protocol?: number;
  readonly checksum?: number;
}

export function ipv4(carried: Carried, fields: Ipv4Fields = {}): Uint8Array {
  const { id = 0, ttl = 64, options = [], offset = 0, more = false, version = 4 } = fields;
  const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)];
  const words = fields.headerLength ?? 5 + padded.length / 4;
  const header = bytesOf(
    [(version << 4) | words, 0, ...word(fields.totalLength ?? 20 + padded.length + carried.bytes.length)],
    [
      ...word(id),
      ...word((more ? 0x2000 : 0) | (offset >>> 3)),
      ttl,
      fields.protocol ?? carried.protocol,
      0,
      0,
    ],
    addressBytes(carried.source),
    addressBytes(carried.destination),
    padded,
  );
  header.set(word(fields.checksum ?? checksumOf(header)), 10);
  return bytesOf(header, carried.bytes);
}

export interface Ipv6Fields {
  /** Instead of the right one; 0 is that of a jumbogram, or what offload leaves. */
  readonly payloadLength?: number;
  readonly version?: number;
  readonly nextHeader?: number;
}

export function ipv6(carried: Carried, fields: Ipv6Fields = {}): Uint8Array {
  return bytesOf(
    [(fields.version ?? 6) << 4, 0, 0, 0, ...word(fields.payloadLength ?? carried.bytes.length)],
    [fields.nextHeader ?? carried.protocol, 64],
    addressBytes(carried.source),
    addressBytes(carried.destination),
    carried.bytes,
  );
}

/**
 * Puts an extension header in front of the content of an IPv6 packet.
 *
 * @param protocol its number: 0 hop-by-hop, 43 routing, 51 AH, 60 destination options …
 * @param content the bytes behind the first two, which all of them have. The header is padded to a multiple of eight.
 */
export function extension(protocol: number, carried: Carried, content: readonly number[] = []): Carried {
  const length = Math.max(8, Math.ceil((content.length + 2) / 8) * 8);
  // The length of AH is counted in words of four bytes, less two; that of all others in eight, less one.
  const counted = protocol === 51 ? length / 4 - 2 : length / 8 - 1;
  const header = new Uint8Array(length);
  header.set([carried.protocol, counted, ...content]);
  return { ...carried, protocol, bytes: bytesOf(header, carried.bytes) };
}

export interface FragmentFields {
  readonly id?: number;
  readonly offset?: number;
  readonly more?: boolean;
}

/** Puts the fragment header of IPv6 in front of a piece. */
export function fragment6(carried: Carried, { id = 1, offset = 0, more = false }: FragmentFields): Carried {
  const header = [carried.protocol, 0, ...word(offset | (more ? 1 : 0)), ...long(id)];
  return { ...carried, protocol: 44, bytes: bytesOf(header, carried.bytes) };
}

/** A piece of the content of an IP packet. */
export function piece(carried: Carried, from: number, to?: number): Carried {
  return { ...carried, bytes: carried.bytes.slice(from, to) };
}

const isIpv6 = (ip: Uint8Array): boolean => ip[0]! >> 4 === 6;
const etherTypeOf = (ip: Uint8Array): number => (isIpv6(ip) ? 0x86dd : 0x0800);

export interface EthernetFields {
  readonly etherType?: number;
  /** The EtherTypes of VLAN tags, from the outermost. */
  readonly tags?: readonly number[];
  /** The length to which the frame is padded, with bytes that are not zero. */
  readonly padTo?: number;
}

export function ethernet(content: Uint8Array, fields: EthernetFields = {}): Uint8Array {
  const { etherType = etherTypeOf(content), tags = [], padTo = 0 } = fields;
  const tagged = tags.flatMap((tag, depth) => [...word(tag), 0, depth + 1]);
  const frame = bytesOf([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], tagged, word(etherType), content);
  return bytesOf(frame, new Array<number>(Math.max(0, padTo - frame.length)).fill(0xee));
}

/** A PPPoE session frame. Its content begins with the protocol of PPP. */
export function pppoe(ppp: Uint8Array, length = ppp.length): Uint8Array {
  return bytesOf([0x11, 0, 0, 1, ...word(length)], ppp);
}

/** The LLC and SNAP headers of an EtherType, which an IEEE 802.3 frame has behind its length. */
export function snap(content: Uint8Array, etherType = etherTypeOf(content)): Uint8Array {
  return bytesOf([0xaa, 0xaa, 3, 0, 0, 0, ...word(etherType)], content);
}

export function sll(content: Uint8Array, protocol = etherTypeOf(content), device = 1): Uint8Array {
  return bytesOf([0, 0, ...word(device), 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, ...word(protocol)], content);
}

export function sll2(content: Uint8Array, protocol = etherTypeOf(content), device = 1): Uint8Array {
  const address = [2, 0, 0, 0, 0, 1, 0, 0];
  return bytesOf([...word(protocol), 0, 0, ...long(2), ...word(device), 0, 6, ...address], content);
}

/** The link types NULL and LOOP: an address family in front of the content. */
export function family(value: number, content: Uint8Array, order: 'big' | 'little' = 'big'): Uint8Array {
  const header = long(value);
  return bytesOf(order === 'big' ? header : header.toReversed(), content);
}

/** A packet of these bytes. The snap length left the first `kept` of them. */
export function packetOf(
  bytes: Uint8Array,
  { kept = bytes.length, ...fields }: Partial<Packet> & { readonly kept?: number } = {},
): Packet {
  return {
    number: 1,
    time: 0n,
    linkType: 1,
    bytes: bytes.subarray(0, kept),
    originalLength: bytes.length,
    position: 24,
    ...fields,
  };
}

/** The segment that the dissector would give, for tests without the dissector. */
export function segmentOf(
  fields: TcpFields,
  packet: Partial<Packet> & { readonly kept?: number } = {},
): Segment {
  const carried = tcp(fields);
  const isFour = carried.source.includes('.');
  const whole = packetOf(ethernet(isFour ? ipv4(carried) : ipv6(carried)), packet);
  const header = 20 + Math.ceil((fields.options?.length ?? 0) / 4) * 4;
  const from = 14 + (isFour ? 20 : 40) + header;
  return {
    packet: whole,
    flow: flowOf(fields.from, fields.to),
    seq: fields.seq ?? 0,
    ack: fields.ack ?? 0,
    flags: carried.bytes[13]!,
    window: carried.bytes[14]! * 256 + carried.bytes[15]!,
    windowScale: carried.bytes[13]! & TCP_SYN ? NO_SCALE : null,
    payload: whole.bytes.subarray(from),
    length: carried.bytes.length - header,
  };
}
