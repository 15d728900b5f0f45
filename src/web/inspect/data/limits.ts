/** How much of a recording is kept to be shown. */

export interface PageLimits {
  readonly conversations: number;
  /** Frames of one conversation that have a row each, and of all. */
  readonly framesEach: number;
  readonly frames: number;
  readonly chunksEach: number;
  readonly chunks: number;
  /** Frames and chunks beyond those, in front of what is marked. */
  readonly near: number;
  /** Gaps, faults and conflicts of all. */
  readonly marks: number;
  /** Bytes of chunks, over all conversations. */
  readonly bytes: number;
  /** Bytes of one chunk. */
  readonly chunkBytes: number;
  /** Sides whose items without a row are counted by where they are. */
  readonly densities: number;
  /** Conversations in one update. */
  readonly updated: number;
}

/** How much of the limits over all conversations is left. */
export interface Remaining {
  chunks: number;
  frames: number;
  near: number;
  marks: number;
  bytes: number;
  densities: number;
}

/** Limits within which a browser draws with ease, and a page has at most some 10 MB. */
export const FILE_LIMITS: PageLimits = {
  conversations: 500,
  framesEach: 20_000,
  frames: 20_000,
  chunksEach: 30_000,
  chunks: 30_000,
  near: 2000,
  marks: 5000,
  bytes: 2 * 1024 * 1024,
  chunkBytes: 256,
  densities: 100,
  updated: 500,
};

/** Limits where a page reads the capture itself, and no file grows: some 60 MB at the most. */
export const READ_LIMITS: PageLimits = {
  conversations: 20_000,
  framesEach: 20_000,
  frames: 100_000,
  chunksEach: 30_000,
  chunks: 150_000,
  near: 10_000,
  marks: 20_000,
  bytes: 8 * 1024 * 1024,
  chunkBytes: 256,
  densities: 1000,
  updated: 500,
};

/** The most bytes of one side that are shown when it is followed. */
export const SHOWN_BYTES = 64 * 1024;
