/**
 * Reassembles IP packets that came in fragments (RFC 791, section 3.2, and RFC 8200, section 4.5): keeps the fragments
 * until all are there, and then joins them.
 *
 * Bounded: at most 256 packets and 4 MiB are held, and none for longer than 30 seconds of the capture's time. The
 * oldest goes first.
 */
import { binaryString } from '../../base/bytes.ts';
import type { Packet } from '../packet.ts';
import type { Difference } from '../reassembly/byte-difference.ts';
import type { NoSegment } from '../segment.ts';
import type { FragmentConflict } from '../stream-event.ts';
import { addFragment, joinFragments } from './fragment-buffer.ts';
import {
  type Incomplete,
  type IncompleteReport,
  reportIncomplete,
  takeReported,
} from './incomplete-report.ts';
import { UDP } from './ip-protocol.ts';
import { type PacketCursor, packetsOf, skip } from './packet-cursor.ts';

const INCOMPLETE_PACKETS_MAX = 256;
const HELD_BYTES_MAX = 4 * 1024 * 1024;
/** Approximate memory of a fragment besides its bytes: fragments may be as small as 8 bytes. */
const FRAGMENT_COST_BYTES = 256;
/** The timeout of Linux. RFC 8200 asks for 60 seconds, on which no sender of TCP relies. */
const FRAGMENT_TIMEOUT_NS = 30_000_000_000n;
/** The most bytes that a packet has behind its own header. */
const CONTENT_BYTES_MAX = 0xffff;

export interface FragmentReassembly {
  /**
   * Takes the fragment at whose content a cursor is. Returns null when no other is missing: the cursor is then at the
   * beginning of what all of them carried.
   *
   * @param offset where its content belongs in that of the packet, in bytes.
   * @param more whether other fragments follow it in the packet.
   */
  take(cursor: PacketCursor, id: number, offset: number, more: boolean): NoSegment | null;
  /** Returns the packets that never became whole, in the order in which they were given up. */
  end(): NoSegment[];
}

const NO_BYTES = new Uint8Array(0);

/** The state of the reassembly of one capture. */
interface FragmentsState {
  /** By addresses, tunnel, protocol and id; the oldest first. Bounded by `INCOMPLETE_PACKETS_MAX` and `HELD_BYTES_MAX`. */
  readonly waiting: Map<string, Incomplete>;
  /** The sum of the costs of those that wait. */
  held: number;
  readonly report: IncompleteReport;
  readonly onConflict: (conflict: FragmentConflict) => void;
}

/** @param onConflict is called for each fragment whose bytes differ from earlier ones in the same place. */
export function createFragmentReassembly(
  onConflict: (conflict: FragmentConflict) => void,
): FragmentReassembly {
  const fragments: FragmentsState = {
    waiting: new Map(),
    held: 0,
    report: { reported: [], unreported: 0, unreportedFragments: 0 },
    onConflict,
  };
  return {
    take: (cursor, id, offset, more) => take(fragments, cursor, id, offset, more),
    end: () => giveUpAll(fragments),
  };
}

function take(
  fragments: FragmentsState,
  cursor: PacketCursor,
  id: number,
  offset: number,
  more: boolean,
): NoSegment | null {
  const { waiting } = fragments;
  const { at, bytes, end, packet, protocol, wire } = cursor;
  const length = wire - at;
  const fault = fragmentFault(offset, length, more);
  if (fault !== null) {
    const layer = layerOf(cursor);
    return skip(cursor, 'malformed', `${layer}: ${fault}`, `${layer}: a fragment that cannot be`);
  }
  expire(fragments, packet.time);
  const key = keyOf(cursor, id);
  const incomplete = waiting.get(key) ?? begin(cursor, id);
  const fragment = { start: offset, end: offset + length, bytes: new Uint8Array(bytes.subarray(at, end)) };
  const difference: Difference = { first: -1, last: -1 };
  if (!addFragment(incomplete, fragment, more, difference)) {
    const message = `${layerOf(cursor)}: fragments that do not agree on where their packet ends`;
    return skip(cursor, 'malformed', message);
  }
  if (offset === 0 && incomplete.protocol === 0) incomplete.protocol = protocol;
  if (difference.first !== -1) fragments.onConflict(conflictOf(incomplete, packet, difference));
  incomplete.count += packetsOf(cursor);
  if (cursor.fragments !== undefined) incomplete.numbers.push(...cursor.fragments);
  incomplete.numbers.push(packet.number);
  const cost = end - at + FRAGMENT_COST_BYTES;
  incomplete.cost += cost;
  fragments.held += cost;
  const { received, total } = incomplete;
  if (received === total) {
    remove(fragments, key, incomplete);
    moveInto(cursor, incomplete, total);
    return null;
  }
  waiting.set(key, incomplete);
  evictOldest(fragments);
  return skip(cursor, 'fragment', `${incomplete.name}: bytes ${offset} to ${offset + length} of it`);
}

function begin(cursor: PacketCursor, id: number): Incomplete {
  const layer = layerOf(cursor);
  return {
    layer,
    name: `${layer}: packet with id ${id >>> 0}`,
    packet: { ...cursor.packet, bytes: NO_BYTES },
    protocol: 0,
    isUdp: cursor.protocol === UDP,
    count: 0,
    numbers: [],
    cost: 0,
    list: [],
    received: 0,
    total: null,
  };
}

/** Moves a cursor to the beginning of what all fragments of a packet carried, `total` bytes. */
function moveInto(cursor: PacketCursor, incomplete: Incomplete, total: number): void {
  cursor.bytes = joinFragments(incomplete);
  cursor.at = 0;
  cursor.end = cursor.bytes.length;
  cursor.wire = total;
  cursor.protocol = incomplete.protocol;
  cursor.fragments = incomplete.numbers.slice(0, -1);
}

function conflictOf({ name }: Incomplete, packet: Packet, { first, last }: Difference): FragmentConflict {
  const length = last + 1 - first;
  const bytes = length === 1 ? 'byte' : 'bytes';
  const message = `${name}: fragments overlap and differ, ${length} ${bytes} from ${first} on`;
  return { type: 'fragment-conflict', packet: packet.number, position: first, length, message };
}

function expire(fragments: FragmentsState, time: bigint): void {
  for (const [key, incomplete] of fragments.waiting) {
    if (time - incomplete.packet.time <= FRAGMENT_TIMEOUT_NS) return;
    giveUp(fragments, key, incomplete, 'the others did not come within 30 seconds');
  }
}

function evictOldest(fragments: FragmentsState): void {
  const { waiting } = fragments;
  for (const [key, incomplete] of waiting) {
    if (waiting.size <= INCOMPLETE_PACKETS_MAX && fragments.held <= HELD_BYTES_MAX) return;
    giveUp(fragments, key, incomplete, 'too many waited for others to wait for theirs');
  }
}

/** Gives up all packets that wait, and returns all that were given up. */
function giveUpAll(fragments: FragmentsState): NoSegment[] {
  for (const [key, incomplete] of fragments.waiting) {
    giveUp(fragments, key, incomplete, 'the others never came');
  }
  return takeReported(fragments.report);
}

function giveUp(fragments: FragmentsState, key: string, incomplete: Incomplete, why: string): void {
  remove(fragments, key, incomplete);
  reportIncomplete(fragments.report, incomplete, why);
}

function remove(fragments: FragmentsState, key: string, incomplete: Incomplete): void {
  fragments.waiting.delete(key);
  fragments.held -= incomplete.cost;
}

function layerOf(cursor: PacketCursor): string {
  return cursor.addressesLength === 8 ? 'IPv4' : 'IPv6';
}

function keyOf(cursor: PacketCursor, id: number): string {
  const { addresses, addressesAt, addressesLength, protocol, tunnel } = cursor;
  const ends = binaryString(addresses, addressesAt, addressesLength);
  // Of IPv6 fragments, only the first need say what they carry.
  return addressesLength === 8 ? `${ends}${id} ${tunnel} ${protocol}` : `${ends}${id} ${tunnel}`;
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
