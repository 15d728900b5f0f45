/** Notes where the tries of one file begin, and how many bytes were there before this run. */
import type { Progress } from '../../client/transfers/upload.ts';

export interface Tries {
  /** A try begins behind so many bytes. */
  readonly begin: (from: number) => void;
  /** Takes the progress of an upload. The first progress of a try has the offset where the try began. */
  readonly at: (progress: Pick<Progress, 'attempt' | 'resumedFrom'>) => void;
  /** Bytes that were there before the first try, and that no try has moved. */
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
