/**
 * Writes bytes to a descriptor, one write at a time. Bytes that queue up during a write go into the next one. The caller
 * bounds the queue: `written` says which bytes have left it.
 */
import { writeSync, writev } from 'node:fs';

export interface FileWriter {
  readonly fd: number;
  /** Called when so many bytes are no longer held: they were written, or dropped. */
  readonly written: (bytes: number) => void;
  /** Called when a write failed. Later bytes are dropped. */
  readonly failed: (error: unknown) => void;
  /** Where the next write goes. */
  position: number;
  /** Bytes that wait for the write under way. */
  queued: Uint8Array[];
  /** Whether a write is under way. */
  writing: boolean;
  /** Whether a write has failed, or the bytes are not wanted any more: later ones are dropped. */
  broken: boolean;
  /** Why a write failed. */
  error: unknown;
  /** Called by `pump` when no write is under way and nothing is queued. */
  onIdle: () => void;
}

export const createFileWriter = (
  fd: number,
  position: number,
  { written, failed }: Pick<FileWriter, 'written' | 'failed'>,
): FileWriter => ({
  fd,
  written,
  failed,
  position,
  queued: [],
  writing: false,
  broken: false,
  error: undefined,
  onIdle: () => {},
});

/** Writes the queued bytes, after the write under way if there is one. */
export function pump(writer: FileWriter): void {
  if (writer.writing) return;
  if (writer.queued.length === 0 || writer.broken) return writer.onIdle();
  const chunks = takeQueued(writer);
  writer.writing = true;
  const at = writer.position;
  for (const { length } of chunks) writer.position += length;
  writeAll(writer.fd, chunks, at, (failure) => {
    writer.writing = false;
    release(writer, chunks);
    if (failure !== null) fail(writer, failure);
    pump(writer);
  });
}

/** Writes the queued bytes before it returns. No write may be under way. */
export function writeNow(writer: FileWriter): void {
  const chunks = takeQueued(writer);
  try {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const count = writeSync(writer.fd, chunk, at, chunk.length - at, writer.position);
        at += count;
        writer.position += count;
      }
    }
  } catch (failure) {
    fail(writer, failure);
  }
  release(writer, chunks);
}

function takeQueued(writer: FileWriter): readonly Uint8Array[] {
  const chunks = writer.queued;
  writer.queued = [];
  return chunks;
}

function release({ written }: FileWriter, chunks: readonly Uint8Array[]): void {
  for (const { length } of chunks) written(length);
}

export function dropQueued(writer: FileWriter): void {
  release(writer, writer.queued);
  writer.queued = [];
}

function fail(writer: FileWriter, failure: unknown): void {
  writer.broken = true;
  writer.error = failure;
  dropQueued(writer);
  writer.failed(failure);
}

/** Writes all chunks, however few bytes the system takes at a time. */
function writeAll(
  fd: number,
  chunks: readonly Uint8Array[],
  position: number,
  done: (failure: unknown) => void,
): void {
  writev(fd, chunks, position, (failure, count) => {
    if (failure !== null) return done(failure);
    let left = count;
    const remaining: Uint8Array[] = [];
    for (const chunk of chunks) {
      if (left < chunk.length) remaining.push(chunk.subarray(left));
      left = Math.max(0, left - chunk.length);
    }
    if (remaining.length === 0) done(null);
    else writeAll(fd, remaining, position + count, done);
  });
}
