/**
 * The unfinished uploads of the memory store: which put writes to which, which are stored, and for how long.
 */
import type { Outcome, PutOptions, UploadOffset } from '../contract.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { badOffset, keyFault, tooManyUploads, type UploadLimits } from '../upload-limits.ts';

/** The bytes of an upload. */
export interface MemoryUpload extends UploadOffset {
  readonly chunks: readonly Uint8Array[];
}

/** A put that writes to an upload. */
export interface MemoryUploadWriter {
  /** Takes the upload from the put, which has called `detach` when this returns. */
  take(): void;
  /** The bytes of the upload that it has. */
  readonly written: number;
}

export interface MemoryUploads {
  /** Begins or resumes an upload for a put, as `PutOptions` says. The caller calls `attach` next. */
  begin(key: string, options: PutOptions): Outcome<MemoryUpload>;
  attach(key: string, writer: MemoryUploadWriter): void;
  /** Called when a put ends its work on an upload, with the bytes to keep. */
  detach(key: string, upload: MemoryUpload | undefined): void;
  resume(key: string): Outcome<UploadOffset>;
  cancel(key: string): Outcome<void>;
  unfinished(): { readonly count: number; readonly bytes: number };
  close(): void;
}

interface StoredMemoryUpload extends MemoryUpload {
  /** Milliseconds since 1970. */
  readonly since: number;
}

export function createMemoryUploads({
  clock,
  keepPartial,
  sweepEveryMs,
  maxUploads,
}: UploadLimits): MemoryUploads {
  // `maxUploads` bounds both maps together: a stored upload was active before.
  const writers = new Map<string, MemoryUploadWriter>();
  const stored = new Map<string, StoredMemoryUpload>();
  /** Runs while uploads are stored. */
  let stopSweeping: (() => void) | undefined;
  let closed = false;

  function sweep(): void {
    const before = clock.now() - keepPartial;
    for (const [key, { since }] of stored) if (since < before) stored.delete(key);
    if (stored.size > 0) return;
    stopSweeping?.();
    stopSweeping = undefined;
  }

  /** The stored bytes, after the put that writes to it (if any) has ended. */
  function takeOver(key: string): MemoryUpload | undefined {
    writers.get(key)?.take();
    return stored.get(key);
  }

  return {
    begin(key, { offset, size }) {
      const fault = keyFault(key);
      if (fault !== undefined) return fault;
      if (takeOver(key) !== undefined && offset === undefined) stored.delete(key);
      const upload = stored.get(key);
      const length = upload?.offset ?? 0;
      if (offset !== undefined && offset !== length) return badOffset(length);
      if (upload === undefined && stored.size + writers.size >= maxUploads) return tooManyUploads(maxUploads);
      stored.delete(key);
      if (length > size)
        return err('size-mismatch', 'there is more of it than was said', {
          expected: size,
          actual: length,
        });
      return ok(upload ?? { chunks: [], offset: 0, crc32: 0 });
    },
    attach: (key, writer) => void writers.set(key, writer),
    detach(key, upload) {
      writers.delete(key);
      if (upload === undefined || closed) return;
      stored.set(key, { ...upload, since: clock.now() });
      stopSweeping ??= clock.every(sweepEveryMs, sweep);
    },
    resume(key) {
      const fault = keyFault(key);
      if (fault !== undefined) return fault;
      const { offset, crc32 } = takeOver(key) ?? { offset: 0, crc32: 0 };
      return ok({ offset, crc32 });
    },
    cancel(key) {
      const fault = keyFault(key);
      if (fault !== undefined) return fault;
      const wasActive = writers.has(key);
      takeOver(key);
      const wasStored = stored.delete(key);
      return wasActive || wasStored ? okVoid : err('not-found', 'there is nothing of such an upload');
    },
    unfinished() {
      let bytes = 0;
      for (const { offset } of stored.values()) bytes += offset;
      for (const { written } of writers.values()) bytes += written;
      return { count: stored.size + writers.size, bytes };
    },
    close() {
      closed = true;
      stored.clear();
      stopSweeping?.();
    },
  };
}
