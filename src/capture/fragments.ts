/**
 * IP packets put together from their fragments (RFC 791, section 3.2; RFC 8200, section 4.5).
 *
 * Where fragments overlap the first to come win. Held are at most `MOST_PACKETS` unfinished packets of at most 64 KiB
 * each, none for longer than `LIFETIME` of recorded time behind its first fragment: then the oldest is given up.
 */
import type { IpPlace } from './ip-place.ts';
import type { Packet } from './packet.ts';
import type { NoSegment } from './segment.ts';

const MOST_PACKETS = 256;
/** Nanoseconds; RFC 8200 has 60 s, Linux 30 s. */
const LIFETIME = 30_000_000_000n;
const MOST_BYTES = 65_535;
/** Given up and not yet told; beyond it the oldest are forgotten. */
const MOST_TOLD = 1000;

/** The payload of an IP packet, whole again. */
export interface Reassembled {
  readonly payload: Uint8Array;
  /** Bytes there were: more than `payload.length` when the last fragment was cut by the snap length. */
  readonly length: number;
  readonly protocol: number;
}

interface Pieces {
  /** The packet with its first fragment to come. */
  readonly packet: Packet;
  readonly bytes: Uint8Array;
  /** What has come, in order, without overlap: from, to, from, to … At most as many as there are 8 bytes. */
  readonly ranges: number[];
  /** Bytes in all; known with the last fragment. */
  total: number | null;
  /** Bytes in all that can come: fewer than `total` when the last fragment was cut by the snap length. */
  captured: number;
  /** Of the fragment at the beginning: only it is bound to be right. */
  protocol: number | null;
}

export interface Fragments {
  /** Takes a fragment. @param key whose it is: both addresses, protocol where it counts, and the id. */
  take(key: string, packet: Packet, place: IpPlace): Reassembled | null;
  /** What was given up since the last call; with `all`, what is still unfinished too. */
  given(all: boolean): NoSegment[];
}

export function createFragments(): Fragments {
  const unfinished = new Map<string, Pieces>();
  let given: NoSegment[] = [];

  function giveUp(key: string, { packet }: Pieces): void {
    unfinished.delete(key);
    if (given.length === MOST_TOLD) given.shift();
    const message = 'IP: a fragment of a packet whose other fragments are missing';
    given.push({ packet, skipped: 'fragment', message });
  }

  function piecesOf(key: string, packet: Packet): Pieces {
    for (const [old, pieces] of unfinished) {
      if (packet.time - pieces.packet.time <= LIFETIME && unfinished.size < MOST_PACKETS) break;
      giveUp(old, pieces);
    }
    const found = unfinished.get(key);
    if (found !== undefined) return found;
    const bytes = new Uint8Array(MOST_BYTES);
    const made: Pieces = { packet, bytes, ranges: [], total: null, captured: 0, protocol: null };
    unfinished.set(key, made);
    return made;
  }

  return {
    take(key, packet, { at, end, length, offset, more, protocol }) {
      // Nothing on the wire can be that long: whoever says so has something else in mind than to be read.
      if (offset + length > MOST_BYTES) return null;
      const pieces = piecesOf(key, packet);
      if (offset === 0) pieces.protocol ??= protocol;
      if (!more && pieces.total === null) {
        pieces.total = offset + length;
        pieces.captured = offset + end - at;
      }
      fill(pieces, packet.bytes.subarray(at, end), offset);
      const { total, captured, ranges } = pieces;
      const there = ranges[0] === 0 ? ranges[1]! : 0;
      if (total === null || there < captured || pieces.protocol === null) return null;
      unfinished.delete(key);
      return {
        payload: pieces.bytes.subarray(0, captured),
        length: total,
        protocol: pieces.protocol,
      };
    },
    given(all) {
      if (all) for (const [key, pieces] of unfinished) giveUp(key, pieces);
      const told = given;
      given = [];
      return told;
    },
  };
}

/** Copies what of a fragment has not come before, and notes that it is there. */
function fill({ bytes, ranges }: Pieces, fragment: Uint8Array, offset: number): void {
  const end = offset + fragment.length;
  if (end === offset) return;
  const next: number[] = [];
  let from = offset;
  let to = end;
  for (let i = 0; i < ranges.length; i += 2) {
    const start = ranges[i]!;
    const stop = ranges[i + 1]!;
    if (start > from && from < end)
      bytes.set(fragment.subarray(from - offset, Math.min(start, end) - offset), from);
    if (stop < offset || start > end) {
      next.push(start, stop);
    } else {
      to = Math.max(to, stop);
    }
    if (stop > from) from = Math.max(from, stop);
  }
  if (from < end) bytes.set(fragment.subarray(from - offset), from);
  // Those that touch it have become one with it.
  let first = offset;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i + 1]! >= offset && ranges[i]! <= end) first = Math.min(first, ranges[i]!);
  }
  const index = next.findIndex((value, i) => i % 2 === 0 && value > first);
  next.splice(index === -1 ? next.length : index, 0, first, to);
  ranges.splice(0, ranges.length, ...next);
}
