/**
 * The search for a place where frames begin, in the bytes of a side: behind a gap, or from the middle of a connection on.
 *
 * Bytes are looked at as they come, each place once, when all is there that a head at it might need. What the frames of
 * a chain may have to be read from is held until then. A further gap changes little: a chain whose next head lies
 * behind it lives on, as frames have bodies with gaps in them.
 */
import { concatBytes } from '../../../base/bytes.ts';
import type { Side, StreamChunk, StreamGap } from '../../stream-event.ts';
import { addHead, type Chains, dropReadBefore, endChains, lowestRead, noChains } from './chains.ts';
import { type Held, type HeldTotal, hold, isSweepDue, nothingHeld, sweep, takeHeld } from './held.ts';
import type { PlausibleHeads } from './plausible-heads.ts';

/** Why a place is looked for: bytes are missing, or the recording began in the middle of the connection. */
export type SearchReason = 'gap' | 'midstream';

/** The most bytes that are looked at for one place. */
export const SEARCHED_BYTES_MAX = 64 * 1024 * 1024;

export interface Search {
  readonly heads: PlausibleHeads;
  readonly from: Side;
  readonly reason: SearchReason;
  /** The place from which on no frame is known. */
  readonly lostAt: number;
  readonly chains: Chains;
  readonly held: Held;
  /** The last bytes, whose places were not looked at yet. */
  tail: Uint8Array;
  /** The place of the first byte of `tail`: all places before it were looked at, or are in a gap. */
  at: number;
  /** The places from `at` on at which a packet begins; at most as many as `tail` has bytes, and one. */
  packetStarts: number[];
  /** Bytes in gaps behind `lostAt`. */
  missing: number;
}

/** A place where frames begin, and what is to be read from there on. */
export interface FoundPlace {
  readonly position: number;
  /** Bytes behind the place where the last frame ended that are in the recording, and in gaps. */
  readonly skipped: number;
  readonly missing: number;
  /** The chunks and gaps from the position on; the first chunk may begin before it. */
  readonly events: readonly (StreamChunk | StreamGap)[];
}

/** @param lostAt where the last frame ended. */
export function startSearch(
  heads: PlausibleHeads,
  from: Side,
  reason: SearchReason,
  lostAt: number,
  total: HeldTotal,
): Search {
  return {
    ...{ heads, from, reason, lostAt, chains: noChains(), held: nothingHeld(total) },
    ...{ tail: NO_BYTES, at: lostAt, packetStarts: [], missing: 0 },
  };
}

const NO_BYTES = new Uint8Array(0);

/** Looks at the next bytes. */
export function searchChunk(search: Search, chunk: StreamChunk): FoundPlace | null {
  const { held, heads } = search;
  hold(held, chunk);
  search.packetStarts.push(chunk.position);
  const bytes = search.tail.length === 0 ? chunk.bytes : concatBytes([search.tail, chunk.bytes]);
  const found = lookAt(search, bytes, Math.max(0, bytes.length - heads.look + 1));
  if (found !== null) return foundAt(search, found);
  if (isSweepDue(held)) {
    dropReadBefore(search.chains, sweep(held, lowestRead(search.chains, search.at), search.at));
  }
  return null;
}

/** Takes bytes that are missing, or the loss that began the search. */
export function searchGap(search: Search, gap: StreamGap): FoundPlace | null {
  const found = lookAt(search, search.tail, search.tail.length);
  hold(search.held, gap);
  search.at = gap.position + gap.length;
  search.packetStarts = [];
  search.missing += search.at - Math.max(gap.position, search.lostAt);
  return found === null ? null : foundAt(search, found);
}

/** Takes the end of what was sent, or of the recording. The search is over. */
export function endSearch(search: Search, how: 'ended' | 'cut'): FoundPlace | null {
  const { chains, lostAt, reason } = search;
  const first = reason === 'midstream' ? lostAt : null;
  const found = lookAt(search, search.tail, search.tail.length) ?? endChains(chains, search.at, how, first);
  if (found !== null) return foundAt(search, found);
  giveUp(search);
  return null;
}

/** Whether so much was looked at in vain that no more is. */
export const isInVain = ({ at, lostAt, missing }: Search): boolean =>
  at - lostAt - missing > SEARCHED_BYTES_MAX;

/** Lets go of what is held. */
export function giveUp({ held }: Search): void {
  takeHeld(held);
}

/** Looks at the first `many` places of `bytes`, the first of which is at `search.at`; what is behind them is kept. */
function lookAt(search: Search, bytes: Uint8Array, many: number): number | null {
  const { heads, chains, from, at } = search;
  const before = chains.places;
  let found: number | null = null;
  for (let i = heads.next(bytes, 0, many); i < many && found === null; i = heads.next(bytes, i + 1, many)) {
    const head = heads.headAt(bytes, i, bytes.length, from);
    if (head === null) continue;
    chains.places = before + i;
    found = addHead(chains, at + i, head, passPacketStarts(search, at + i));
  }
  chains.places = before + many;
  search.at = at + many;
  passPacketStarts(search, search.at);
  search.tail = bytes.slice(many);
  return found;
}

/** Counts the packets that begin before a place; returns whether one begins at it. */
function passPacketStarts({ chains, packetStarts }: Search, place: number): boolean {
  let passed = 0;
  while (passed < packetStarts.length && packetStarts[passed]! < place) passed++;
  packetStarts.splice(0, passed);
  chains.packetStarts += passed;
  return packetStarts[0] === place;
}

function foundAt({ held, lostAt, missing }: Search, position: number): FoundPlace {
  const all = takeHeld(held);
  const first = all.findIndex(
    (event) => event.type === 'chunk' && event.position + event.bytes.length > position,
  );
  const events = all.slice(first);
  const behind = events.reduce((sum, event) => sum + (event.type === 'gap' ? event.length : 0), 0);
  const missingBefore = missing - behind;
  return { position, skipped: position - lostAt - missingBefore, missing: missingBefore, events };
}
