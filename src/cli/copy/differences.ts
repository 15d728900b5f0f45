/** What a copy has to bring over: two listings are read side by side, a page at a time, and compared. */
import type { FileInfo, FileStore } from '../../store/contract.ts';
import { toBytes } from '../../store/listing/name-bytes.ts';
import { exitError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { ofName } from '../shared/format.ts';

/** A store, and what people call it. */
export interface Side {
  readonly store: FileStore;
  readonly place: string;
}

export interface Comparison {
  readonly from: Side;
  /** Null for a folder that there is not, and that is not made. */
  readonly to: Side | null;
  /** Only names that begin with it. */
  readonly prefix: string;
  /** Whether a file that is there and differs is replaced. */
  readonly clobber: boolean;
  readonly signal: AbortSignal;
}

/** The result for a page of the listing. */
export interface PageDifference {
  /** The files that are not there, or not the same there. */
  readonly files: readonly FileInfo[];
  /** How many are there already. */
  readonly unchanged: number;
}

const PAGE_FILES = 1000;

/** Throws an `ExitError` when a store cannot be listed. */
export async function* differences(comparison: Comparison): AsyncGenerator<PageDifference> {
  const { from, to, clobber } = comparison;
  const there = to === null ? null : createCursor(to, comparison);
  for await (const page of pagesOf(from, comparison)) {
    const files: FileInfo[] = [];
    for (const file of page) {
      const found = await there?.find(file.name);
      if (found === undefined || (clobber && !isSame(file, found))) files.push(file);
    }
    yield { files, unchanged: page.length - files.length };
  }
}

/** A listing has no checksums: it is the time that tells contents of one size apart. */
const isSame = (one: FileInfo, other: FileInfo): boolean =>
  one.size === other.size && one.mtime === other.mtime;

async function* pagesOf(
  { store, place }: Side,
  { prefix, signal }: Comparison,
): AsyncGenerator<readonly FileInfo[]> {
  let after: string | undefined;
  do {
    const position = after === undefined ? {} : { after };
    const page = await store.list({ prefix, limit: PAGE_FILES, signal, ...position });
    // An aborted listing may be answered with anything.
    if (signal.aborted) return;
    if (!page.ok) throw exitError(exitStatus.failed, ofName(place, page.error.message));
    yield page.value.files;
    after = page.value.next;
  } while (after !== undefined);
}

interface Cursor {
  /** The file of that name. Names must be asked for in ascending order of their bytes. */
  readonly find: (name: string) => Promise<FileInfo | undefined>;
}

function createCursor(side: Side, comparison: Comparison): Cursor {
  const pages = pagesOf(side, comparison);
  let page: readonly FileInfo[] = [];
  let at = 0;
  let isOver = false;
  return {
    async find(name) {
      const wanted = toBytes(name);
      for (;;) {
        while (at < page.length && toBytes(page[at]!.name) < wanted) at++;
        if (at < page.length) return page[at]!.name === name ? page[at] : undefined;
        if (isOver) return undefined;
        const next = await pages.next();
        isOver = next.done === true;
        page = next.value ?? [];
        at = 0;
      }
    },
  };
}
