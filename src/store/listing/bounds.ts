/** What bounds the listings of a disk store, whatever folders there are and however many list them. */

export interface ListingBounds {
  /** Bytes that all names take together that are remembered, or being read. */
  readonly bytesMax: number;
  /** Bytes that the names being read take together; what a folder has more takes another reading. At most `bytesMax`. */
  readonly readingBytesMax: number;
  /** Stretches of names that are remembered at most, of all folders. */
  readonly stretchesMax: number;
  /** Large folders that are read at once, in turns. */
  readonly readingsMax: number;
  /** Places in a folder from which one reading selects names. */
  readonly placesMax: number;
  /** Names of a block of `sortedNames`; what is dropped is dropped by the block. */
  readonly blockNamesMax: number;
  /** Entries that are read, and taken, in one turn of the event loop. */
  readonly batchEntries: number;
  /** Batches up to which a folder is small: read at once, for one who asks. */
  readonly smallBatchesMax: number;
  /** A small folder of fewer names is not remembered: to read it again costs next to nothing. */
  readonly worthNames: number;
  /** Milliseconds for which a listing may go on with what was read, at least. */
  readonly goesOnMsMin: number;
  /** The same in times of what the reading took, so that to read it again costs a tenth of the time at most. */
  readonly goesOnReadings: number;
  /** Milliseconds from its last use after which a stretch is forgotten. */
  readonly unusedMsMax: number;
}

const MiB = 1024 * 1024;

export const LISTING_BOUNDS: ListingBounds = {
  bytesMax: 40 * MiB,
  readingBytesMax: 20 * MiB,
  stretchesMax: 64,
  readingsMax: 8,
  placesMax: 16,
  blockNamesMax: 1024,
  batchEntries: 512,
  smallBatchesMax: 8,
  worthNames: 256,
  goesOnMsMin: 10_000,
  goesOnReadings: 10,
  unusedMsMax: 10_000,
};
