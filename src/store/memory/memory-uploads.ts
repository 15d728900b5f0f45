/** The unfinished uploads of the memory store: who holds which, what is kept of which, and for how long. */
import type { Outcome, PutOptions, UploadOffset } from '../contract.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { badOffset, keyFault, tooManyUploads, type UploadLimits } from '../upload-limits.ts';

/** What there is of an upload. */
export interface MemoryUpload extends UploadOffset {
  readonly chunks: readonly Uint8Array[];
}

/** A put that writes to an upload. */
export interface MemoryUploadWriter {
  /** Takes the upload from it; it has called `ended` when this returns. */
  take(): void;
  /** Bytes that it has of it. */
  readonly written: number;
}

export interface MemoryUploads {
  /** Takes up an upload for a put, or begins it anew, as `PutOptions` says; `hold` is to follow. */
  begin(key: string, options: PutOptions): Outcome<MemoryUpload>;
  attach(key: string, writer: MemoryUploadWriter): void;
  /** To be called when a put has let go of its upload, with what is to be kept of it. */
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
  // `maxUploads` bounds both together: what is kept was held before.
  const writers = new Map<string, MemoryUploadWriter>();
  const stored = new Map<string, StoredMemoryUpload>();
  /** Runs while anything is kept. */
  let stopSweeping: (() => void) | undefined;
  let closed = false;

  function sweep(): void {
    const before = clock.now() - keepPartial;
    for (const [key, { since }] of stored) if (since < before) stored.delete(key);
    if (stored.size > 0) return;
    stopSweeping?.();
    stopSweeping = undefined;
  }

  /** What there is, taken from whoever holds it. */
  function takeOver(key: string): MemoryUpload | undefined {
    writers.get(key)?.take();
    return stored.get(key);
  }

  return {
    begin(key, { offset, size }) {
      const refusal = keyFault(key);
      if (refusal !== undefined) return refusal;
      if (takeOver(key) !== undefined && offset === undefined) stored.delete(key);
      const upload = stored.get(key);
      const there = upload?.offset ?? 0;
      if (offset !== undefined && offset !== there) return badOffset(there);
      if (upload === undefined && stored.size + writers.size >= maxUploads) return tooManyUploads(maxUploads);
      stored.delete(key);
      if (there > size)
        return err('size-mismatch', 'there is more of it than was said', {
          expected: size,
          actual: there,
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
      const refusal = keyFault(key);
      if (refusal !== undefined) return refusal;
      const { offset, crc32 } = takeOver(key) ?? { offset: 0, crc32: 0 };
      return ok({ offset, crc32 });
    },
    cancel(key) {
      const refusal = keyFault(key);
      if (refusal !== undefined) return refusal;
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
