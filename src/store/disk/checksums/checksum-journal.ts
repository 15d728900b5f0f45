/**
 * The journal of checksums, `.sluice/sums`: it stores the checksums of commits for the next store that opens
 * the root.
 *
 * The journal appends lines in batches in the background, never syncs them, and no put waits for them. It is
 * optional: any failure (a full disk, a read-only root, another file in its place, invalid lines) only means
 * that the next store does not know some checksums.
 */
import { run, type Task } from '../../task.ts';
import type { DiskIo } from '../disk-io.ts';
import { ignoreSystemErrors } from '../errno.ts';
import type { Checksum, ChecksumCache } from './checksum-cache.ts';
import {
  appendLines,
  BATCH_LINES,
  compactJournal,
  inReservedFolder,
  type JournalDeps,
  type JournalLine,
  readJournal,
} from './journal-file.ts';

export interface ChecksumJournal {
  /** Never waits and never fails. */
  add(name: string, checksum: Checksum): void;
  /** Adds the checksums of the journal to the cache. */
  load(checksums: ChecksumCache): Task<void>;
  /** Writes the lines that wait. */
  close(): Promise<void>;
}

/** For checksums that need not survive the store. */
export const NO_JOURNAL: ChecksumJournal = {
  add: () => {},
  *load() {},
  close: async () => {},
};

export interface JournalLimits {
  /** Milliseconds after which a new line is written. */
  readonly flushDelayMs: number;
  /** A journal of at most this many bytes is not compacted, however many of its lines are obsolete. */
  readonly compactBytesMin: number;
}

const DEFAULT_JOURNAL_LIMITS: JournalLimits = { flushDelayMs: 1000, compactBytesMin: 4 * 1024 * 1024 };

/** The journal is compacted when it is this many times larger than the result would be. */
const COMPACT_FACTOR = 3;
/** Lines that may wait. Further ones are dropped. */
const WAITING_LINES_MAX = 16 * BATCH_LINES;

/** The journal of an open store. */
interface JournalState extends JournalDeps {
  readonly checksums: () => ChecksumCache;
  readonly limits: JournalLimits;
  /** Lines that are not written yet, the oldest first; at most `WAITING_LINES_MAX`. */
  waiting: JournalLine[];
  /** Runs when lines wait and none are being written. */
  timer: NodeJS.Timeout | undefined;
  /** The write under way. */
  writing: Promise<void> | undefined;
  /** The size after the last compaction. */
  compactedBytes: number;
}

export function createChecksumJournal(
  io: DiskIo,
  directories: JournalDeps['directories'],
  checksums: () => ChecksumCache,
  limits: JournalLimits = DEFAULT_JOURNAL_LIMITS,
): ChecksumJournal {
  const journal: JournalState = {
    io,
    directories,
    checksums,
    limits,
    waiting: [],
    timer: undefined,
    writing: undefined,
    compactedBytes: 0,
  };
  return {
    add: (name, checksum) => add(journal, name, checksum),
    load: (into) => load(journal, into),
    close: () => close(journal),
  };
}

function add(journal: JournalState, name: string, checksum: Checksum): void {
  if (journal.waiting.length >= WAITING_LINES_MAX) return;
  journal.waiting.push([name, checksum]);
  if (journal.waiting.length === BATCH_LINES) flush(journal);
  else if (journal.timer === undefined && journal.writing === undefined) schedule(journal);
}

function schedule(journal: JournalState): void {
  journal.timer ??= setTimeout(flush, journal.limits.flushDelayMs, journal).unref();
}

function flush(journal: JournalState): void {
  clearTimeout(journal.timer);
  journal.timer = undefined;
  journal.writing ??= Promise.resolve(run(ignoreSystemErrors(write(journal)))).finally(() => {
    journal.writing = undefined;
    if (journal.waiting.length > 0) schedule(journal);
  });
}

function* write(journal: JournalState): Task<void> {
  try {
    yield* inReservedFolder(journal, function* (folder) {
      const bytes = yield* appendLines(journal, folder, () => journal.waiting.splice(0, BATCH_LINES));
      dropWaiting(journal);
      if (!isWorthCompacting(journal, bytes)) return;
      const compacted = yield* compactJournal(journal, folder, () => journal.checksums().entries());
      journal.compactedBytes = compacted ?? journal.compactedBytes;
    });
  } catch (error) {
    dropWaiting(journal);
    throw error;
  }
}

/** Drops the lines that could not be written: nothing depends on them. */
function dropWaiting(journal: JournalState): void {
  journal.waiting = [];
}

/** Whether a journal of this size is several times larger than a compacted one would be. */
function isWorthCompacting({ limits, checksums, compactedBytes }: JournalState, bytes: number): boolean {
  const expectedBytes = Math.max(checksums().bytes, compactedBytes);
  return bytes > Math.max(limits.compactBytesMin, COMPACT_FACTOR * expectedBytes);
}

function* load(journal: JournalState, into: ChecksumCache): Task<void> {
  const found = new Map<string, Checksum>();
  yield* ignoreSystemErrors(inReservedFolder(journal, (folder) => readJournal(journal, folder, found)));
  for (const [name, checksum] of found) into.addKnown(name, checksum);
}

async function close(journal: JournalState): Promise<void> {
  await journal.writing;
  if (journal.waiting.length > 0) flush(journal);
  await journal.writing;
  clearTimeout(journal.timer);
}
