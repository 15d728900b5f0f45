/**
 * Finds the segments of a log when it is opened, and what they say; cuts off an end that is torn.
 *
 * An end is torn when its last write was under way: nothing of it was promised. Bytes that are no records before others
 * that are were promised, and are damaged: they are told, and what is behind them counts.
 */
import { randomBytes } from 'node:crypto';
import { FormatError } from '../disk/errno.ts';
import type { LogFile, LogFolder } from './log-folder.ts';
import { applyRecord, type LogState, newState } from './log-state.ts';
import { SEGMENT_PATTERN, type Segment, segmentName } from './log-writer.ts';
import { type HeadRecord, type LogRecord, scanRecords } from './record.ts';

export interface OpenSegments {
  readonly state: LogState;
  readonly segments: Segment[];
  /** The last of them, to go on in; null when there is none, or when it is damaged. */
  readonly file: LogFile | null;
  /** What is damaged, in words; null when nothing is. */
  readonly damage: string | null;
}

/** A head has the cursors of sinks. */
const HEAD_BYTES_MAX = 128 * 1024;

/** What the last segments say. */
interface Scanned {
  readonly serial: number;
  readonly file: LogFile;
  readonly records: readonly LogRecord[];
  readonly end: number;
  readonly damaged: number;
}

/** Throws a `FormatError` when a later version of the program wrote the log, and system errors. */
export async function openSegments(folder: LogFolder): Promise<OpenSegments> {
  const serials = (await folder.list())
    .flatMap((name) => SEGMENT_PATTERN.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const state = newState(randomBytes(8).toString('hex'));
  /** From the last one whose beginning can be read. */
  const last: Scanned[] = [];
  const damages: string[] = [];
  while (serials.length > 0) {
    const serial = serials.pop()!;
    const scanned = await scanSegment(folder, serial);
    const isWhole = isBeginningWhole(scanned.records);
    if (!isWhole && !hasMore(scanned.records)) {
      // Its beginning was not completed: all of it is in the one before.
      scanned.file.close();
      await folder.remove(segmentName(serial));
      continue;
    }
    last.unshift(scanned);
    if (!isWhole) damages.push(`${segmentName(serial)} has lost its beginning`);
    else if (scanned.damaged > 0) damages.push(damageOf(serial, scanned.damaged));
    if (isWhole) break;
  }
  for (const [i, { records }] of last.entries()) {
    // What those before one say is more than its beginning does, of which some is lost.
    for (const record of records) if (i === 0 || record.kind !== 'head') applyRecord(state, record);
  }
  const segments = await segmentsOf(folder, serials, last);
  for (const { file } of last.slice(0, -1)) file.close();
  const file = last.at(-1)?.file ?? null;
  // What is behind the records is torn. It would be taken for records if others ended where those of it begin.
  await file?.truncate(last.at(-1)!.end);
  if (damages.length === 0) return { state, segments, file, damage: null };
  // The next one begins with all that is known, and is whole.
  file?.close();
  return { state, segments, file: null, damage: damages.join(', ') };
}

/** In words. */
export const damageOf = (serial: number, bytes: number): string =>
  `${bytes} bytes in ${segmentName(serial)} are no records`;

async function scanSegment(folder: LogFolder, serial: number): Promise<Scanned> {
  const file = await folder.open(segmentName(serial));
  const records: LogRecord[] = [];
  const { end, damaged } = scanRecords<LogRecord>(await file.read(file.size), (record) => {
    if (record.kind === 'head') checkVersion(record);
    records.push(record);
  });
  return { serial, file, records, end, damaged };
}

/** Whether a segment begins with all that must be known of those before it. */
function isBeginningWhole(records: readonly LogRecord[]): boolean {
  const [head, ...others] = records;
  return (
    head?.kind === 'head' &&
    others.slice(0, head.open).filter(({ kind }) => kind === 'intent').length === head.open
  );
}

/** Whether a segment has more than its beginning, so that this was complete once. */
const hasMore = (records: readonly LogRecord[]): boolean =>
  records.some(({ kind }) => kind !== 'head' && kind !== 'intent');

function checkVersion({ version }: HeadRecord): void {
  if (version === 1) return;
  throw new FormatError(
    `its log of changes is of version ${version}, and this version of the program knows version 1; ` +
      'use the version that wrote it, or a newer one',
  );
}

async function segmentsOf(
  folder: LogFolder,
  serials: readonly number[],
  last: readonly Scanned[],
): Promise<Segment[]> {
  const segments: Segment[] = [];
  let next = Number.POSITIVE_INFINITY;
  const add = async (serial: number, bytes: number, file: LogFile) => {
    // One of which nothing can be read has no events that a reader could find.
    next = (await firstOf(file)) ?? next;
    segments.unshift({ serial, first: next, bytes });
  };
  for (const { serial, end, file } of [...last].reverse()) await add(serial, end, file);
  for (const serial of [...serials].reverse()) {
    const file = await folder.open(segmentName(serial));
    try {
      await add(serial, file.size, file);
    } finally {
      file.close();
    }
  }
  return segments;
}

/** The `sequence` with which a segment begins. */
async function firstOf(file: LogFile): Promise<number | undefined> {
  let first: number | undefined;
  scanRecords<LogRecord>(await file.read(Math.min(file.size, HEAD_BYTES_MAX)), (record) => {
    if (record.kind === 'head') first = record.first;
    if (record.kind === 'event') first = record.sequence;
    return first === undefined;
  });
  return first;
}
