/** Lists of records in which one is moved to the end in constant time: each record knows its neighbours. */
import { INDEX_WORD, NEWER_INT, NO_RECORD, OLDER_INT, type Records, wordOf } from './records.ts';

export interface RecordList {
  readonly size: number;
  readonly oldest: number;
  readonly newest: number;
  append(record: number): void;
  remove(record: number): void;
  moveToEnd(record: number): void;
  /** All records, by the index of their conversation. */
  byIndex(): Int32Array;
}

/** Makes lists; a record may be in one of them. */
export const createRecordLists = (records: Records) => (): RecordList => new LinkedRecords(records);

class LinkedRecords implements RecordList {
  size = 0;
  oldest = NO_RECORD;
  newest = NO_RECORD;
  private readonly records: Records;

  constructor(records: Records) {
    this.records = records;
  }

  private link(record: number, way: number): number {
    return this.records.page(record).ints[2 * wordOf(record) + way]!;
  }

  private setLink(record: number, way: number, to: number): void {
    this.records.page(record).ints[2 * wordOf(record) + way] = to;
  }

  append(record: number): void {
    this.setLink(record, OLDER_INT, this.newest);
    this.setLink(record, NEWER_INT, NO_RECORD);
    if (this.newest === NO_RECORD) this.oldest = record;
    else this.setLink(this.newest, NEWER_INT, record);
    this.newest = record;
    this.size++;
  }

  remove(record: number): void {
    const older = this.link(record, OLDER_INT);
    const newer = this.link(record, NEWER_INT);
    if (older === NO_RECORD) this.oldest = newer;
    else this.setLink(older, NEWER_INT, newer);
    if (newer === NO_RECORD) this.newest = older;
    else this.setLink(newer, OLDER_INT, older);
    this.size--;
  }

  moveToEnd(record: number): void {
    this.remove(record);
    this.append(record);
  }

  byIndex(): Int32Array {
    const all = new Int32Array(this.size);
    let at = this.oldest;
    for (let i = 0; i < all.length; i++, at = this.link(at, NEWER_INT)) all[i] = at;
    const indexOf = (record: number): number =>
      this.records.page(record).doubles[wordOf(record) + INDEX_WORD]!;
    return all.sort((a, b) => indexOf(a) - indexOf(b));
  }
}
