/** The chunks and gaps of a side that are kept while it is searched, to be read once it is known where frames begin. */
import type { StreamChunk, StreamGap } from '../../stream-event.ts';

/** The most that is kept of a side, and of all sides, in bytes. */
export const HELD_BYTES_MAX = 4 * 1024 * 1024;
export const HELD_BYTES_MAX_ALL = 64 * 1024 * 1024;
/** What an event costs beside its bytes. */
const EVENT_BYTES = 256;
/** Below this it is not worth while to look for what can go. */
const SWEPT_BYTES_MIN = 64 * 1024;

/** The bytes that all sides of a capture hold. */
export interface HeldTotal {
  bytes: number;
}

export interface Held {
  readonly total: HeldTotal;
  /** In order. The bytes of chunks are copies. */
  events: (StreamChunk | StreamGap)[];
  bytes: number;
  /** How many bytes may be held before it is looked again for what can go. */
  sweepAt: number;
}

export const nothingHeld = (total: HeldTotal): Held => ({
  total,
  events: [],
  bytes: 0,
  sweepAt: SWEPT_BYTES_MIN,
});

const bytesOf = (event: StreamChunk | StreamGap): number =>
  EVENT_BYTES + (event.type === 'chunk' ? event.bytes.length : 0);

export const endOf = (event: StreamChunk | StreamGap): number =>
  event.position + (event.type === 'chunk' ? event.bytes.length : event.length);

export function hold(held: Held, event: StreamChunk | StreamGap): void {
  held.events.push(event.type === 'chunk' ? { ...event, bytes: event.bytes.slice() } : event);
  addBytes(held, bytesOf(event));
}

/** Whether it should be looked for what can go. */
export const isSweepDue = ({ bytes, sweepAt, total }: Held): boolean =>
  bytes > sweepAt || total.bytes > HELD_BYTES_MAX_ALL;

/**
 * Lets go what lies before `from`, and of the rest the first half if it is too much, but nothing from `at` on.
 *
 * @returns the place from which on all is held.
 */
export function sweep(held: Held, from: number, at: number): number {
  letGoBefore(held, from);
  let begins = from;
  if (held.bytes > HELD_BYTES_MAX || held.total.bytes > HELD_BYTES_MAX_ALL) {
    begins = Math.max(from, Math.min(at, middleOf(held)));
    letGoBefore(held, begins);
  }
  held.sweepAt = Math.min(HELD_BYTES_MAX, Math.max(SWEPT_BYTES_MIN, 2 * held.bytes));
  return begins;
}

/** The place behind the first half of what is held. */
function middleOf({ events, bytes }: Held): number {
  let left = bytes / 2;
  for (const event of events) {
    left -= bytesOf(event);
    if (left <= 0) return endOf(event);
  }
  return 0;
}

function letGoBefore(held: Held, place: number): void {
  const { events } = held;
  let many = 0;
  while (many < events.length && endOf(events[many]!) <= place) addBytes(held, -bytesOf(events[many++]!));
  events.splice(0, many);
  const first = events[0];
  if (first?.type !== 'chunk' || first.position >= place) return;
  events[0] = chunkFrom(first, place);
  addBytes(held, first.position - place);
}

/** The rest of a chunk, from a place in it on: a copy. */
export const chunkFrom = (chunk: StreamChunk, place: number): StreamChunk => ({
  ...chunk,
  position: place,
  bytes: chunk.bytes.slice(place - chunk.position),
});

/** Takes all that is held. */
export function takeHeld(held: Held): (StreamChunk | StreamGap)[] {
  const { events } = held;
  held.events = [];
  addBytes(held, -held.bytes);
  return events;
}

function addBytes(held: Held, bytes: number): void {
  held.bytes += bytes;
  held.total.bytes += bytes;
}
