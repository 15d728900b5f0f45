/**
 * The sender and the receiver of a segment, and its tunnel, as a string: see `Segment.flow`.
 *
 * A capture has few flows at a time and many packets of each, so the strings lately made are kept and given out
 * again: that saves the making, and the map in which one is looked up need not hash it anew.
 */
import { binaryString } from '../../base/bytes.ts';
import { int32 } from './integers.ts';
import type { PacketCursor } from './packet-cursor.ts';
import { NO_TUNNEL } from './tunnels/tunnel-table.ts';

/** How many flows are kept. Two that fall on the same slot take turns in it. A power of two. */
const SLOTS_MAX = 1024;
/** Words of a flow: two addresses of IPv6, the ports and the tunnel. */
const WORDS_PER_FLOW = 10;
/** Bytes of two addresses of IPv4. */
const IPV4_ADDRESSES_LENGTH = 8;

/** Makes the flow of the segment that a reading is at. Remembers at most 1024 of them. */
export function createFlows(): (cursor: PacketCursor) => string {
  const flows: (string | undefined)[] = new Array(SLOTS_MAX).fill(undefined);
  const known = new Int32Array(SLOTS_MAX * WORDS_PER_FLOW);

  function isKnown(slot: number, cursor: PacketCursor): boolean {
    const { addresses, addressesAt, addressesLength, at, bytes, tunnel } = cursor;
    let word = slot * WORDS_PER_FLOW;
    // Of the same tunnel, only flows of the same kind of address are as long.
    if (known[word] !== tunnel || flows[slot]?.length !== addressesLength + (tunnel === NO_TUNNEL ? 4 : 8)) {
      return false;
    }
    word += 1;
    if (known[word] !== int32(bytes, at)) return false;
    for (let from = addressesAt; from < addressesAt + addressesLength; from += 4) {
      word += 1;
      if (known[word] !== int32(addresses, from)) return false;
    }
    return true;
  }

  function remember(slot: number, cursor: PacketCursor): string {
    const { addresses, addressesAt, addressesLength, at, bytes, tunnel } = cursor;
    let word = slot * WORDS_PER_FLOW;
    known[word] = tunnel;
    word += 1;
    known[word] = int32(bytes, at);
    for (let from = addressesAt; from < addressesAt + addressesLength; from += 4) {
      word += 1;
      known[word] = int32(addresses, from);
    }
    const ends =
      addressesLength === IPV4_ADDRESSES_LENGTH
        ? ipv4Flow(addresses, addressesAt, bytes, at)
        : binaryString(addresses, addressesAt, addressesLength) + binaryString(bytes, at, 4);
    const flow = tunnel === NO_TUNNEL ? ends : ends + wordText(tunnel);
    flows[slot] = flow;
    return flow;
  }

  return (cursor) => {
    const { addresses, addressesAt, addressesLength, at, bytes, tunnel } = cursor;
    // Of IPv6 addresses the last words, which differ most.
    const to = addressesAt + addressesLength;
    const source = int32(addresses, to - (addressesLength >> 1) - 4);
    const mixed = Math.imul(Math.imul(source, 31) + int32(addresses, to - 4), 31) + int32(bytes, at) + tunnel;
    const slot = Math.imul(mixed, 0x9e3779b1) >>> 22;
    return isKnown(slot, cursor) ? flows[slot]! : remember(slot, cursor);
  };
}

/** A number of 32 bits as four characters. */
const wordText = (word: number): string =>
  String.fromCharCode((word >>> 24) & 255, (word >>> 16) & 255, (word >>> 8) & 255, word & 255);

/** The flow of IPv4 addresses, from `at` on, and of ports. Of so few characters this takes a tenth of the time. */
const ipv4Flow = (addresses: Uint8Array, at: number, ports: Uint8Array, portsAt: number): string =>
  String.fromCharCode(
    addresses[at]!,
    addresses[at + 1]!,
    addresses[at + 2]!,
    addresses[at + 3]!,
    addresses[at + 4]!,
    addresses[at + 5]!,
    addresses[at + 6]!,
    addresses[at + 7]!,
    ports[portsAt]!,
    ports[portsAt + 1]!,
    ports[portsAt + 2]!,
    ports[portsAt + 3]!,
  );
