/** Reads the key of a flow: the addresses and ports of sender and receiver, and their tunnel (see `Segment.flow`). */

import { formatAddress } from '../../transport/address.ts';
import type { Address } from '../../transport/connection.ts';

/** Characters of the addresses and ports in a key. */
const IPV4_ENDS_LENGTH = 12;
const IPV6_ENDS_LENGTH = 36;

/** Characters of the addresses and ports. Behind them are those of the tunnel, if there are more. */
export const endsLength = (flow: string): number =>
  flow.length < IPV6_ENDS_LENGTH ? IPV4_ENDS_LENGTH : IPV6_ENDS_LENGTH;

/** The key of the other direction. */
export function reverseFlow(flow: string): string {
  const ends = endsLength(flow);
  const [host, ports] = [(ends - 4) / 2, ends - 4];
  const addresses = flow.slice(host, ports) + flow.slice(0, host);
  return addresses + flow.slice(ports + 2, ends) + flow.slice(ports, ports + 2) + flow.slice(ends);
}

export const sourcePort = (flow: string): number => word(flow, endsLength(flow) - 4);

/** The sender's address, as a URL has it: `127.0.0.1:8080`, `[2001:db8::1]:8080`. */
export function sourceAddress(flow: string): Address {
  if (endsLength(flow) > IPV4_ENDS_LENGTH) return formatAddress(ipv6Text(flow), sourcePort(flow));
  // Joined, it is one string for an engine; a template would be made of two others, and each conversation has it.
  return [dotted(flow), sourcePort(flow)].join(':');
}

const word = (flow: string, at: number): number => flow.charCodeAt(at) * 256 + flow.charCodeAt(at + 1);

const dotted = (flow: string): string =>
  `${flow.charCodeAt(0)}.${flow.charCodeAt(1)}.${flow.charCodeAt(2)}.${flow.charCodeAt(3)}`;

/**
 * RFC 5952: small letters, no leading zeros, the longest run of two zero groups or more (the first of equals) as `::`.
 */
function ipv6Text(flow: string): string {
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => word(flow, at));
  let start = 0;
  let longest = 1;
  for (let i = 0; i < groups.length; i++) {
    let run = 0;
    while (groups[i + run] === 0) run++;
    if (run > longest) {
      start = i;
      longest = run;
    }
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (longest < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + longest))}`;
}
