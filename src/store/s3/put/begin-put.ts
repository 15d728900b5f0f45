/** Begins a put: at once when it is one PUT and one transaction, else with the right to append. */
import { type Hash, randomUUID } from 'node:crypto';
import { hashFor } from '../../content-check.ts';
import type { Outcome, PutOptions, Sink } from '../../contract.ts';
import { err, ok } from '../../outcome.ts';
import { readerOf } from '../s3-source.ts';
import type { SegmentRow } from '../segments/segment-reader.ts';
import type { S3StoreState, UploadHolder } from '../store-state.ts';
import { beginUpload, type Grant, releaseUpload } from '../uploads.ts';
import { createS3Sink } from './s3-sink.ts';

/** Runs the work for an upload when all that came before for it is done. */
export type UploadTurns = <T>(key: string, work: () => Promise<Outcome<T>>) => Promise<Outcome<T>>;

export async function beginPut(
  state: S3StoreState,
  name: string,
  options: PutOptions,
  uploadTurns: UploadTurns,
): Promise<Outcome<Sink>> {
  const { upload, size } = options;
  const rules = await state.usage.rulesFor(name, state.quotas());
  if (state.isClosed) return err('shutting-down');
  const request = { name, options, rules };
  // It is begun when its bytes are there: one PUT and one transaction.
  if (upload === undefined && size <= state.segmentBytes)
    return ok(createS3Sink(state, { ...request, grant: null, hash: hashFor(options) }));
  const begin = async (): Promise<Outcome<Sink | HashingPut>> => {
    const begun = await beginUpload(state, { ...request, key: upload, file: randomUUID() });
    if (!begun.ok) return begun;
    const grant = begun.value;
    if (options.sha256 !== undefined && grant.offset > 0) return ok(holdWhileHashing(state, options, grant));
    return ok(createS3Sink(state, { ...request, grant, hash: hashFor(options) }));
  };
  const begun = upload === undefined ? await begin() : await uploadTurns(upload, begin);
  if (!begun.ok || !('hashing' in begun.value)) return begun as Outcome<Sink>;
  const { grant, end, hashing } = begun.value;
  try {
    const hash = await hashing;
    end();
    if (hash !== undefined) return ok(createS3Sink(state, { ...request, grant, hash }));
    return err(state.isClosed ? 'shutting-down' : 'upload-taken');
  } catch (thrown) {
    end();
    await releaseUpload(state, grant, true).catch(() => {});
    throw thrown;
  }
}

/** A put whose upload has bytes that must be read again. Until they are, it can lose the upload like any other. */
interface HashingPut {
  readonly grant: Grant;
  /** Undefined when it has lost the upload meanwhile. */
  readonly hashing: Promise<Hash | undefined>;
  readonly end: () => void;
}

function holdWhileHashing(state: S3StoreState, options: PutOptions, grant: Grant): HashingPut {
  let isLost = false;
  const lose = async () => {
    if (isLost) return;
    isLost = true;
    await releaseUpload(state, grant, true).catch(() => {});
  };
  const holder: UploadHolder = {
    take: async () => {
      if (!isLost) options.taken?.();
      await lose();
    },
    written: () => grant.offset,
    abort: lose,
  };
  state.holders.set(grant.key, holder);
  state.puts.add(holder);
  return {
    grant,
    hashing: hashOf(state, options, grant, () => isLost),
    end: () => {
      if (state.holders.get(grant.key) === holder) state.holders.delete(grant.key);
      state.puts.delete(holder);
    },
  };
}

/** A hash of what there is of an upload: its bytes are read again. Undefined when that is no longer wanted. */
async function hashOf(
  state: S3StoreState,
  options: PutOptions,
  grant: Grant,
  isOver: () => boolean,
): Promise<Hash | undefined> {
  const hash = hashFor(options);
  const rows = await state.database.rows<SegmentRow>(state.statements.segments, [grant.file, 0]);
  const reader = readerOf(state, grant.file, rows);
  const memory = new Uint8Array(HASHED_PIECE_BYTES);
  try {
    for (let at = 0; at < grant.offset; at += memory.length) {
      if (isOver()) return undefined;
      const length = Math.min(memory.length, grant.offset - at);
      hash?.update(await reader.read(at, length, memory));
    }
  } finally {
    reader.close();
  }
  return isOver() ? undefined : hash;
}

const HASHED_PIECE_BYTES = 256 * 1024;
