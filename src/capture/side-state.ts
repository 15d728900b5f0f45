/**
 * One side of a recorded connection: which of its bytes were handed on, and what waits.
 *
 * ```text
 *  sequence numbers   base                          (base + next) mod 2^32
 *  positions          0                             next                        finAt
 *                     |  handed on, gaps included   |  hole  [piece] [piece]     |
 * ```
 *
 * ```text
 *  phase      means                                                       becomes
 *  unknown    nothing came of it                                          starting (a segment), running (SYN)
 *  starting   its SYN is not there: pieces wait, and positions are        running (SYN, or enough has come)
 *             counted from the first segment, so that they may be negative
 *  running    what is in order is handed on                               over
 *  over       its FIN was reached, or the connection was reset            -
 * ```
 */
import type { Piece } from './held-pieces.ts';
import { noneRecent, type RecentOfSide } from './recent-chunks.ts';
import type { Side, SideTotals } from './stream-event.ts';

export interface Fin {
  readonly position: number;
  readonly capturedAt: bigint;
  readonly packet: number;
}

export interface SideState {
  phase: 'unknown' | 'starting' | 'running' | 'over';
  /** Who it is. Without meaning until the conversation is open. */
  name: Side;
  /** The sequence number of position 0. */
  base: number;
  /** The sequence number of its SYN, where that came. */
  syn: number | null;
  next: number;
  /** The greatest `capturedAt` of what was handed on. */
  latest: bigint;
  /** What waits: bounded by the reassembly's limits. */
  held: Piece[];
  heldBytes: number;
  /** Where bytes are missing because a packet was cut: from, to, from, to …, in order of coming. */
  snapped: number[];
  fin: Fin | null;
  /** The position up to which the other side has said to have everything. */
  acked: number;
  /** When that first was beyond a hole: recorded time, or null while it is not. */
  ackedBeyond: bigint | null;
  /** When the first of what waits came. */
  waitsSince: bigint;
  recent: RecentOfSide;
  /** Conflicts among what waits, told when it is known where the side begins. At most 64. */
  conflicts: { readonly from: number; readonly to: number; readonly packet: number }[];
  totals: { -readonly [K in keyof SideTotals]: SideTotals[K] };
}

export const createSideState = (): SideState => ({
  phase: 'unknown',
  name: 'client',
  base: 0,
  syn: null,
  next: 0,
  latest: 0n,
  held: [],
  heldBytes: 0,
  snapped: [],
  fin: null,
  acked: 0,
  ackedBeyond: null,
  waitsSince: 0n,
  recent: noneRecent(),
  conflicts: [],
  totals: { packets: 0, bytes: 0, missing: 0, retransmitted: 0, outOfOrder: 0 },
});

/**
 * Where a sequence number is: the position nearest to where the side is, 2^31 to either side. What wraps is found
 * by its distance.
 */
export const positionOf = ({ base, next }: SideState, seq: number): number =>
  next + ((seq - ((base + next) % 2 ** 32)) | 0);
