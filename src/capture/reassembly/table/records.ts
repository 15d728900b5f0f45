/**
 * Memory for records of conversations, many in one piece: numbers in typed arrays, which the garbage collector neither
 * walks nor moves.
 *
 * ```text
 *  page   [ record 0 ][ record 1 ] … [ record 1023 ]     a record has 32 words of 8 bytes
 *
 *  words  0          4.5      5     6      7      8       9        20        31
 *         flow key   its      next  older  index  latest  first    second    tunnel
 *                    length   in          state  of both  direction
 *                             chain newer
 * ```
 *
 * Pages are added and never copied. A freed record is used again.
 */

/** Words of 8 bytes in a record: four cache lines. */
export const RECORD_WORDS = 32;
const PAGE_RECORDS_LOG = 10;
const PAGE_RECORDS = 1 << PAGE_RECORDS_LOG;

/** The views of a page: the same memory in each. */
export interface Page {
  readonly doubles: Float64Array;
  readonly ints: Int32Array;
  readonly times: BigInt64Array;
  readonly halves: Uint16Array;
}

/** Offsets in a record: of 16 bits, of 32 bits, and of words. */
export const KEY_HALF = 0;
export const KEY_INFO_INT = 9;
export const CHAIN_INT = 10;
export const STATE_INT = 11;
export const OLDER_INT = 12;
export const NEWER_INT = 13;
export const INDEX_WORD = 7;
export const LATEST_WORD = 8;
export const FIRST_WORD = 9;
export const SECOND_WORD = 20;
export const TUNNEL_INT = 62;

/** Stands for no record. */
export const NO_RECORD = -1;

export interface Records {
  /** The number of a record that is not used; its content is of whoever had it before. */
  allocate(): number;
  free(record: number): void;
  page(record: number): Page;
}

/** The first word of a record in its page. */
export const wordOf = (record: number): number => (record & (PAGE_RECORDS - 1)) * RECORD_WORDS;

export function createRecords(): Records {
  const pages: Page[] = [];
  /** The freed record that is used next; each leads to another one. */
  let freed = NO_RECORD;
  let count = 0;
  const page = (record: number): Page => pages[record >> PAGE_RECORDS_LOG]!;
  return {
    page,
    allocate() {
      if (freed !== NO_RECORD) {
        const record = freed;
        freed = page(record).ints[2 * wordOf(record) + OLDER_INT]!;
        return record;
      }
      if (count === pages.length * PAGE_RECORDS) pages.push(createPage());
      return count++;
    },
    free(record) {
      page(record).ints[2 * wordOf(record) + OLDER_INT] = freed;
      freed = record;
    },
  };
}

function createPage(): Page {
  const bytes = new ArrayBuffer(PAGE_RECORDS * RECORD_WORDS * 8);
  return {
    doubles: new Float64Array(bytes),
    ints: new Int32Array(bytes),
    times: new BigInt64Array(bytes),
    halves: new Uint16Array(bytes),
  };
}
