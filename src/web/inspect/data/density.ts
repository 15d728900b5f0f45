/**
 * Counts items along a scale whose length is not known, in a fixed number of equal parts: when an item lies behind the last
 * part, the parts are joined in pairs until it does not.
 */
import type { PageBins, PageDensity } from './page-data.ts';

/** How many parts there are. Even. */
export const BINS = 256;

const KINDS = ['chunks', 'frames', 'glued', 'cut'] as const;
export type Counted = (typeof KINDS)[number];

export interface Bins {
  width: number;
  readonly counts: Readonly<Record<Counted, Uint32Array>>;
}

export const createBins = (): Bins => ({
  width: 1,
  counts: {
    chunks: new Uint32Array(BINS),
    frames: new Uint32Array(BINS),
    glued: new Uint32Array(BINS),
    cut: new Uint32Array(BINS),
  },
});

export function addToBins(bins: Bins, kind: Counted, at: number): void {
  while (at >= bins.width * BINS) widen(bins);
  bins.counts[kind][Math.max(0, Math.floor(at / bins.width))]! += 1;
}

function widen(bins: Bins): void {
  bins.width *= 2;
  for (const kind of KINDS) {
    const counts = bins.counts[kind];
    for (let i = 0; i < BINS / 2; i++) counts[i] = counts[2 * i]! + counts[2 * i + 1]!;
    counts.fill(0, BINS / 2);
  }
}

/** The items of one side, by where they are and by when they came. */
export interface Density {
  readonly bytes: Bins;
  readonly time: Bins;
}

export const createDensity = (): Density => ({ bytes: createBins(), time: createBins() });

export function addToDensity({ bytes, time }: Density, kind: Counted, position: number, at: number): void {
  addToBins(bytes, kind, position);
  addToBins(time, kind, at);
}

const copied = ({ width, counts }: Bins): PageBins => ({
  width,
  chunks: counts.chunks.slice(),
  frames: counts.frames.slice(),
  glued: counts.glued.slice(),
  cut: counts.cut.slice(),
});

export const pageDensity = ({ bytes, time }: Density): PageDensity => ({
  bytes: copied(bytes),
  time: copied(time),
});
