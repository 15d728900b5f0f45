/** Finds the segments of a log when it is opened, and what they say; cuts off an end that is torn. */
import { randomBytes } from 'node:crypto';
import { FormatError } from '../disk/errno.ts';
import type { LogFile, LogFolder } from './log-folder.ts';
import { applyRecord, type LogState, newState } from './log-state.ts';
import { SEGMENT_PATTERN, type Segment, segmentName } from './log-writer.ts';
import { type HeadRecord, type LogRecord, scanRecords } from './record.ts';

export interface OpenSegments {
  readonly state: LogState;
  readonly segments: Segment[];
  /** The last of them, to go on in; null when there is none. */
  readonly file: LogFile | null;
}

/** A head has the cursors of sinks. */
const HEAD_BYTES_MAX = 128 * 1024;

/** Throws a `FormatError` when a later version of the program wrote the log, and system errors. */
export async function openSegments(folder: LogFolder): Promise<OpenSegments> {
  const serials = (await folder.list())
    .flatMap((name) => SEGMENT_PATTERN.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const state = newState(randomBytes(8).toString('hex'));
  while (serials.length > 0) {
    const serial = serials.at(-1)!;
    const file = await folder.open(segmentName(serial));
    const bytes = await readState(file, state);
    if (bytes > 0) {
      // What is behind the records is torn. It would be taken for records if others ended where those of it begin.
      await file.truncate(bytes);
      const segments = await headsOf(folder, serials.slice(0, -1));
      segments.push({ serial, first: await firstOf(file), bytes });
      return { state, segments, file };
    }
    // Its beginning was not completed: all of it is in the one before.
    file.close();
    await folder.remove(segmentName(serial));
    serials.pop();
  }
  return { state, segments: [], file: null };
}

/** Bytes of the records of a segment; 0 when its beginning is not complete. */
async function readState(file: LogFile, state: LogState): Promise<number> {
  let missing = Number.POSITIVE_INFINITY;
  const read = newState(state.log);
  const bytes = scanRecords<LogRecord>(await file.read(file.size), (record) => {
    if (record.kind === 'head') {
      checkVersion(record);
      missing = record.open;
    } else if (missing > 0) missing -= 1;
    applyRecord(read, record);
  });
  if (missing > 0) return 0;
  Object.assign(state, read);
  return bytes;
}

function checkVersion({ version }: HeadRecord): void {
  if (version === 1) return;
  throw new FormatError(
    `its log of changes is of version ${version}, and this version of the program knows version 1; ` +
      'use the version that wrote it, or a newer one',
  );
}

async function headsOf(folder: LogFolder, serials: readonly number[]): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const serial of serials) {
    const file = await folder.open(segmentName(serial));
    try {
      segments.push({ serial, first: await firstOf(file), bytes: file.size });
    } finally {
      file.close();
    }
  }
  return segments;
}

/** The `sequence` with which a segment begins. One that cannot be read has no events that a reader could find. */
async function firstOf(file: LogFile): Promise<number> {
  let first = 1;
  scanRecords<LogRecord>(await file.read(HEAD_BYTES_MAX), (record) => {
    if (record.kind === 'head') first = record.first;
    return false;
  });
  return first;
}
