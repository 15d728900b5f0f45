/**
 * Numbers the tunnels of a capture, so that a conversation inside of one is not taken for another with the same
 * addresses outside, or in another tunnel.
 *
 * A tunnel is known by its kind, the addresses of its two ends in either order, the number that its header has for both
 * directions (a VNI, a GRE key) and the tunnel that it is in itself. What differs by direction (the TEID of GTP-U, the
 * session of L2TP, the call of PPTP) is no part of it: the two directions of a conversation would not find each other.
 */
import { binaryString } from '../../../base/bytes.ts';
import { int32 } from '../integers.ts';

/** The number of what is in no tunnel. */
export const NO_TUNNEL = 0;
/** The id of a tunnel whose header has none that both directions share. */
export const NO_ID = -1;
/** Tunnels in one another. More are not looked into. */
export const TUNNEL_DEPTH_MAX = 8;
/**
 * As many as there may be open conversations. The one that was not looked up for the longest is forgotten, and is
 * another tunnel when it comes again.
 */
const TUNNELS_MAX = 65_536;
/** Of two addresses of IPv6. */
const WORDS_MAX = 8;

/** What is known of a tunnel when its header is read. */
export interface TunnelSeen {
  /** The number of the tunnel around it. */
  readonly tunnel: number;
  /** How many tunnels are around it. */
  readonly depth: number;
  /** The addresses of its ends, side by side; none (`addressesLength` 0) where the link layer carries it. */
  readonly addresses: Uint8Array;
  readonly addressesAt: number;
  readonly addressesLength: number;
}

/** The tunnel that was seen last at one depth. Most packets are in the same one as the packet before. */
interface LastSeen {
  number: number;
  around: number;
  kind: string;
  id: number;
  length: number;
  readonly words: Int32Array;
}

export interface TunnelTable {
  /** The number of a tunnel, from 1 on: the same for both directions. */
  numberOf(seen: TunnelSeen, kind: string, id: number): number;
}

export function createTunnelTable(tunnelsMax = TUNNELS_MAX): TunnelTable {
  /** By all that a tunnel is known by; the one that was looked up last is at the end. At most `tunnelsMax`. */
  const numbers = new Map<string, number>();
  let count = 0;
  const lasts = Array.from({ length: TUNNEL_DEPTH_MAX }, (): LastSeen => {
    return { number: NO_TUNNEL, around: 0, kind: '', id: 0, length: 0, words: new Int32Array(WORDS_MAX) };
  });

  function lookUp(seen: TunnelSeen, kind: string, id: number): number {
    const key = `${seen.tunnel} ${kind} ${id} ${endsOf(seen)}`;
    const number = numbers.get(key) ?? ++count;
    numbers.delete(key);
    numbers.set(key, number);
    if (numbers.size > tunnelsMax) numbers.delete(numbers.keys().next().value!);
    return number;
  }

  return {
    numberOf(seen, kind, id) {
      const last = lasts[seen.depth]!;
      if (last.around === seen.tunnel && last.kind === kind && last.id === id && isBetween(last, seen)) {
        return last.number;
      }
      last.number = lookUp(seen, kind, id);
      last.around = seen.tunnel;
      last.kind = kind;
      last.id = id;
      last.length = seen.addressesLength;
      for (let at = 0; at < seen.addressesLength; at += 4) {
        last.words[at >> 2] = int32(seen.addresses, seen.addressesAt + at);
      }
      return last.number;
    },
  };
}

/** Whether a tunnel has the same ends, in either order. */
function isBetween({ length, words }: LastSeen, seen: TunnelSeen): boolean {
  if (length !== seen.addressesLength) return false;
  return hasWords(words, seen, 0) || hasWords(words, seen, length >> 1);
}

/** @param shift where the second half begins when the ends are the other way round, or 0. */
function hasWords(words: Int32Array, { addresses, addressesAt, addressesLength }: TunnelSeen, shift: number) {
  for (let at = 0; at < addressesLength; at += 4) {
    const from = at + shift < addressesLength ? at + shift : at + shift - addressesLength;
    if (words[at >> 2] !== int32(addresses, addressesAt + from)) return false;
  }
  return true;
}

/** The addresses as a string, the lower one first. */
function endsOf({ addresses, addressesAt, addressesLength }: TunnelSeen): string {
  const half = addressesLength >> 1;
  const source = binaryString(addresses, addressesAt, half);
  const destination = binaryString(addresses, addressesAt + half, half);
  return source < destination ? source + destination : destination + source;
}
