/**
 * Heads that follow one another, and when they are believed.
 *
 * ```text
 *  place   head?  leads to
 *  100     yes    180         a chain: a head at 100, and one expected at 180
 *  131     yes    9,000       another, by chance: nothing will fit at 9,000
 *  180     yes    260         the chain from 100 has two heads, and their evidence together
 *  200     no
 *  260     yes    …           three: enough, and the frames are read from here, or from 180, on
 * ```
 *
 * Each place is looked at once, from the lowest to the highest. A head that is expected where it is continues its
 * chain, any other begins one. So the work is the same whatever the bytes are, and nothing is ever read twice.
 *
 * **The rule.** Two wrong beliefs are possible.
 *
 * - Nothing of the chain is true. At random, a chain from one place gathers `n` bits with a chance of 2^-n (Ville's
 *   inequality: what a head adds is the logarithm of a ratio of likelihoods), and there are as many chances as places
 *   were tried. So a chain is believed when it has 40 bits more than the logarithm of that number, of three heads or
 *   more: a body that has heads in it may have two of which the one leads to the other.
 * - It has come upon the true heads by chance: its first head lay in a body, and led to a true one. All heads behind
 *   a true one are true. So the frames are read from the head on up to which the chain has 20 bits more than that
 *   logarithm: then one of these was true, or it would be that unlikely. This is never the chain's first head, since
 *   bodies may have what looks like a head, unless a packet begins with it.
 *
 * Frames begin where packets do more often than elsewhere. So both kinds of places have half of the chances: a packet's
 * first byte is one of as many as there were packets.
 *
 * The end is evidence too: that a chain leads to the very last byte. And one that explains all bytes of a recording
 * that began in the middle, from the first to the last, needs only the 20 bits.
 */

/** The evidence for a chain beyond the logarithm of the places tried. */
const BELIEVED_BITS = 40;
/** The evidence up to a head beyond that logarithm, for frames to be read from it on. */
const READ_BITS = 20;
const HEADS_MIN = 3;
/** What an end of all bytes at the end of a frame is worth: sent as one, or that of the recording alone. */
const END_BITS = { ended: 8, cut: 4 } as const;

/** The most chains at a time; those with the least evidence are dropped. */
const CHAINS_MAX = 1024;

/** Heads that lead from one to the next. */
interface Chain {
  /** The place of the first. */
  readonly start: number;
  /** The logarithm of the places that were tried up to the first. */
  readonly odds: number;
  readonly heads: number;
  readonly bits: number;
  /** The place from which on its frames may be read; null when none of its heads so far may be the first. */
  readonly readFrom: number | null;
}

export interface Chains {
  /** By the place where the next head is expected. */
  readonly byNext: Map<number, Chain>;
  /** The places tried that are the first of a packet, and the others. */
  packetStarts: number;
  places: number;
}

export const noChains = (): Chains => ({ byNext: new Map(), packetStarts: 0, places: 0 });

/**
 * Adds a head. Returns the place from which on frames are read, when its chain is believed with it; else null.
 *
 * @param at behind all places before it.
 */
export function addHead(
  chains: Chains,
  at: number,
  { size, bits }: { readonly size: number; readonly bits: number },
  beginsPacket: boolean,
): number | null {
  const { byNext } = chains;
  const before = byNext.get(at);
  byNext.delete(at);
  const chain = before === undefined ? firstOf(chains, at, bits, beginsPacket) : continued(before, at, bits);
  if (isBelieved(chain, 0)) return chain.readFrom;
  const next = at + size;
  if (chain.bits >= (byNext.get(next)?.bits ?? 0)) byNext.set(next, chain);
  if (byNext.size > CHAINS_MAX) dropWeakest(chains, at);
  return null;
}

function firstOf({ packetStarts, places }: Chains, at: number, bits: number, beginsPacket: boolean): Chain {
  const odds = 1 + Math.log2(1 + (beginsPacket ? packetStarts : places));
  const isRead = beginsPacket && bits >= READ_BITS + odds;
  return { start: at, odds, heads: 1, bits, readFrom: isRead ? at : null };
}

function continued(chain: Chain, at: number, more: number): Chain {
  const { start, odds, heads, readFrom } = chain;
  const bits = chain.bits + more;
  const isRead = bits >= READ_BITS + odds;
  return { start, odds, heads: heads + 1, bits, readFrom: readFrom ?? (isRead ? at : null) };
}

const isBelieved = ({ bits, odds, heads, readFrom }: Chain, ofEnd: number): boolean =>
  readFrom !== null && bits + ofEnd >= BELIEVED_BITS + odds && heads + (ofEnd > 0 ? 1 : 0) >= HEADS_MIN;

/**
 * The end of all bytes. Returns the place from which on frames are read, when it has a chain believed; else null.
 *
 * @param first the place of the first byte of a recording that began in the middle, when that is searched; else null.
 */
export function endChains(
  { byNext }: Chains,
  at: number,
  how: keyof typeof END_BITS,
  first: number | null,
): number | null {
  const chain = byNext.get(at);
  if (chain === undefined) return null;
  const explainsAll = chain.start === first && chain.bits >= READ_BITS + chain.odds;
  return explainsAll || isBelieved(chain, END_BITS[how]) ? (chain.readFrom ?? null) : null;
}

/** The lowest place from which on frames might be read, when the bytes before `at` were looked at; `at` at the most. */
export function lowestRead({ byNext }: Chains, at: number): number {
  let lowest = at;
  for (const [next, { readFrom }] of byNext) {
    if (next >= at && readFrom !== null && readFrom < lowest) lowest = readFrom;
  }
  return lowest;
}

/** Drops the chains that would be read from a place before `from`. */
export function dropReadBefore({ byNext }: Chains, from: number): void {
  for (const [next, { readFrom }] of byNext) if (readFrom !== null && readFrom < from) byNext.delete(next);
}

/** Drops the chains whose next head was not at its place, and of the others the weaker half if they are too many. */
function dropWeakest({ byNext }: Chains, at: number): void {
  for (const next of byNext.keys()) if (next < at) byNext.delete(next);
  if (byNext.size <= CHAINS_MAX / 2) return;
  const weakest = [...byNext].sort(([, a], [, b]) => a.bits - b.bits);
  for (const [next] of weakest.slice(0, byNext.size - CHAINS_MAX / 2)) byNext.delete(next);
}
