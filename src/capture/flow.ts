/** The keys by which the two directions of a connection are looked up, and what they say. */
import type { Address } from '../transport/connection.ts';

export interface Flow {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const IPV4_KEY = 12;

/** The key of the other direction. */
export function reversed(flow: string): string {
  const size = (flow.length - 4) / 2;
  const [source, destination] = [flow.slice(0, size), flow.slice(size, 2 * size)];
  return destination + source + flow.slice(-2) + flow.slice(-4, -2);
}

/** What a key says, as addresses are written: `192.0.2.1:80`, `[2001:db8::1]:80`. */
export function formatFlow(flow: string): Flow {
  const size = (flow.length - 4) / 2;
  const codes = Array.from(flow, (character) => character.charCodeAt(0));
  const host = (from: number): string => {
    const bytes = codes.slice(from, from + size);
    return flow.length === IPV4_KEY ? bytes.join('.') : `[${formatIpv6(bytes)}]`;
  };
  const sourcePort = codes.at(-4)! * 256 + codes.at(-3)!;
  const destinationPort = codes.at(-2)! * 256 + codes.at(-1)!;
  return {
    source: `${host(0)}:${sourcePort}`,
    destination: `${host(size)}:${destinationPort}`,
    sourcePort,
    destinationPort,
  };
}

/** As RFC 5952 wants it: lower case, no leading zeros, the longest run of two zeros or more left out. */
export function formatIpv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! * 256 + bytes[2 * i + 1]!);
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.at < 0) return hex.join(':');
  return `${hex.slice(0, best.at).join(':')}::${hex.slice(best.at + best.length).join(':')}`;
}
