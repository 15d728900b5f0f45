/**
 * IP packets that came in pieces (RFC 791, section 3.2, and RFC 8200, section 4.5): kept until all pieces are there,
 * and then put together.
 *
 * Bounded: at most 256 packets and 4 MiB are held, and none for longer than 30 seconds of the capture's time. The
 * oldest goes first.
 */
import { Buffer } from 'node:buffer';
import type { Packet } from '../packet.ts';
import type { Difference } from '../reassembly/byte-difference.ts';
import type { NoSegment } from '../segment.ts';
import type { FragmentConflict } from '../stream-event.ts';
import { type Pieces, put, together } from './pieces.ts';
import { type Reading, skip } from './reading.ts';

const MOST_PACKETS = 256;
const MOST_BYTES = 4 * 1024 * 1024;
/** What a piece costs besides its bytes, roughly: pieces may be as small as 8 bytes. */
const PIECE_COST = 256;
/** What Linux waits. RFC 8200 asks for 60 seconds, which no sender of TCP relies on. */
const LONGEST_NS = 30_000_000_000n;
/** How many of those that never became whole are told one by one. */
const MOST_TOLD = 1024;
/** Of a packet, behind its own header. */
const MOST_LENGTH = 0xffff;

export interface Fragments {
  /**
   * Takes the fragment whose content a reading is at. Null when it was the last that was missing: the reading is
   * then at the beginning of what all of them carried.
   *
   * @param offset where in that its content belongs, in bytes.
   * @param more whether it is not the last.
   */
  take(reading: Reading, id: number, offset: number, more: boolean): NoSegment | null;
  /** Tells, in the order in which they were given up, what never became whole. */
  end(): NoSegment[];
}

/** A packet of which pieces are missing. */
interface Incomplete extends Pieces {
  readonly layer: string;
  readonly name: string;
  /** The packet of the capture with its first piece, without its bytes: they would hold the block they are in. */
  readonly packet: Packet;
  /** What the piece at offset 0 says that they carry. */
  protocol: number;
  count: number;
  /** What it takes of `MOST_BYTES`. */
  cost: number;
}

const nothing = new Uint8Array(0);

/** @param differed is called for each fragment that brings other bytes where there were some. */
export function createFragments(differed: (conflict: FragmentConflict) => void): Fragments {
  /** By who sends what to whom, the oldest first. */
  const waiting = new Map<string, Incomplete>();
  const told: NoSegment[] = [];
  /** Of those beyond them: how many, and their fragments. */
  let untold = 0;
  let untoldFragments = 0;
  let held = 0;

  function remove(key: string, incomplete: Incomplete): void {
    waiting.delete(key);
    held -= incomplete.cost;
  }

  function giveUp(key: string, incomplete: Incomplete, why: string): void {
    remove(key, incomplete);
    const { count, layer, list, name, packet } = incomplete;
    if (told.length === MOST_TOLD) {
      untold += 1;
      untoldFragments += count;
      return;
    }
    const pieces = count === 1 ? '1 fragment' : `${count} fragments`;
    const without = list[0]?.start === 0 ? 'others' : 'first';
    told.push({
      packet,
      skipped: 'fragment',
      message: `${name}: ${pieces}, and ${why}`,
      reason: `${layer} fragment without its ${without}`,
      packets: count,
    });
  }

  function forgetOld(time: bigint): void {
    for (const [key, incomplete] of waiting) {
      if (time - incomplete.packet.time <= LONGEST_NS) return;
      giveUp(key, incomplete, 'the others did not come within 30 seconds');
    }
  }

  function forgetMany(): void {
    for (const [key, incomplete] of waiting) {
      if (waiting.size <= MOST_PACKETS && held <= MOST_BYTES) return;
      giveUp(key, incomplete, 'too many waited for others to wait for theirs');
    }
  }

  function begin(reading: Reading, id: number): Incomplete {
    const layer = layerOf(reading);
    return {
      layer,
      name: `${layer}: packet with id ${id >>> 0}`,
      packet: { ...reading.packet, bytes: nothing },
      protocol: 0,
      count: 0,
      cost: 0,
      list: [],
      received: 0,
      total: null,
    };
  }

  function tell({ name }: Incomplete, packet: Packet, { first, last }: Difference): void {
    const length = last + 1 - first;
    const bytes = length === 1 ? 'byte' : 'bytes';
    const message = `${name}: fragments overlap and differ, ${length} ${bytes} from ${first} on`;
    differed({ type: 'fragment-conflict', packet: packet.number, position: first, length, message });
  }

  return {
    take(reading, id, offset, more) {
      const { at, bytes, end, packet, protocol, wire } = reading;
      const length = wire - at;
      const wrong = contradiction(offset, length, more);
      if (wrong !== null) {
        const layer = layerOf(reading);
        return skip(reading, 'malformed', `${layer}: ${wrong}`, `${layer}: a fragment that cannot be`);
      }
      forgetOld(packet.time);
      const key = keyOf(reading, id);
      const incomplete = waiting.get(key) ?? begin(reading, id);
      const piece = { start: offset, end: offset + length, bytes: new Uint8Array(bytes.subarray(at, end)) };
      const difference: Difference = { first: -1, last: -1 };
      if (!put(incomplete, piece, more, difference)) {
        const message = `${layerOf(reading)}: fragments that do not agree on where their packet ends`;
        return skip(reading, 'malformed', message);
      }
      if (offset === 0 && incomplete.protocol === 0) incomplete.protocol = protocol;
      if (difference.first !== -1) tell(incomplete, packet, difference);
      incomplete.count += 1;
      const cost = end - at + PIECE_COST;
      incomplete.cost += cost;
      held += cost;
      if (incomplete.received === incomplete.total) {
        remove(key, incomplete);
        reading.bytes = together(incomplete);
        reading.at = 0;
        reading.end = reading.bytes.length;
        reading.wire = incomplete.total;
        reading.protocol = incomplete.protocol;
        return null;
      }
      waiting.set(key, incomplete);
      forgetMany();
      return skip(reading, 'fragment', `${incomplete.name}: bytes ${offset} to ${offset + length} of it`);
    },

    end() {
      for (const [key, incomplete] of waiting) giveUp(key, incomplete, 'the others never came');
      const all = told.splice(0);
      const last = all.at(-1);
      if (untold > 0 && last !== undefined) {
        all.push({
          ...last,
          message: `IP: fragments of ${untold} packets more that never became whole`,
          reason: 'IP fragment of a packet that never became whole',
          packets: untoldFragments,
        });
        untold = 0;
        untoldFragments = 0;
      }
      return all;
    },
  };
}

function layerOf(reading: Reading): string {
  return reading.addressesLength === 8 ? 'IPv4' : 'IPv6';
}

function keyOf({ addresses, addressesAt, addressesLength, protocol }: Reading, id: number): string {
  const from = addresses.byteOffset + addressesAt;
  const ends = Buffer.from(addresses.buffer, from, addressesLength).toString('latin1');
  // Of IPv6 fragments, only the first need say what they carry.
  return addressesLength === 8 ? `${ends}${id} ${protocol}` : `${ends}${id}`;
}

/** Why a fragment cannot be one, in words. */
function contradiction(offset: number, length: number, more: boolean): string | null {
  if (length <= 0) return 'a fragment without content';
  if (more && length % 8 !== 0)
    return `a fragment of ${length} bytes, and all but the last have a multiple of 8`;
  if (offset + length > MOST_LENGTH)
    return `a fragment up to byte ${offset + length}, and packets have ${MOST_LENGTH}`;
  return null;
}
