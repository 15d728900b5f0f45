/** An opened file: it stays what it was, since its objects never change and are kept while this node reads them. */
import type { FileInfo, Outcome, Source } from '../contract.ts';
import { err, ok } from '../outcome.ts';
import { answerOf, EngineFault } from './engine-fault.ts';
import { createSegmentReader, type SegmentReader, type SegmentRow } from './segments/segment-reader.ts';
import type { Reader, S3StoreState } from './store-state.ts';

export interface OpenedFile {
  readonly info: FileInfo;
  /** The id of its content. */
  readonly file: string;
  /** Milliseconds, by the clock of the database. */
  readonly openedAt: number;
  /** The first page of its segments. */
  readonly segments: readonly SegmentRow[];
}

export function createS3Source(store: S3StoreState, opened: OpenedFile): Source {
  const reader = readerOf(store, opened.file, opened.segments);
  let isOpen = true;
  const entry: Reader = {
    openedAt: opened.openedAt,
    end() {
      isOpen = false;
      reader.close();
      store.readers.delete(entry);
    },
  };
  store.readers.add(entry);
  const { size } = opened.info;
  return {
    ...opened.info,
    read(offset, length, memory): Promise<Outcome<Uint8Array>> | Outcome<Uint8Array> {
      if (!isOpen) return err('shutting-down');
      const count = Math.max(0, Math.min(length, size - offset));
      if (count === 0) return ok(new Uint8Array());
      return answerOf(async () => {
        if (!store.node.isHeard()) throw cutOff();
        return ok(await reader.read(offset, count, memory));
      });
    },
    close: () => entry.end(),
  };
}

export const readerOf = (
  { bucket, patience, database, statements }: S3StoreState,
  file: string,
  rows: readonly SegmentRow[],
): SegmentReader =>
  createSegmentReader(
    { bucket, patience, page: (start) => database.rows<SegmentRow>(statements.segments, [file, start]) },
    rows,
  );

/** The other nodes may take this one for gone, and delete what it reads. */
const cutOff = (): EngineFault =>
  new EngineFault('postgresql', 'was not reached for 30 s, so files that are open can be read no longer', {
    word: 'lease',
  });
