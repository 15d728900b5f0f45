/**
 * Writes the records of a log: many that come together in one write and one sync, into segments that are files of their
 * own, so that old ones can be removed.
 *
 * When a write or a sync fails, nobody knows what is in the file. So nothing more is written to it: the next write begins
 * a segment with all that is known, and what a reader may find behind does not count. The intents of that write are
 * refused. What has happened cannot be refused, and waits.
 */
import { createSystemError } from '../disk/errno.ts';
import type { LogFile, LogFolder } from './log-folder.ts';
import { applyRecord, headOf, type LogState } from './log-state.ts';
import { encodeRecord, type LogRecord } from './record.ts';

/** A file of the log. */
export interface Segment {
  readonly serial: number;
  /** The `sequence` of the first event that may be in it. */
  readonly first: number;
  /** Those of records, in which a reader may look. */
  bytes: number;
}

export interface LogWriter {
  /**
   * Appends a record.
   *
   * @param done called when it is durable, or with the error if it is refused, which only an intent can be.
   */
  append(record: LogRecord, done?: (error: Error | null) => void): void;
  /** Appends the cursor soon, with others or alone. */
  noteCursor(sink: string, at: number): void;
  /** Resolves when all that was appended is durable, or could not be written. */
  flush(): Promise<void>;
  /** What is durable. */
  readonly state: LogState;
  /** Oldest first; the last one is written to. */
  readonly segments: Segment[];
  /** Of all segments, and of what waits to be written. */
  readonly bytes: number;
  /** Why the last write failed; null when it did not. */
  readonly fault: Error | null;
  /** Removes the segments whose events come before a sequence, the oldest first, while they take more than so many bytes. */
  removeBefore(sequence: number, keepBytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface LogWriterDeps {
  readonly folder: LogFolder;
  readonly state: LogState;
  /** The segments that are there. The writer goes on in the last one. */
  readonly segments: Segment[];
  /** The last of them, when there is one. */
  readonly file: LogFile | null;
  /** A segment is closed before it is larger. */
  readonly segmentBytes: number;
  /** Called with records that are durable now. */
  readonly onWritten: (records: readonly LogRecord[]) => void;
}

interface Queued {
  readonly record: LogRecord;
  readonly bytes: Buffer;
  readonly done: ((error: Error | null) => void) | undefined;
}

interface WriterState extends LogWriterDeps {
  file: LogFile | null;
  /** Bytes of the head of the last segment. */
  headBytes: number;
  /** Whether nothing more may be written to the last segment. */
  isBroken: boolean;
  queue: Queued[];
  queuedBytes: number;
  readonly cursors: Map<string, number>;
  cursorTimer: NodeJS.Timeout | undefined;
  retryTimer: NodeJS.Timeout | undefined;
  fault: Error | null;
  /** The flush under way, or the one that is due. */
  flushing: Promise<void> | undefined;
  isClosed: boolean;
}

export const SEGMENT_PATTERN = /^(\d{12})\.log$/;
export const segmentName = (serial: number): string => `${String(serial).padStart(12, '0')}.log`;

/** Milliseconds after which a cursor that was noted is appended. */
const CURSOR_MS = 200;
/** Milliseconds until what could not be written is tried again. */
const RETRY_MS = 1000;

export function createLogWriter(deps: LogWriterDeps): LogWriter {
  const writer: WriterState = {
    ...deps,
    headBytes: 0,
    isBroken: deps.file === null,
    queue: [],
    queuedBytes: 0,
    cursors: new Map(),
    cursorTimer: undefined,
    retryTimer: undefined,
    fault: null,
    flushing: undefined,
    isClosed: false,
  };
  return {
    state: deps.state,
    segments: deps.segments,
    get bytes() {
      return deps.segments.reduce((sum, { bytes }) => sum + bytes, writer.queuedBytes);
    },
    get fault() {
      return writer.fault;
    },
    append: (record, done) => append(writer, record, done),
    noteCursor(sink, at) {
      writer.cursors.set(sink, at);
      writer.cursorTimer ??= setTimeout(() => startFlush(writer), CURSOR_MS).unref();
    },
    flush: () => startFlush(writer),
    removeBefore: (sequence, keepBytes) => removeBefore(writer, sequence, keepBytes),
    close: async () => {
      await startFlush(writer);
      writer.isClosed = true;
      clearTimeout(writer.cursorTimer);
      clearTimeout(writer.retryTimer);
      writer.file?.close();
    },
  };
}

function append(writer: WriterState, record: LogRecord, done?: (error: Error | null) => void): void {
  if (writer.isClosed) return done?.(createSystemError('EBADF', 'the log of changes is closed'));
  const bytes = encodeRecord(record);
  writer.queue.push({ record, bytes, done });
  writer.queuedBytes += bytes.length;
  void startFlush(writer);
}

/** What is appended in one turn of the event loop, and while a write is under way, is written together. */
function startFlush(writer: WriterState): Promise<void> {
  writer.flushing ??= new Promise((resolve) => {
    setImmediate(async () => {
      await flushAll(writer);
      resolve();
    });
  });
  return writer.flushing;
}

/** It notes that it ends in the turn in which it finds nothing more: what is appended later needs another one. */
async function flushAll(writer: WriterState): Promise<void> {
  clearTimeout(writer.retryTimer);
  writer.retryTimer = undefined;
  do {
    takeCursors(writer);
    const batch = writer.queue;
    if (batch.length === 0) {
      writer.flushing = undefined;
      return;
    }
    writer.queue = [];
    writer.fault = await writeBatch(writer, batch);
    if (writer.fault === null) written(writer, batch);
    else refuse(writer, batch, writer.fault);
    // What cannot be refused is tried again with the next intent, or later.
  } while (writer.fault === null || writer.queue.some(({ record }) => record.kind === 'intent'));
  writer.flushing = undefined;
  writer.retryTimer = setTimeout(() => startFlush(writer), RETRY_MS).unref();
}

function takeCursors(writer: WriterState): void {
  clearTimeout(writer.cursorTimer);
  writer.cursorTimer = undefined;
  for (const [sink, at] of writer.cursors) {
    const record: LogRecord = { kind: 'cursor', sink, at };
    const bytes = encodeRecord(record);
    writer.queue.push({ record, bytes, done: undefined });
    writer.queuedBytes += bytes.length;
  }
  writer.cursors.clear();
}

function written(writer: WriterState, batch: readonly Queued[]): void {
  for (const { record, bytes } of batch) {
    applyRecord(writer.state, record);
    writer.queuedBytes -= bytes.length;
  }
  for (const { done } of batch) done?.(null);
  writer.onWritten(batch.map(({ record }) => record));
}

function refuse(writer: WriterState, batch: readonly Queued[], error: Error): void {
  const kept = batch.filter(({ record }) => record.kind !== 'intent');
  writer.queue = [...kept, ...writer.queue];
  for (const { record, bytes, done } of batch) {
    if (record.kind !== 'intent') continue;
    writer.queuedBytes -= bytes.length;
    done?.(error);
  }
}

/** Null when the batch is durable. */
async function writeBatch(writer: WriterState, batch: readonly Queued[]): Promise<Error | null> {
  const chunks = batch.map(({ bytes }) => bytes);
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  try {
    const last = writer.segments.at(-1);
    const isFull =
      last !== undefined && last.bytes > writer.headBytes && last.bytes + size > writer.segmentBytes;
    if (writer.isBroken || isFull) await beginSegment(writer);
    const segment = writer.segments.at(-1)!;
    const file = writer.file!;
    await file.write(chunks, segment.bytes);
    if (writer.folder.durable) await file.sync();
    segment.bytes += size;
    return null;
  } catch (error) {
    writer.isBroken = true;
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function beginSegment(writer: WriterState): Promise<void> {
  const { folder, segments, state } = writer;
  const serial = (segments.at(-1)?.serial ?? 0) + 1;
  const head = headOf(state).map(encodeRecord);
  const bytes = head.reduce((sum, { length }) => sum + length, 0);
  // One that could not be begun before, and is not among the segments, is overwritten.
  const file = await folder.create(segmentName(serial));
  try {
    await file.write(head, 0);
    if (folder.durable) await file.sync();
    await folder.sync();
  } catch (error) {
    file.close();
    throw error;
  }
  writer.file?.close();
  writer.file = file;
  writer.headBytes = bytes;
  writer.isBroken = false;
  segments.push({ serial, first: state.nextSequence, bytes });
}

async function removeBefore(writer: WriterState, sequence: number, keepBytes: number): Promise<void> {
  const { segments, folder } = writer;
  const sizeOf = () => segments.reduce((sum, { bytes }) => sum + bytes, 0);
  // The events of a segment are before the first of the next one.
  while (segments.length > 1 && segments[1]!.first <= sequence && sizeOf() > keepBytes) {
    const [oldest] = segments.splice(0, 1);
    try {
      await folder.remove(segmentName(oldest!.serial));
    } catch {
      // It is removed when the log is next opened, since its events are passed.
    }
  }
}
