/**
 * The bounds on the listings of a disk store, whatever its folders are and however many clients list them.
 */

export interface ListingBounds {
  /** Bytes that the names take together that are cached or being read; default 40 MiB. */
  readonly bytesMax: number;
  /**
   * Bytes that the names being read take together; a folder with more is scanned several times. At most `bytesMax`;
   * default 20 MiB.
   */
  readonly scanBytesMax: number;
  /** The most ranges of names that are cached, of all folders; default 64. */
  readonly rangesMax: number;
  /** Large folders that are scanned at once, in turns; default 8. */
  readonly scansMax: number;
  /** Positions in a folder from which one scan collects names; default 16. */
  readonly positionsMax: number;
  /** Names that are evicted from the cache together; default 1,024. */
  readonly blockNamesMax: number;
  /** Entries that are read and handled in one turn of the event loop; default 512. */
  readonly batchEntries: number;
  /** A folder of at most this many batches is small: it is read for a single request. Default 8. */
  readonly smallBatchesMax: number;
  /** A small folder with fewer names is not cached: reading it again costs next to nothing. Default 256. */
  readonly cachedNamesMin: number;
  /** Milliseconds for which a listing may at least continue with the result of a scan; default 10,000. */
  readonly continueMsMin: number;
  /**
   * The same as a multiple of the duration of the scan, so that repeated scans cost a tenth of the time at most;
   * default 10.
   */
  readonly continueScanTimes: number;
  /** Milliseconds after its last use for which a range stays cached; default 10,000. */
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
