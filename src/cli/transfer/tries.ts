/** From where the tries of one file go on, and how much of it this run found there. */
import type { Progress } from '../../client/transfers/uploads.ts';

export interface Tries {
  /** A try begins behind so many bytes. */
  readonly begin: (from: number) => void;
  /** Progress of an upload: its first of a try tells from where that goes on. */
  readonly at: (progress: Pick<Progress, 'attempt' | 'resumedFrom'>) => void;
  /** Bytes that were there before the first try: none of the tries has moved them. */
  readonly before: () => number;
}

/** @param begun called whenever a try begins. */
export function createTries(begun: (from: number) => void): Tries {
  let before = Number.POSITIVE_INFINITY;
  let attempt = 0;
  let at = 0;

  function begin(from: number): void {
    before = Math.min(before, from);
    at = from;
    begun(from);
  }

  return {
    begin,
    at: (progress) => {
      if (progress.attempt === attempt && progress.resumedFrom === at) return;
      attempt = progress.attempt;
      begin(progress.resumedFrom);
    },
    before: () => (Number.isFinite(before) ? before : 0),
  };
}
