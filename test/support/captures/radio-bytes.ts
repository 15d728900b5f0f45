/** Builds frames of IEEE 802.11, what is in front of them in captures, and the attributes of NFLOG. */
import { bytesOf, snap } from './packet-bytes.ts';

const word = (value: number): readonly number[] => [value & 0xff, (value >>> 8) & 0xff];

export interface Dot11Fields {
  /** The two bytes of QoS. */
  readonly qos?: readonly [number, number];
  /** Whether there is an HT field. */
  readonly ht?: boolean;
  readonly fourAddresses?: boolean;
  /** Whether the packet is in a subframe of an aggregate. */
  readonly aggregate?: boolean;
  /** Whether the header is padded to a multiple of four. */
  readonly padded?: boolean;
  /** Bits to set in the frame control. */
  readonly control?: readonly [number, number];
  readonly sequence?: number;
}

const address = (last: number): readonly number[] => [0, 0x0c, 0x29, 0, 0, last];

/** A data frame with LLC and an IP packet. */
export function dot11(ip: Uint8Array, fields: Dot11Fields = {}): Uint8Array {
  const { aggregate, control = [0, 0], fourAddresses, ht, padded, qos, sequence = 0x10 } = fields;
  const first = 0x08 | (qos === undefined ? 0 : 0x80) | control[0];
  const second = (fourAddresses ? 3 : 1) | (ht ? 0x80 : 0) | control[1];
  const head = bytesOf(
    [first, second, 0, 0, ...address(1), ...address(2), ...address(3), ...word(sequence)],
    fourAddresses ? address(4) : [],
    qos ?? [],
    ht ? [0, 0, 0, 0] : [],
  );
  const padding = padded ? new Array<number>((4 - (head.length % 4)) % 4).fill(0) : [];
  const llc = snap(ip);
  const subframe = [...address(3), ...address(2), llc.length >>> 8, llc.length & 0xff];
  return bytesOf(head, padding, aggregate ? subframe : [], llc);
}

/** Radiotap with a clock and flags, and with fields in a second word. */
export const radiotap = (frame: Uint8Array, isPadded = false): Uint8Array =>
  bytesOf(
    [
      0,
      0,
      ...word(25),
      0x03,
      0,
      0,
      0x80,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      isPadded ? 0x20 : 0,
    ],
    frame,
  );

/** PPI with a field of eight bytes. */
export const ppi = (linkType: number, frame: Uint8Array): Uint8Array =>
  bytesOf([0, 0, ...word(20), ...word(linkType), 0, 0, 0x34, 0x12, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8], frame);

/** A packet in attributes, behind those of a header and a prefix. */
export function nflog(ip: Uint8Array, order: 'little' | 'big'): Uint8Array {
  const number = (value: number) => (order === 'big' ? word(value).toReversed() : word(value));
  const attribute = (type: number, value: Uint8Array | readonly number[]) =>
    bytesOf(number(4 + value.length), number(type), value, new Uint8Array((4 - (value.length % 4)) % 4));
  const isIpv6 = ip[0]! >> 4 === 6;
  return bytesOf(
    [isIpv6 ? 10 : 2, 0, 0, 30],
    attribute(1, [...(isIpv6 ? [0x86, 0xdd] : [8, 0]), 1, 0]),
    attribute(10, [0x61, 0]),
    attribute(9, ip),
  );
}
