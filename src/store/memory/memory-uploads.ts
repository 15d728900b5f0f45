/** The unfinished uploads of the memory store: who holds which, what is kept of which, and for how long. */
import type { Outcome, PutOptions, UploadOffset } from '../contract.ts';
import { err, ok, okVoid } from '../outcome.ts';
import { badOffset, refusedKey, tooManyUploads, type UploadLimits } from '../upload-limits.ts';

/** What there is of an upload. */
export interface MemoryPart extends UploadOffset {
  readonly chunks: readonly Uint8Array[];
}

/** A put that writes to an upload. */
export interface MemoryHolder {
  /** Takes the upload from it; it has called `ended` when this returns. */
  take(): void;
  /** Bytes that it has of it. */
  readonly written: number;
}

export interface MemoryUploads {
  /** Takes up an upload for a put, or begins it anew, as `PutOptions` says; `hold` is to follow. */
  begin(key: string, options: PutOptions): Outcome<MemoryPart>;
  hold(key: string, holder: MemoryHolder): void;
  /** To be called when a put has let go of its upload, with what is to be kept of it. */
  ended(key: string, part: MemoryPart | undefined): void;
  resume(key: string): Outcome<UploadOffset>;
  cancel(key: string): Outcome<void>;
  unfinished(): { readonly count: number; readonly bytes: number };
  close(): void;
}

interface Kept extends MemoryPart {
  /** Milliseconds since 1970. */
  readonly since: number;
}

export function memoryUploads({ clock, keepPartial, lookEvery, maxUploads }: UploadLimits): MemoryUploads {
  // `maxUploads` bounds both together: what is kept was held before.
  const held = new Map<string, MemoryHolder>();
  const kept = new Map<string, Kept>();
  /** Runs while anything is kept. */
  let stopLooking: (() => void) | undefined;
  let closed = false;

  function look(): void {
    const before = clock.now() - keepPartial;
    for (const [key, { since }] of kept) if (since < before) kept.delete(key);
    if (kept.size > 0) return;
    stopLooking?.();
    stopLooking = undefined;
  }

  /** What there is, taken from whoever holds it. */
  function takeOver(key: string): MemoryPart | undefined {
    held.get(key)?.take();
    return kept.get(key);
  }

  return {
    begin(key, { offset, size }) {
      const refusal = refusedKey(key);
      if (refusal !== undefined) return refusal;
      if (takeOver(key) !== undefined && offset === undefined) kept.delete(key);
      const part = kept.get(key);
      const there = part?.offset ?? 0;
      if (offset !== undefined && offset !== there) return badOffset(there);
      if (part === undefined && kept.size + held.size >= maxUploads) return tooManyUploads(maxUploads);
      kept.delete(key);
      if (there > size)
        return err('size-mismatch', 'there is more of it than was said', {
          expected: size,
          actual: there,
        });
      return ok(part ?? { chunks: [], offset: 0, crc32: 0 });
    },
    hold: (key, holder) => void held.set(key, holder),
    ended(key, part) {
      held.delete(key);
      if (part === undefined || closed) return;
      kept.set(key, { ...part, since: clock.now() });
      stopLooking ??= clock.every(lookEvery, look);
    },
    resume(key) {
      const refusal = refusedKey(key);
      if (refusal !== undefined) return refusal;
      const { offset, crc32 } = takeOver(key) ?? { offset: 0, crc32: 0 };
      return ok({ offset, crc32 });
    },
    cancel(key) {
      const refusal = refusedKey(key);
      if (refusal !== undefined) return refusal;
      const wasHeld = held.has(key);
      takeOver(key);
      const wasKept = kept.delete(key);
      return wasHeld || wasKept ? okVoid : err('not-found', 'there is nothing of such an upload');
    },
    unfinished() {
      let bytes = 0;
      for (const { offset } of kept.values()) bytes += offset;
      for (const { written } of held.values()) bytes += written;
      return { count: kept.size + held.size, bytes };
    },
    close() {
      closed = true;
      kept.clear();
      stopLooking?.();
    },
  };
}
