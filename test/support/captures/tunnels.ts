/** Packets in tunnels, byte for byte: what a carrying packet has in front of the frame or the packet inside. */
import { bytesOf, type Carried, ethernet, ipv4, ipv6 } from './packet-bytes.ts';

const word = (value: number): readonly number[] => [(value >>> 8) & 0xff, value & 0xff];
const long = (value: number): readonly number[] => [...word(value >>> 16), ...word(value)];
const isIpv6 = (ip: Uint8Array): boolean => ip[0]! >> 4 === 6;
const etherTypeOf = (ip: Uint8Array): number => (isIpv6(ip) ? 0x86dd : 0x0800);

/** The two ends of a tunnel. */
export interface TunnelEnds {
  readonly source: string;
  readonly destination: string;
}

export const ENDS_4: TunnelEnds = { source: '192.0.2.1', destination: '192.0.2.2' };
export const ENDS_6: TunnelEnds = { source: '2001:db8:ffff::1', destination: '2001:db8:ffff::2' };

export const backwards = ({ source, destination }: TunnelEnds): TunnelEnds => {
  return { source: destination, destination: source };
};

/** The content of an IP packet with this protocol. */
export const over = (protocol: number, bytes: Uint8Array, ends: TunnelEnds = ENDS_4): Carried => {
  return { ...ends, protocol, bytes };
};

/** The IP packet of a carrier, by the kind of its addresses. */
export const ipOf = (carried: Carried): Uint8Array =>
  carried.source.includes(':') ? ipv6(carried) : ipv4(carried);

/** A frame of Ethernet with what a tunnel carries. */
export const carrying = (carried: Carried): Uint8Array => ethernet(ipOf(carried));

export const udp = (port: number, content: Uint8Array, ends?: TunnelEnds, from = 50_000): Carried =>
  over(17, bytesOf([...word(from), ...word(port), ...word(8 + content.length), 0, 0], content), ends);

export const vxlan = (vni: number, frame: Uint8Array, flags: readonly number[] = [8, 0, 0, 0]): Uint8Array =>
  bytesOf(flags, long(vni << 8), frame);

export const geneve = (
  vni: number,
  content: Uint8Array,
  { etherType = 0x6558, options = [] }: { etherType?: number; options?: readonly number[] } = {},
): Uint8Array => bytesOf([options.length >> 2, 0, ...word(etherType), ...long(vni << 8)], options, content);

export interface GreFields {
  readonly checksum?: boolean;
  readonly key?: number;
  readonly number?: number;
  readonly etherType?: number;
}

export function gre(content: Uint8Array, fields: GreFields = {}): Uint8Array {
  const { checksum, key, number, etherType = etherTypeOf(content) } = fields;
  const flags =
    (checksum ? 0x8000 : 0) | (key === undefined ? 0 : 0x2000) | (number === undefined ? 0 : 0x1000);
  return bytesOf(
    [...word(flags), ...word(etherType)],
    checksum ? [0, 0, 0, 0] : [],
    key === undefined ? [] : long(key),
    number === undefined ? [] : long(number),
    content,
  );
}

/** The GRE of PPTP, with PPP in it. */
export function pptp(ppp: Uint8Array, { call = 1, ack }: { call?: number; ack?: number } = {}): Uint8Array {
  const flags = 0x3001 | (ack === undefined ? 0 : 0x80);
  const head = [...word(flags), 0x88, 0x0b, ...word(ppp.length), ...word(call), ...long(7)];
  return bytesOf(head, ack === undefined ? [] : long(ack), ppp);
}

/** ERSPAN of type II, in GRE. */
export const erspan2 = (session: number, frame: Uint8Array): Uint8Array =>
  gre(bytesOf([0x10, 1, ...word(session), 0, 0, 0, 5], frame), { number: 1, etherType: 0x88be });

/** ERSPAN of type III, in GRE. */
export function erspan3(session: number, frame: Uint8Array, subheader = false): Uint8Array {
  const head = [0x20, 1, ...word(session), 0, 0, 0, 9, 0, 0, 0, subheader ? 1 : 0];
  const more = subheader ? [0x0c, 0, 0, 0, 0, 0, 0, 1] : [];
  return gre(bytesOf(head, more, frame), { number: 1, etherType: 0x22eb });
}

export interface GtpFields {
  readonly teid?: number;
  readonly type?: number;
  readonly number?: number;
  /** Extension headers, from the first: the type, and what is between its length and the next type. */
  readonly extensions?: readonly (readonly [type: number, content: readonly number[]])[];
}

export function gtp(content: Uint8Array, fields: GtpFields = {}): Uint8Array {
  const { teid = 0x1234, type = 255, number, extensions = [] } = fields;
  const flags = 0x30 | (extensions.length > 0 ? 4 : 0) | (number === undefined ? 0 : 2);
  const next = (i: number): number => extensions[i]?.[0] ?? 0;
  const more = [...word(number ?? 0), 0, next(0)];
  const optional = flags & 7 ? more : [];
  const headers = extensions.flatMap(([, inside], i) => [(inside.length + 2) >> 2, ...inside, next(i + 1)]);
  const length = optional.length + headers.length + content.length;
  return bytesOf([flags, type, ...word(length), ...long(teid)], optional, headers, content);
}

export interface L2tpFields {
  readonly session?: number;
  readonly length?: boolean;
  readonly numbers?: boolean;
  readonly offset?: number;
}

/** L2TP of version 2, with PPP in it. */
export function l2tp(ppp: Uint8Array, fields: L2tpFields = {}): Uint8Array {
  const { session = 1, length = true, numbers = false, offset } = fields;
  const flags = 2 | (length ? 0x4000 : 0) | (numbers ? 0x0800 : 0) | (offset === undefined ? 0 : 0x0200);
  const behind = bytesOf(
    [...word(9), ...word(session)],
    numbers ? [0, 1, 0, 2] : [],
    offset === undefined ? [] : [...word(offset), ...new Array<number>(offset).fill(0xaa)],
    ppp,
  );
  return bytesOf(word(flags), length ? word(behind.length + 4) : [], behind);
}

/** PPP with an IP packet, as HDLC has it in front, or shorter. */
export const ppp = (ip: Uint8Array, form: 'hdlc' | 'bare' | 'short' = 'hdlc'): Uint8Array => {
  const protocol = isIpv6(ip) ? 0x57 : 0x21;
  return bytesOf(form === 'hdlc' ? [0xff, 3] : [], form === 'short' ? [protocol] : [0, protocol], ip);
};

/** A label at the bottom of its stack, or one above it. */
export const label = (value: number, isBottom = true): readonly number[] => [
  value >> 12,
  (value >> 4) & 0xff,
  ((value & 15) << 4) | (isBottom ? 1 : 0),
  64,
];
