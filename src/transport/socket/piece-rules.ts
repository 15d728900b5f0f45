/** Which pieces that a socket receives wait for the next one, and how large a piece may be. */

export interface PieceRule {
  /** The most bytes of the next piece. */
  readonly size: number;
  /** Takes note of a piece; returns whether it waits. @param filled the bytes that wait then, with it. */
  waits(count: number, filled: number): boolean;
}

/** A piece of TLS of so many bytes is likely to be followed by more. The last record of a message is mostly shorter. */
const LONG_PIECE_BYTES = 4 * 1024;

/** TLS decrypts a record at a time, of 16 KiB at the most, and Node emits each by itself. */
export const tlsPieces: PieceRule = {
  size: Number.POSITIVE_INFINITY,
  waits: (count) => count >= LONG_PIECE_BYTES,
};

/** The bytes of the first read, and of each behind one that was not full. */
const READ_BYTES = 64 * 1024;
const READ_BYTES_MAX = 512 * 1024;
/** No more waits when so many bytes do: whoever writes them to a file then has a large write. */
const WAITING_BYTES_MAX = 512 * 1024;
/** So many full reads in a row make the next one twice as large. */
const FULL_READS = 2;

/**
 * The system's reads. How they follow each other decides how much the peer may send ahead.
 *
 * Linux opens the window of a connection when its reader empties the queue within a round trip: over loopback, some twenty
 * microseconds. A reader that works on the first half of the queue before it takes the rest keeps the window as small as
 * it was in the beginning (95 KiB), and then one side always waits for the other. So a read that was filled waits for
 * the next one, which libuv makes at once. Reads begin small, so that the first is filled.
 *
 * ```text
 *  a read            the next one
 *  was full          is as large; after two, twice as large, up to 512 KiB
 *  was not full      has 64 KiB again: the queue is empty
 * ```
 */
export class SystemReads implements PieceRule {
  size: number = READ_BYTES;
  private fullReads = 0;

  waits(count: number, filled: number): boolean {
    if (count < this.size) {
      this.size = READ_BYTES;
      this.fullReads = 0;
      return false;
    }
    this.fullReads++;
    if (this.fullReads === FULL_READS) {
      this.fullReads = 0;
      this.size = Math.min(this.size * 2, READ_BYTES_MAX);
    }
    return filled < WAITING_BYTES_MAX;
  }
}
