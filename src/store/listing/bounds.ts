/** What bounds the listings of a disk store, whatever folders there are and however many list them. */

export interface ListingBounds {
  /** Bytes that all names take together that are remembered, or being read. */
  readonly bytesMax: number;
  /** Bytes that the names being read take together; what a folder has more takes another reading. At most `bytesMax`. */
  readonly scanBytesMax: number;
  /** Stretches of names that are remembered at most, of all folders. */
  readonly rangesMax: number;
  /** Large folders that are read at once, in turns. */
  readonly scansMax: number;
  /** Places in a folder from which one reading selects names. */
  readonly positionsMax: number;
  /** Names of a block of `sortedNames`; what is dropped is dropped by the block. */
  readonly blockNamesMax: number;
  /** Entries that are read, and taken, in one turn of the event loop. */
  readonly batchEntries: number;
  /** Batches up to which a folder is small: read at once, for one who asks. */
  readonly smallBatchesMax: number;
  /** A small folder of fewer names is not remembered: to read it again costs next to nothing. */
  readonly cachedNamesMin: number;
  /** Milliseconds for which a listing may go on with what was read, at least. */
  readonly continueMsMin: number;
  /** The same in times of what the reading took, so that to read it again costs a tenth of the time at most. */
  readonly continueScanTimes: number;
  /** Milliseconds from its last use after which a stretch is forgotten. */
  readonly unusedMsMax: number;
}

const MIB_BYTES = 1024 * 1024;

export const LISTING_BOUNDS: ListingBounds = {
  bytesMax: 40 * MIB_BYTES,
  scanBytesMax: 20 * MIB_BYTES,
  rangesMax: 64,
  scansMax: 8,
  positionsMax: 16,
  blockNamesMax: 1024,
  batchEntries: 512,
  smallBatchesMax: 8,
  cachedNamesMin: 256,
  continueMsMin: 10_000,
  continueScanTimes: 10,
  unusedMsMax: 10_000,
};
