/** IP packets that came in pieces: kept until all are there, and then put together. */
import type { NoSegment } from '../segment.ts';
import { type Reading, skip } from './reading.ts';

export interface Fragments {
  /**
   * Takes the fragment that a reading is at. Null when it was the last that was missing: the reading is then at the
   * beginning of what all of them carried.
   */
  take(reading: Reading, id: number, offset: number, more: boolean): NoSegment | null;
  /** What never became whole. */
  end(): NoSegment[];
}

export function createFragments(): Fragments {
  return {
    take: (reading) => skip(reading, 'fragment', 'IP: a fragment'),
    end: () => [],
  };
}
