/**
 * Copies one file from a store to another, in pieces. A large one is an upload, whose key stands for the file in its present
 * state: a copy that breaks off is found by the next one, and goes on behind the bytes that are the same.
 */
import { createHash } from 'node:crypto';
import { RESUME_THRESHOLD_BYTES } from '../../client/transfers/upload.ts';
import type { ServiceFault } from '../../files/protocol/errors.ts';
import type { Committed, FileInfo, FileStore, Sink, Source } from '../../store/contract.ts';
import { crc32 } from '../../store/crc32.ts';

/** Bytes that are read and written at once: all that is held of a file. */
export const PIECE_BYTES = 256 * 1024;
/** What is sent again at most after a crash. To make it durable costs a sync. */
const SYNC_BYTES = 64 * 1024 * 1024;

export interface CopyDeps {
  readonly from: FileStore;
  readonly to: FileStore;
  /** Whether a file that is there is replaced. */
  readonly clobber: boolean;
  /** Aborted when the copy shall end. What has arrived of a large file is kept. */
  readonly signal: AbortSignal;
  /** Called now and then between pieces: stores may answer without the event loop, which signals wait for. */
  readonly turn: () => Promise<void> | undefined;
  /** The bytes so far were there before; 0 when it begins from the start. */
  readonly resumed: (from: number) => void;
  readonly progress: (bytes: number, durable?: number) => void;
}

export type CopyEnd =
  | { readonly type: 'copied'; readonly stored: Committed; readonly resumedFrom: number }
  /** It was removed, or it was stored by somebody else and is not to be replaced. */
  | { readonly type: 'skipped'; readonly why: string }
  | { readonly type: 'failed'; readonly message: string; readonly code?: ServiceFault['code'] }
  /** @param isKept whether the next copy goes on where this one was. */
  | { readonly type: 'interrupted'; readonly isKept: boolean };

const vanished: CopyEnd = { type: 'skipped', why: 'it is no longer there' };
const changed: CopyEnd = {
  type: 'failed',
  message: 'it was changed while it was copied; the same command copies it again',
};
const taken: CopyEnd = { type: 'failed', message: 'another copy has taken it over' };
const damaged: CopyEnd = {
  type: 'failed',
  message: 'what was read does not have the CRC-32 that the file had when it was stored',
};

const failure = ({ code, message }: ServiceFault): CopyEnd => ({ type: 'failed', code, message });
const unreadable = ({ code, message }: ServiceFault): CopyEnd =>
  code === 'not-found' ? vanished : { type: 'failed', code, message: `it cannot be read: ${message}` };

export async function copyFile(name: string, deps: CopyDeps): Promise<CopyEnd> {
  const opened = await deps.from.open(name);
  if (!opened.ok) return unreadable(opened.error);
  const source = opened.value;
  try {
    return await copyOpened(source, deps);
  } finally {
    await source.close();
  }
}

/** What is read of a file, from the start on. */
interface Reading {
  readonly source: Source;
  /** Every piece is read into it. */
  readonly memory: Uint8Array;
  at: number;
  /** Of all bytes before `at`. */
  crc32: number;
}

/** Reads the next piece, up to `end`. Answers how the copy ends when there is none. */
async function readPiece(reading: Reading, end: number): Promise<Uint8Array | CopyEnd> {
  const { source, memory, at } = reading;
  const read = await source.read(at, Math.min(PIECE_BYTES, end - at), memory);
  if (!read.ok) return unreadable(read.error);
  if (read.value.length === 0) return changed;
  reading.at += read.value.length;
  reading.crc32 = crc32(read.value, reading.crc32);
  return read.value;
}

async function copyOpened(source: Source, deps: CopyDeps): Promise<CopyEnd> {
  const { to, clobber } = deps;
  const { name, size, mtime } = source;
  const upload = size < RESUME_THRESHOLD_BYTES ? undefined : keyOf(source);
  const memory = new Uint8Array(Math.min(PIECE_BYTES, size));
  const reading: Reading = { source, memory, at: 0, crc32: 0 };
  if (upload !== undefined) {
    const end = await passOver(upload, reading, deps);
    if (end !== null) return end;
  }
  const offset = reading.at;
  deps.resumed(offset);
  const hold: Hold = { isTaken: false };
  const put = await to.put(name, {
    ...{ size, mtime, upload, crc32: source.crc32, ifAbsent: !clobber },
    ...(offset > 0 && { offset }),
    taken: () => {
      hold.isTaken = true;
    },
  });
  if (!put.ok) return refusal(put.error, clobber);
  const sink = put.value;
  const end = await fill(sink, reading, { ...deps, hold, upload });
  if (end !== null) return end;
  if (hold.isTaken) return taken;
  const committed = await sink.commit();
  if (!committed.ok) return refusal(committed.error, clobber);
  if (committed.value.crc32 !== reading.crc32) {
    // It would pass for the same at the next copy.
    await to.remove(name);
    return { type: 'failed', message: 'what was stored does not have the CRC-32 of what was read' };
  }
  return { type: 'copied', stored: committed.value, resumedFrom: offset };
}

const refusal = (error: ServiceFault, clobber: boolean): CopyEnd =>
  error.code === 'exists' && !clobber ? { type: 'skipped', why: 'it is there already' } : failure(error);

/** Reads the bytes that are there of an upload, if they are those of the file. Answers how the copy ends, if it does. */
async function passOver(upload: string, reading: Reading, deps: CopyDeps): Promise<CopyEnd | null> {
  const there = await deps.to.resume(upload);
  if (!there.ok) return failure(there.error);
  const { offset } = there.value;
  if (offset > reading.source.size) return null;
  while (reading.at < offset) {
    if (deps.signal.aborted) return { type: 'interrupted', isKept: true };
    const piece = await readPiece(reading, offset);
    if (!(piece instanceof Uint8Array)) return piece;
    await deps.turn();
  }
  if (reading.crc32 === there.value.crc32) return null;
  reading.at = 0;
  reading.crc32 = 0;
  return null;
}

/** Whether the upload is still that of this copy. Once it is not, the sink must not be called any more. */
interface Hold {
  isTaken: boolean;
}

interface FillDeps extends CopyDeps {
  readonly hold: Hold;
  readonly upload: string | undefined;
}

/**
 * Writes the rest of the file. Answers null when the sink can be committed; else how the copy ends, and the sink is
 * aborted.
 */
async function fill(sink: Sink, reading: Reading, deps: FillDeps): Promise<CopyEnd | null> {
  const { source } = reading;
  const { signal, upload, hold } = deps;
  let syncedAt = reading.at;
  while (reading.at < source.size) {
    if (signal.aborted) return await keep(sink, { type: 'interrupted', isKept: upload !== undefined }, deps);
    const piece = await readPiece(reading, source.size);
    if (!(piece instanceof Uint8Array)) return await giveUp(sink, piece, deps);
    if (hold.isTaken) return taken;
    const written = await sink.write([piece]);
    if (!written.ok) return failure(written.error);
    if (upload !== undefined && reading.at - syncedAt >= SYNC_BYTES && !hold.isTaken) {
      const synced = await sink.sync();
      if (!synced.ok) return failure(synced.error);
      syncedAt = synced.value.offset;
    }
    deps.progress(reading.at, upload === undefined ? undefined : syncedAt);
    await deps.turn();
  }
  const why = await explainDifference(reading, deps.from);
  return why === null ? null : await giveUp(sink, why, deps);
}

/** Compares what was read with what is there now. A program may write into a file that is open. */
async function explainDifference({ source, crc32 }: Reading, from: FileStore): Promise<CopyEnd | null> {
  const now = await from.stat(source.name);
  if (!now.ok) return unreadable(now.error);
  if (now.value.size !== source.size || now.value.mtime !== source.mtime) return changed;
  return source.crc32 === undefined || source.crc32 === crc32 ? null : damaged;
}

/** Ends a put so that what has arrived of an upload can be gone on with. */
async function keep(sink: Sink, end: CopyEnd, { hold }: FillDeps): Promise<CopyEnd> {
  if (!hold.isTaken) await sink.abort();
  return end;
}

/** Ends a put whose bytes are of no use. A file that cannot be read may be readable later. */
async function giveUp(sink: Sink, end: CopyEnd, deps: FillDeps): Promise<CopyEnd> {
  await keep(sink, end, deps);
  const isUseful = end.type === 'failed' && end.code !== undefined;
  if (deps.upload !== undefined && !isUseful && !deps.hold.isTaken) await deps.to.cancel(deps.upload);
  return end;
}

/** A changed file has another key, so its bytes are never taken for those of the one before. */
function keyOf({ name, size, mtime }: FileInfo): string {
  const facts = JSON.stringify([name, size, mtime]);
  return `copy-${createHash('sha256').update(facts).digest('hex')}`;
}
