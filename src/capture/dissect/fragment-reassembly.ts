/**
 * Reassembles IP packets that came in fragments (RFC 791, section 3.2, and RFC 8200, section 4.5): keeps the fragments
 * until all are there, and then joins them.
 *
 * Bounded: at most 256 packets and 4 MiB are held, and none for longer than 30 seconds of the capture's time. The
 * oldest goes first.
 */
import { Buffer } from 'node:buffer';
import type { Packet } from '../packet.ts';
import type { Difference } from '../reassembly/byte-difference.ts';
import type { NoSegment } from '../segment.ts';
import type { FragmentConflict } from '../stream-event.ts';
import { addFragment, type FragmentBuffer, joinFragments } from './fragment-buffer.ts';
import { type PacketCursor, skip } from './packet-cursor.ts';

const INCOMPLETE_PACKETS_MAX = 256;
const HELD_BYTES_MAX = 4 * 1024 * 1024;
/** Approximate memory of a fragment besides its bytes: fragments may be as small as 8 bytes. */
const FRAGMENT_COST_BYTES = 256;
/** The timeout of Linux. RFC 8200 asks for 60 seconds, which no sender of TCP relies on. */
const FRAGMENT_TIMEOUT_NS = 30_000_000_000n;
/** How many packets that never became whole are reported one by one. */
const REPORTED_MAX = 1024;
/** Of a packet, behind its own header. */
const CONTENT_BYTES_MAX = 0xffff;

export interface FragmentReassembly {
  /**
   * Takes the fragment whose content a reading is at. Null when it was the last that was missing: the reading is
   * then at the beginning of what all of them carried.
   *
   * @param offset where in that its content belongs, in bytes.
   * @param more whether it is not the last.
   */
  take(cursor: PacketCursor, id: number, offset: number, more: boolean): NoSegment | null;
  /** Returns the packets that never became whole, in the order in which they were given up. */
  end(): NoSegment[];
}

/** A packet of which fragments are missing. */
interface Incomplete extends FragmentBuffer {
  readonly layer: string;
  readonly name: string;
  /** The packet of the capture with its first fragment, without its bytes: they would keep their block in memory. */
  readonly packet: Packet;
  /** The protocol that the fragment at offset 0 names. */
  protocol: number;
  count: number;
  /** Its share of `HELD_BYTES_MAX`. */
  cost: number;
}

const NO_BYTES = new Uint8Array(0);

/** @param onConflict is called for each fragment that brings other bytes where there were some. */
export function createFragmentReassembly(
  onConflict: (conflict: FragmentConflict) => void,
): FragmentReassembly {
  /** By addresses, protocol and id; the oldest first. */
  const waiting = new Map<string, Incomplete>();
  const reported: NoSegment[] = [];
  /** How many more packets there were, and how many fragments they had. */
  let unreported = 0;
  let unreportedFragments = 0;
  let held = 0;

  function remove(key: string, incomplete: Incomplete): void {
    waiting.delete(key);
    held -= incomplete.cost;
  }

  function giveUp(key: string, incomplete: Incomplete, why: string): void {
    remove(key, incomplete);
    const { count, layer, list, name, packet } = incomplete;
    if (reported.length === REPORTED_MAX) {
      unreported += 1;
      unreportedFragments += count;
      return;
    }
    const fragmentCount = count === 1 ? '1 fragment' : `${count} fragments`;
    const without = list[0]?.start === 0 ? 'others' : 'first';
    reported.push({
      packet,
      skipped: 'fragment',
      message: `${name}: ${fragmentCount}, and ${why}`,
      reason: `${layer} fragment without its ${without}`,
      packets: count,
    });
  }

  function expire(time: bigint): void {
    for (const [key, incomplete] of waiting) {
      if (time - incomplete.packet.time <= FRAGMENT_TIMEOUT_NS) return;
      giveUp(key, incomplete, 'the others did not come within 30 seconds');
    }
  }

  function evictOldest(): void {
    for (const [key, incomplete] of waiting) {
      if (waiting.size <= INCOMPLETE_PACKETS_MAX && held <= HELD_BYTES_MAX) return;
      giveUp(key, incomplete, 'too many waited for others to wait for theirs');
    }
  }

  function begin(cursor: PacketCursor, id: number): Incomplete {
    const layer = layerOf(cursor);
    return {
      layer,
      name: `${layer}: packet with id ${id >>> 0}`,
      packet: { ...cursor.packet, bytes: NO_BYTES },
      protocol: 0,
      count: 0,
      cost: 0,
      list: [],
      received: 0,
      total: null,
    };
  }

  function reportConflict({ name }: Incomplete, packet: Packet, { first, last }: Difference): void {
    const length = last + 1 - first;
    const bytes = length === 1 ? 'byte' : 'bytes';
    const message = `${name}: fragments overlap and differ, ${length} ${bytes} from ${first} on`;
    onConflict({ type: 'fragment-conflict', packet: packet.number, position: first, length, message });
  }

  return {
    take(cursor, id, offset, more) {
      const { at, bytes, end, packet, protocol, wire } = cursor;
      const length = wire - at;
      const wrong = fragmentFault(offset, length, more);
      if (wrong !== null) {
        const layer = layerOf(cursor);
        return skip(cursor, 'malformed', `${layer}: ${wrong}`, `${layer}: a fragment that cannot be`);
      }
      expire(packet.time);
      const key = keyOf(cursor, id);
      const incomplete = waiting.get(key) ?? begin(cursor, id);
      const fragment = {
        start: offset,
        end: offset + length,
        bytes: new Uint8Array(bytes.subarray(at, end)),
      };
      const difference: Difference = { first: -1, last: -1 };
      if (!addFragment(incomplete, fragment, more, difference)) {
        const message = `${layerOf(cursor)}: fragments that do not agree on where their packet ends`;
        return skip(cursor, 'malformed', message);
      }
      if (offset === 0 && incomplete.protocol === 0) incomplete.protocol = protocol;
      if (difference.first !== -1) reportConflict(incomplete, packet, difference);
      incomplete.count += 1;
      const cost = end - at + FRAGMENT_COST_BYTES;
      incomplete.cost += cost;
      held += cost;
      if (incomplete.received === incomplete.total) {
        remove(key, incomplete);
        cursor.bytes = joinFragments(incomplete);
        cursor.at = 0;
        cursor.end = cursor.bytes.length;
        cursor.wire = incomplete.total;
        cursor.protocol = incomplete.protocol;
        return null;
      }
      waiting.set(key, incomplete);
      evictOldest();
      return skip(cursor, 'fragment', `${incomplete.name}: bytes ${offset} to ${offset + length} of it`);
    },

    end() {
      for (const [key, incomplete] of waiting) giveUp(key, incomplete, 'the others never came');
      const all = reported.splice(0);
      const last = all.at(-1);
      if (unreported > 0 && last !== undefined) {
        all.push({
          ...last,
          message: `IP: fragments of ${unreported} packets more that never became whole`,
          reason: 'IP fragment of a packet that never became whole',
          packets: unreportedFragments,
        });
        unreported = 0;
        unreportedFragments = 0;
      }
      return all;
    },
  };
}

function layerOf(cursor: PacketCursor): string {
  return cursor.addressesLength === 8 ? 'IPv4' : 'IPv6';
}

function keyOf({ addresses, addressesAt, addressesLength, protocol }: PacketCursor, id: number): string {
  const from = addresses.byteOffset + addressesAt;
  const ends = Buffer.from(addresses.buffer, from, addressesLength).toString('latin1');
  // Of IPv6 fragments, only the first need say what they carry.
  return addressesLength === 8 ? `${ends}${id} ${protocol}` : `${ends}${id}`;
}

/** Why a fragment cannot be one, in words. */
function fragmentFault(offset: number, length: number, more: boolean): string | null {
  if (length <= 0) return 'a fragment without content';
  if (more && length % 8 !== 0)
    return `a fragment of ${length} bytes, and all but the last have a multiple of 8`;
  if (offset + length > CONTENT_BYTES_MAX)
    return `a fragment up to byte ${offset + length}, and packets have ${CONTENT_BYTES_MAX}`;
  return null;
}
