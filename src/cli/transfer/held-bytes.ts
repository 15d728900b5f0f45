/**
 * Bounds the bytes that have arrived and are not written yet: above the high mark the connections are paused, however
 * many files the bytes belong to, and below the low mark they resume.
 */
import type { Download } from '../../client/get.ts';

const HELD_BYTES_HIGH = 8 * 1024 * 1024;
const HELD_BYTES_LOW = 4 * 1024 * 1024;

export type Flow = Pick<Download, 'pause' | 'resume'>;

export interface HeldBytes {
  unwritten: number;
  /** Files that are arriving, one a connection. */
  readonly arriving: Set<Flow>;
}

export const createHeldBytes = (): HeldBytes => ({ unwritten: 0, arriving: new Set() });

/** So many bytes have arrived, and are given to their file. */
export function hold(held: HeldBytes, bytes: number): void {
  held.unwritten += bytes;
}

/** Pauses the connection of a file when too much is held. */
export function pauseIfFull({ unwritten }: HeldBytes, flow: Flow | null): void {
  if (unwritten > HELD_BYTES_HIGH) flow?.pause();
}

/** So many bytes are no longer held. */
export function release(held: HeldBytes, bytes: number): void {
  held.unwritten -= bytes;
  if (held.unwritten < HELD_BYTES_LOW) for (const flow of held.arriving) flow.resume();
}
