/** What waits in a direction, is missing in it, or is otherwise unusual. */
import type { Slab } from './held-copies.ts';

/** Stands for an unknown sequence number or position. */
export const NONE = -1;

/** Bytes that are out of order: they came before others in front of them. */
export interface HeldBytes {
  position: number;
  bytes: Uint8Array;
  /** The memory that `bytes` shares with others; null when it has its own. */
  readonly slab: Slab | null;
  readonly packet: number;
  readonly capturedAt: bigint;
  /** The acknowledgement number of their segment, or `NONE`. */
  readonly ack: number;
}

/** Positions from `start` to below `end` that were cut off by the snap length. */
export interface Range {
  start: number;
  end: number;
}

/** A conflict whose position is still provisional. */
export interface EarlyConflict {
  readonly position: number;
  readonly length: number;
  readonly packet: number;
}

/**
 * What a direction has while something of it is missing, waits or is unusual. Most directions never have any, so they
 * share one that nothing changes.
 */
export class Unusual {
  held: HeldBytes[] = [];
  heldBytes = 0;
  snapped: Range[] = [];
  early: EarlyConflict[] = [];
  lowest = Number.POSITIVE_INFINITY;
  lowestEmpty = Number.POSITIVE_INFINITY;
  finAt = Number.POSITIVE_INFINITY;
  finTime = 0n;
  finPacket = 0;
  ackLow = NONE;
  ackHigh = NONE;
  unbelievedAck = NONE;
  unbelievedEdge = NONE;
  sinceFrom = NONE;
  sinceTo = NONE;
  ackedHoleAt = NONE;
  ackedHolePackets = 0;
  ackedHoleTime = 0n;
  lastOutOfOrderPacket = 0;
  missing = 0;
  retransmitted = 0;
  outOfOrder = 0;
}

export const USUAL = new Unusual();
for (const each of [USUAL, USUAL.held, USUAL.snapped, USUAL.early]) Object.freeze(each);
