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

/** An upload of which nothing has arrived. */
export const EMPTY_UPLOAD: MemoryUpload = { chunks: [], offset: 0, crc32: 0 };

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

interface UploadsState {
  readonly limits: UploadLimits;
  /** The puts that write to uploads, by key. `maxUploads` bounds `writers` and `stored` together. */
  readonly writers: Map<string, MemoryUploadWriter>;
  /** The uploads to which no put writes, by key. Each was active before. */
  readonly stored: Map<string, StoredMemoryUpload>;
  /** Stops the sweep, which runs while uploads are stored. */
  stopSweeping: (() => void) | undefined;
  closed: boolean;
}

export function createMemoryUploads(limits: UploadLimits): MemoryUploads {
  const state: UploadsState = {
    limits,
    writers: new Map(),
    stored: new Map(),
    stopSweeping: undefined,
    closed: false,
  };
  return {
    begin: (key, options) => keyFault(key) ?? begin(state, key, options),
    attach: (key, writer) => void state.writers.set(key, writer),
    detach: (key, upload) => detach(state, key, upload),
    resume: (key) => keyFault(key) ?? resume(state, key),
    cancel: (key) => keyFault(key) ?? cancel(state, key),
    unfinished: () => unfinished(state),
    close: () => close(state),
  };
}

function begin(state: UploadsState, key: string, { offset, size }: PutOptions): Outcome<MemoryUpload> {
  const { writers, stored } = state;
  const { maxUploads } = state.limits;
  if (takeOver(state, key) !== undefined && offset === undefined) stored.delete(key);
  const upload = stored.get(key);
  const length = upload?.offset ?? 0;
  if (offset !== undefined && offset !== length) return badOffset(length);
  if (upload === undefined && stored.size + writers.size >= maxUploads) return tooManyUploads(maxUploads);
  stored.delete(key);
  if (length > size)
    return err('size-mismatch', 'there is more of it than was said', { expected: size, actual: length });
  return ok(upload ?? EMPTY_UPLOAD);
}

/** The stored bytes, after the put that writes to the upload (if any) has ended. */
function takeOver({ writers, stored }: UploadsState, key: string): MemoryUpload | undefined {
  writers.get(key)?.take();
  return stored.get(key);
}

function detach(state: UploadsState, key: string, upload: MemoryUpload | undefined): void {
  const { clock, sweepEveryMs } = state.limits;
  state.writers.delete(key);
  if (upload === undefined || state.closed) return;
  state.stored.set(key, { ...upload, since: clock.now() });
  state.stopSweeping ??= clock.every(sweepEveryMs, () => sweep(state));
}

/** Drops the uploads that were stored for too long. */
function sweep(state: UploadsState): void {
  const { stored, limits } = state;
  const before = limits.clock.now() - limits.keepPartial;
  for (const [key, { since }] of stored) if (since < before) stored.delete(key);
  if (stored.size > 0) return;
  state.stopSweeping?.();
  state.stopSweeping = undefined;
}

function resume(state: UploadsState, key: string): Outcome<UploadOffset> {
  const { offset, crc32 } = takeOver(state, key) ?? EMPTY_UPLOAD;
  return ok({ offset, crc32 });
}

function cancel(state: UploadsState, key: string): Outcome<void> {
  const wasActive = state.writers.has(key);
  takeOver(state, key);
  const wasStored = state.stored.delete(key);
  return wasActive || wasStored ? okVoid : err('not-found', 'there is nothing of such an upload');
}

function unfinished({ writers, stored }: UploadsState): { readonly count: number; readonly bytes: number } {
  let bytes = 0;
  for (const { offset } of stored.values()) bytes += offset;
  for (const { written } of writers.values()) bytes += written;
  return { count: stored.size + writers.size, bytes };
}

function close(state: UploadsState): void {
  state.closed = true;
  state.stored.clear();
  state.stopSweeping?.();
}
